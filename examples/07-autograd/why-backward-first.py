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
def saved_bytes(run):
    sizes = []

    def keep(tensor):
        sizes.append(tensor.numel() * tensor.element_size())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        run()
    return sum(sizes)


recorded = saved_bytes(lambda: net(X))
with torch.no_grad():
    skipped = saved_bytes(lambda: net(X))
print(f"前向为反向留下的数据：{recorded / 1e6:.1f} MB，no_grad() 里：{skipped} MB")
assert recorded > X.numel() * 4 * 8 and skipped == 0  # 至少每层的输入

# %% accumulate caption="同样从 0 出发走向 3，步长 0.1。每步先清零就收敛；忘了清零，梯度越加越多，参数来回摆动，不收敛。"
import matplotlib.pyplot as plt


def train(zero):
    w, path = torch.zeros(1, requires_grad=True), []
    for _ in range(60):
        if zero:
            w.grad = None
        (w - 3).square().sum().backward()
        w.data -= 0.1 * w.grad
        path.append(w.item())
    return path


paths = {"每步清零": train(True), "忘了清零": train(False)}
fig, ax = plt.subplots(figsize=(5.2, 2.6))
for (label, path), style in zip(paths.items(), ("-", "--")):
    ax.plot(path, style, label=label)
ax.set(title="backward() 是累加，不是覆盖", xlabel="更新次数", ylabel="参数 w（目标 3）")
ax.legend()
assert abs(paths["每步清零"][-1] - 3) < 1e-4
assert max(abs(w - 3) for w in paths["忘了清零"][-20:]) > 2  # 到最后还在摆动

# %% twice raises="RuntimeError"
kept = (w * w).sum()
kept.backward(retain_graph=True)
first = w.grad.clone()
kept.backward()  # 留着图，可以再来一遍：又加了一份
assert torch.equal(w.grad - first, 2 * w.detach())
kept.backward()  # 图已经释放
