"""怎么找到合适的学习率？

要检验的说法：从小到大按数量级扫一遍就能找到；Adam、合理的初始化让可用的范围变宽，但没有哪个对学习率完全不敏感。
能推翻它的结果：Adam 在任何学习率下都能训练；初始化不影响可用的范围；越小的学习率最后越好。
"""

# %% critical
import torch
from sklearn.datasets import load_diabetes, load_digits

A, t = (torch.tensor(a, dtype=torch.float64) for a in load_diabetes(return_X_y=True))
A, t = (A - A.mean(0)) / A.std(0), (t - t.mean()) / t.std()
H = 2 * A.T @ A / len(A)
critical = (2 / torch.linalg.eigvalsh(H).max()).item()


def final_loss(lr, num_steps=300):
    w = torch.zeros(10, dtype=torch.float64)
    for _ in range(num_steps):
        w = w - lr * 2 * A.T @ (A @ w - t) / len(A)
    return ((A @ w - t) ** 2).mean().item()


table = {f"{m:g}": final_loss(m * critical) for m in (0.001, 0.1, 0.5, 0.99, 1.01)}
print("学习率 / 临界值 → 300 步后的损失：", {m: f"{loss:.3g}" for m, loss in table.items()})
assert table["0.99"] < 1.01 * table["0.5"]  # 差 1% 到临界值，照样收敛
assert table["0.001"] > table["0.1"] > table["0.5"] and table["1.01"] > 5 * table["0.5"]

# %% digits
images, digits = load_digits(return_X_y=True)
order = torch.randperm(len(digits), generator=torch.Generator().manual_seed(0))
X, y = torch.tensor(images, dtype=torch.float32)[order] / 16, torch.tensor(digits)[order]
lrs, seeds = torch.logspace(-5, 2, 15), 5  # 每个数量级两个
n, lr = len(lrs) * seeds, lrs.repeat_interleave(seeds).view(-1, 1, 1)
print("学习率从", f"{lrs[0]:g} 到 {lrs[-1]:g}，共 {len(lrs)} 个；训练 1,000 张，测试 {len(y) - 1000} 张")

# %% train
def train(optimizer, scale=1.0, num_steps=300):
    """15 个学习率 × 5 个种子一起训练 64-64-10 的网络，返回测试误差 % (15, 5)，发散的算 90。"""
    torch.manual_seed(0)
    params = [(torch.randn(seeds, a, b) * scale * (2 / a) ** 0.5).repeat(len(lrs), 1, 1)
              for a, b in ((64, 64), (64, 10))]
    m, v = ([torch.zeros_like(p) for p in params] for _ in range(2))
    for step in range(1, num_steps + 1):
        for p in params:
            p.requires_grad_()
        batch = torch.randint(1000, (seeds, 64)).repeat(len(lrs), 1)  # 每个种子有自己的批次
        out = (X[batch] @ params[0]).relu() @ params[1]  # (n, 64, 10)
        loss = torch.nn.functional.cross_entropy(out.flatten(0, 1), y[batch].flatten(), reduction="sum") / 64
        grads = torch.autograd.grad(loss, params)
        with torch.no_grad():
            for i, g in enumerate(grads):
                if optimizer == "Adam":
                    m[i], v[i] = 0.9 * m[i] + 0.1 * g, 0.999 * v[i] + 0.001 * g**2
                    g = (m[i] / (1 - 0.9**step)) / ((v[i] / (1 - 0.999**step)).sqrt() + 1e-8)
                params[i] = (params[i] - lr * g).detach()
    out = (X[1000:] @ params[0]).relu() @ params[1]
    wrong = (out.argmax(2) != y[1000:]).float().mean(1) * 100
    return torch.where(out.isfinite().all(2).all(1), wrong, 90.0).view(len(lrs), seeds)


arms = {"SGD": train("SGD"), "Adam": train("Adam"), "SGD，初始值放大 10 倍": train("SGD", scale=10.0)}
assert all(error.mean(1).min() < 13 for error in arms.values())

# %% sweep caption="测试误差与学习率，300 次更新，5 个种子的平均与范围。每条曲线都是盆形：太小来不及学，太大发散。盆底的位置和宽度取决于算法与初始化：Adam 的更靠左、更宽；初始值放大 10 倍，盆底变窄、变高。"
import matplotlib.pyplot as plt

fig, ax = plt.subplots(figsize=(5.2, 2.9))
for (name, error), style in zip(arms.items(), ("o-", "s--", "^:")):
    ax.semilogx(lrs, error.mean(1), style, label=name)
    ax.fill_between(lrs, error.min(1).values, error.max(1).values, alpha=0.15)
ax.set(title="从小到大扫一遍学习率", xlabel="学习率", ylabel="测试误差 %", ylim=(0, 100))
ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=3)

# %% width
usable = {name: lrs[error.mean(1) < 15] for name, error in arms.items()}
for name, good in usable.items():
    span = torch.log10(good.max() / good.min())
    print(f"{name}：误差低于 15% 的学习率从 {good.min():.1g} 到 {good.max():.1g}，跨 {span:.1f} 个数量级")
adam = arms["Adam"].mean(1)
print(f"Adam 在最小、最大的学习率：误差 {adam[0]:.0f}%、{adam[-1]:.0f}%")
assert adam[0] > 50 and adam[-1] > 50  # Adam 也不是对学习率不敏感
assert len(usable["Adam"]) > len(usable["SGD"])  # 但范围更宽
assert usable["Adam"].max() < usable["SGD"].max()  # 合适的学习率也不是同一个
assert len(usable["SGD，初始值放大 10 倍"]) < len(usable["SGD"])  # 差的初始化让范围变窄

# %% noise-floor caption="小批量（每批 4 个样本）的线性回归离最优损失还差多少，20 次重复的平均。固定学习率停在一个与学习率成正比的高度；先大后小才能既快又低。"
def excess(schedule, num_steps=12_000, batch=4, repeats=20):
    torch.manual_seed(0)
    w, best = torch.zeros(repeats, 10, dtype=torch.float64), torch.linalg.lstsq(A, t[:, None]).solution[:, 0]
    gaps = []
    for step in range(num_steps):
        rows = torch.randint(442, (repeats, batch))
        errors = (A[rows] * w[:, None]).sum(2) - t[rows]  # (20, 4)
        w = w - schedule(step) * 2 * (errors[..., None] * A[rows]).mean(1)
        gaps.append((((w - best) @ A.T) ** 2).mean().item())
    return torch.tensor(gaps).view(-1, 200).mean(1)  # 每 200 步平均


curves = {"固定 0.02": excess(lambda step: 0.02), "固定 0.005": excess(lambda step: 0.005),
          "从 0.02 降到 0": excess(lambda step: 0.02 * (1 - step / 12_000))}
fig, ax = plt.subplots(figsize=(5.2, 2.6))
for (name, gap), style in zip(curves.items(), ("-", "--", "-.")):
    ax.semilogy(torch.arange(60) * 200, gap, style, label=name)
ax.set(title="小批量时，学习率决定能降到多低", xlabel="更新次数", ylabel="离最优损失")
ax.legend()
floor = {name: gap[-15:].mean().item() for name, gap in curves.items()}
print("最后 3,000 步的平均：", {k: f"{v:.2g}" for k, v in floor.items()})
assert 3.3 < floor["固定 0.02"] / floor["固定 0.005"] < 5  # 学习率差 4 倍，高度也差约 4 倍
assert floor["从 0.02 降到 0"] < floor["固定 0.02"] / 4
