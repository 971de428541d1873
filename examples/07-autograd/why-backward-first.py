"""为什么要先 backward() 才有 .grad？

要检验的说法：前向只记录、不求导；backward() 才沿图计算，并把结果加到叶子的 .grad 上。
能推翻它的结果：backward() 之前 .grad 就有值；第二次 backward() 覆盖而不是累加；反向并不比前向贵。
"""

# %% before
import warnings

import torch

w = torch.tensor([1.0, 2.0], requires_grad=True)
y = w * 3
loss = (y**2).sum()
print("backward 之前：", w.grad)
loss.backward()
print("backward 之后：", w.grad)  # d loss / d w = 18 w

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    inner = y.grad  # y 是算出来的，不是叶子
print("中间结果 y.grad：", inner, "，警告：", str(caught[0].message)[:52])
assert torch.equal(w.grad, 18 * w.detach())
assert inner is None and "not a leaf Tensor" in str(caught[0].message)

# %% none
fresh = torch.tensor([1.0, 2.0], requires_grad=True)
out = (3 * fresh).square().sum()
assert fresh.grad is None  # 前向做完了，仍然没有
(direct,) = torch.autograd.grad(out, fresh)
print("torch.autograd.grad 的返回值：", direct, "，.grad：", fresh.grad)
assert torch.equal(direct, 18 * fresh.detach()) and fresh.grad is None

middle = fresh * 2
middle.retain_grad()  # 中间结果要事先说好才留
middle.sum().backward()
assert torch.equal(middle.grad, torch.ones(2))

# %% cost
from torch.utils.flop_counter import FlopCounterMode

layers = [torch.nn.Linear(256, 256) for _ in range(8)]
net = torch.nn.Sequential(*layers)
X = torch.randn(64, 256)
with FlopCounterMode(display=False) as forward:
    result = net(X).sum()
with FlopCounterMode(display=False) as backward:
    result.backward()
ratio = backward.get_total_flops() / forward.get_total_flops()
print(f"8 层：反向的乘加次数是前向的 {ratio:.2f} 倍")  # 每层对权重、对输入各一次矩阵乘，第一层不必对输入
assert ratio == 2 - 1 / 8

# %% saved
owned = {X.data_ptr()} | {p.data_ptr() for p in net.parameters()}


def saved_bytes(run):
    sizes = []

    def keep(tensor):
        if tensor.data_ptr() not in owned:  # 权重和 X 本来就在内存里，留着不算多占
            sizes.append(tensor.numel() * tensor.element_size())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        run()
    return sum(sizes)


recorded = saved_bytes(lambda: net(X))
with torch.no_grad():
    skipped = saved_bytes(lambda: net(X))
print(f"前向为反向多留的数据：{recorded / 1e6:.2f} MB，no_grad() 里：{skipped} MB")
assert recorded == 7 * X.numel() * 4 and skipped == 0  # 正好是 7 个中间结果

# %% accumulate caption="同样从 0 出发走向 3，步长 0.1。每步先清零就收敛；忘了清零，旧梯度一直推着走，越过目标后才被新梯度慢慢抵消，于是来回摆动，既不收敛也不发散。"
import matplotlib.pyplot as plt


def train(zero, momentum=0.0):
    w, path = torch.zeros(1, requires_grad=True), []
    optimizer = torch.optim.SGD([w], lr=0.1, momentum=momentum)
    for _ in range(60):
        if zero:
            optimizer.zero_grad()
        (w - 3).square().sum().backward()
        optimizer.step()
        path.append(w.item())
    return path


paths = {"每步清零": train(True), "忘了清零": train(False)}
fig, ax = plt.subplots(figsize=(5.2, 2.6))
for (label, path), style in zip(paths.items(), ("-", "--")):
    ax.plot(path, style, label=label)
ax.set(title="backward() 是累加，不是覆盖", xlabel="更新次数", ylabel="参数 w（目标 3）", ylim=(-0.5, 8.5))
ax.legend(ncol=2, loc="upper center")
assert abs(paths["每步清零"][-1] - 3) < 1e-4
assert 2 < max(abs(w - 3) for w in paths["忘了清零"][-20:]) < 4  # 到最后还在摆动，也没有越摆越大
torch.testing.assert_close(paths["忘了清零"], train(True, momentum=1.0), rtol=0, atol=1e-3)

# %% batches
whole, parts = (torch.zeros(256, 10, requires_grad=True) for _ in range(2))
((X @ whole - 1) ** 2).sum().backward()
for part in X.split(16):  # 64 个样本分成 4 小批，累加
    ((part @ parts - 1) ** 2).sum().backward()
print("4 小批累加与一次整批相同：", torch.allclose(whole.grad, parts.grad, rtol=1e-3, atol=1e-3))
torch.testing.assert_close(whole.grad, parts.grad, rtol=1e-3, atol=1e-3)

torch.optim.SGD([parts], lr=0.1).zero_grad()
print("zero_grad() 之后：", parts.grad)
assert parts.grad is None  # 不是 0

# %% twice raises="RuntimeError"
kept = (w * w).sum()
kept.backward(retain_graph=True)
first = w.grad.clone()
kept.backward()  # 留着图，可以再来一遍：又加了一份
assert torch.equal(w.grad - first, 2 * w.detach())
plain = w.sum()  # 求和的反向不需要任何数据，没有什么可释放
plain.backward()
plain.backward()  # 再来一遍也不报错
assert torch.equal(w.grad - first, 2 * w.detach() + 2)
kept.backward()  # 平方要用到 w，留着的数据已经释放
