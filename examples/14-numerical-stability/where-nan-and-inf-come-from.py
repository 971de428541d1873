"""nan 和 inf 是怎么产生的，怎么解决？

要检验的说法：inf 是算出来的数太大（溢出）或非零数除以零；nan 是没有意义的运算；两者的原因与对策不同。
能推翻它的结果：1/0 得到 nan；减小学习率能消除 0/0 造成的 nan；发散的训练先出现 nan 后出现 inf。
"""

# %% operations
import torch
inf = torch.inf
ways = {"1/0": 1 / torch.tensor(0.0), "exp(100)": torch.tensor(100.0).exp(), "log(0)": torch.tensor(0.0).log(),
        "0/0": torch.tensor(0.0) / 0, "inf-inf": torch.tensor(inf) - inf, "0*inf": 0 * torch.tensor(inf),
        "inf/inf": torch.tensor(inf) / inf, "sqrt(-1)": torch.tensor(-1.0).sqrt(), "log(-1)": torch.tensor(-1.0).log()}
print("得到 ±inf：", "，".join(name for name, value in ways.items() if value.isinf()))
print("得到 nan： ", "，".join(name for name, value in ways.items() if value.isnan()))
assert [name for name, value in ways.items() if value.isinf()] == ["1/0", "exp(100)", "log(0)"]
assert sum(value.isnan().item() for value in ways.values()) == 6
assert ways["0/0"] != ways["0/0"]  # nan 不等于任何数，包括它自己

# %% dtypes
for dtype in (torch.float32, torch.bfloat16, torch.float16):
    info = torch.finfo(dtype)
    big, small = torch.tensor(70000.0).to(dtype), torch.tensor(1e-8).to(dtype)
    print(f"{str(dtype):15} 最大 {info.max:.1e}，70000 → {big.item():.0f}，1e-8 → {small.item():.1e}")
assert torch.tensor(70000.0).half().isinf() and torch.tensor(70000.0).bfloat16().isfinite()
assert torch.tensor(1e-8).half() == 0 and torch.tensor(1e-8).bfloat16() > 0  # 下溢成 0，之后一除就出事

# %% learning-rate caption="同一个线性回归（真实的 diabetes 数据，标准化后），学习率在临界值 2/λ 的 0.9 倍和 1.1 倍。实线收敛；虚线每步按固定倍数增长，直到超出 float32 的上限（点线）变成 inf，随后变成 nan，曲线就断了。"
from sklearn.datasets import load_diabetes, load_digits
import matplotlib.pyplot as plt

X, y = (torch.tensor(a, dtype=torch.float32) for a in load_diabetes(return_X_y=True))
X, y = (X - X.mean(0)) / X.std(0), (y - y.mean()) / y.std()
critical = 2 / torch.linalg.eigvalsh(2 * X.T @ X / len(X)).max()  # 2 / 最大特征值


def train(lr, steps):
    w, losses = torch.zeros(10), []
    for _ in range(steps):
        losses.append(((X @ w - y) ** 2).mean().item())
        w = w - lr * 2 * X.T @ (X @ w - y) / len(X)
    return torch.tensor(losses)


runs = {"0.9 × 临界学习率": train(0.9 * critical, 600), "1.1 × 临界学习率": train(1.1 * critical, 600)}
fig, ax = plt.subplots(figsize=(5.2, 2.8))
for (label, losses), style in zip(runs.items(), ("-", "--")):
    ax.semilogy(losses, style, label=label)
ax.axhline(torch.finfo(torch.float32).max, color="gray", linestyle=":")
ax.set(title="学习率越过临界值，损失就会溢出", xlabel="更新次数", ylabel="损失")
ax.legend()
assert runs["0.9 × 临界学习率"][-1] < 1 and runs["1.1 × 临界学习率"].isinf().any()

# %% order
diverged = runs["1.1 × 临界学习率"]
first_inf, first_nan = (int(mask.nonzero()[0]) for mask in (diverged.isinf(), diverged.isnan()))
print("学习率过大：先 inf 再 nan：", first_inf < first_nan)
poisoned = X.clone()
poisoned[0, 0] = torch.nan  # 一个缺失值
w = torch.zeros(10)
for _ in range(2):
    w = w - 1e-6 * 2 * poisoned.T @ (poisoned @ w - y) / len(y)
print("数据里有一个 nan，学习率 1e-6，两步之后 nan 权重的个数：", int(w.isnan().sum()), "/ 10")
digits, label = (torch.tensor(a) for a in load_digits(return_X_y=True))
standard = (digits - digits.mean(0)) / digits.std(0)  # 有三个像素永远是 0，标准差也是 0
print("手写数字标准化之后，整列都是 nan 的列：", standard.isnan().all(0).nonzero().flatten().tolist())
assert first_inf < first_nan and runs["0.9 × 临界学习率"].isfinite().all()
assert w.isnan().all() and standard.isnan().any(0).sum() == 3

# %% classify
from torch.nn.functional import cross_entropy
for lr in (0.5, 50.0):
    torch.manual_seed(0)
    params = [torch.randn(5, 64, 64) * (2 / 64) ** 0.5, torch.randn(5, 64, 10) / 8]  # 5 个种子
    for _ in range(200):
        for p in params:
            p.requires_grad_()
        logits = (digits.float() / 16 @ params[0]).relu() @ params[1]  # (5, 1797, 10)
        loss = cross_entropy(logits.mT, label.expand(5, -1), reduction="none").mean(1)
        grads = torch.autograd.grad(loss.sum(), params)
        params = [(p - lr * g).detach() for p, g in zip(params, grads)]
    print(f"分类网络，学习率 {lr}：200 步后的损失", [round(v, 3) for v in loss.tolist()])
    assert loss.isfinite().all() and (loss.max() < 0.3 if lr < 1 else not logits.any())  # 全部死掉，输出都是 0

# %% init-and-softmax
def forward(std, depth=100, width=256):
    torch.manual_seed(0)
    h = torch.randn(1, width)
    for _ in range(depth):
        h = torch.relu(h @ (torch.randn(width, width) * std))
    return h


print("100 层 ReLU，权重标准差 1：", "溢出" if not forward(1.0).isfinite().all() else "有限",
      "；(2/256)½：", "有限" if forward((2 / 256) ** 0.5).isfinite().all() else "溢出",
      "；0.01：", "全是 0" if not forward(0.01).any() else "不是 0")
logits = torch.tensor([1000.0, 0.0])
naive = (logits.exp() / logits.exp().sum()).log()
print("log(softmax) 直接算：", naive.tolist(), "，log_softmax：", torch.log_softmax(logits, 0).tolist())
assert not forward(1.0).isfinite().all() and forward(1.0, depth=5).isfinite().all()  # 层数少，就不溢出
assert 0.01 < forward((2 / 256) ** 0.5).std() < 100 and not forward(0.01).any()  # 太小，信号下溢成 0
assert naive[0].isnan() and torch.log_softmax(logits, 0).isfinite().all()

# %% gradient
x = torch.zeros(1, requires_grad=True)
(x.sqrt() * 0).sum().backward()  # 值是 0，梯度是 0 * inf
print("sqrt(0) * 0 的梯度：", x.grad.item())
z = torch.zeros(1, requires_grad=True)
torch.where(z > 0, z.sqrt(), 0 * z).sum().backward()  # where 挡住了值，挡不住梯度
print("用 where 挡住之后： ", z.grad.item())
safe = torch.zeros(1, requires_grad=True)
torch.where(safe > 0, safe.clamp(min=1e-12).sqrt(), 0 * safe).sum().backward()  # 先把输入变安全
print("先 clamp 再 sqrt：  ", safe.grad.item())
zero, tiny = (g / g.square().sum().sqrt() for g in (torch.zeros(3), torch.full((3,), 1e-30)))  # 平方下溢成 0
print("梯度除以自己的长度：0 得", zero[0].item(), "，1e-30 得", tiny[0].item())
w.grad = torch.full_like(w, inf)
torch.nn.utils.clip_grad_norm_([w], 1.0)
print("inf 的梯度裁剪之后：", w.grad[0].item())
assert x.grad.isnan() and z.grad.isnan() and safe.grad == 0
assert zero.isnan().all() and tiny.isinf().all() and w.grad.isnan().all()

# %% anomaly raises="RuntimeError"
import warnings
warnings.simplefilter("ignore")
with torch.autograd.detect_anomaly():  # 慢，但会指出 nan 是哪个运算产生的
    (torch.zeros(1, requires_grad=True).sqrt() * 0).sum().backward()
