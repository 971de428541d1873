"""损失为什么要取平均？

要检验的说法：取平均让梯度的期望不随批量变化，学习率不必跟着批量改；求和等于把学习率乘以批量（只对 SGD 成立）。
能推翻它的结果：平均损失的梯度随批量成倍变大；或者求和并把学习率除以 n 之后，SGD 的轨迹不同。
"""

# %% data
import torch
from sklearn.datasets import load_diabetes

X, y = (torch.tensor(a, dtype=torch.float64) for a in load_diabetes(return_X_y=True))
X, y = (X - X.mean(0)) / X.std(0), (y - y.mean()) / y.std()


def gradient(w, rows, reduction):
    errors = X[rows] @ w - y[rows]
    total = 2 * errors @ X[rows]  # 平方损失之和的梯度
    return total / len(rows) if reduction == "mean" else total


w = torch.zeros(10, dtype=torch.float64)
whole = gradient(w, torch.arange(442), "mean")
w_auto = w.clone().requires_grad_()
torch.nn.functional.mse_loss(X @ w_auto, y).backward()  # MSELoss 默认就是取平均
torch.testing.assert_close(w_auto.grad, whole)
print("mse_loss 的梯度就是平均的梯度：", torch.allclose(w_auto.grad, whole))

# %% size caption="同一个 w 处，不同批量的梯度长度（500 次随机抽样的平均与 5%–95% 范围）。求和的梯度随批量成比例变大；取平均的不随批量变大，小批量时略长是因为噪声也有长度。"
import matplotlib.pyplot as plt

torch.manual_seed(0)
sizes = [1, 4, 16, 64, 256]
samples = {name: {b: torch.stack([gradient(w, torch.randint(442, (b,)), reduction) for _ in range(500)])
                  for b in sizes} for name, reduction in (("求和", "sum"), ("取平均", "mean"))}
fig, ax = plt.subplots(figsize=(5.2, 2.7))
for (name, grads), style in zip(samples.items(), ("o-", "s--")):
    norms = torch.stack([grads[b].norm(dim=1) for b in sizes])  # (5, 500)
    ax.loglog(sizes, norms.mean(1), style, label=name)
    ax.fill_between(sizes, norms.quantile(0.05, 1), norms.quantile(0.95, 1), alpha=0.2)
ax.set(title="批量越大，梯度越长吗", xlabel="批量大小", ylabel="梯度的长度")
ax.legend()
ratio = {name: (grads[256].norm(dim=1).mean() / grads[16].norm(dim=1).mean()).item() for name, grads in samples.items()}
print("批量从 16 到 256，梯度长度变成几倍：", {k: round(v, 1) for k, v in ratio.items()})
assert 9 < ratio["求和"] < 16 and 0.5 < ratio["取平均"] < 1

# %% noise
for b in (4, 64):
    mean = samples["取平均"][b].mean(0)
    print(f"批量 {b:2d}：平均的梯度离整体梯度 {(mean - whole).norm() / whole.norm():.1%}，"
          f"单次的波动 {(samples['取平均'][b] - whole).norm(dim=1).square().mean().sqrt() / whole.norm():.0%}")
noise = {b: (samples["取平均"][b] - whole).square().sum(1).mean().sqrt().item() for b in sizes}
print("批量每乘 4，波动变成几倍：", [round(noise[4 * b] / noise[b], 2) for b in sizes[:-1]])
assert all(abs(noise[4 * b] / noise[b] - 0.5) < 0.06 for b in sizes[:-1])  # 期望不变，波动按平方根减小

# %% trajectories
def descend(optimizer, reduction, lr, batch=32, num_steps=100, **options):
    torch.manual_seed(0)
    w = torch.zeros(10, dtype=torch.float64, requires_grad=True)
    step = getattr(torch.optim, optimizer)([w], lr=lr, **options)
    for _ in range(num_steps):
        w.grad = gradient(w.detach(), torch.randint(442, (batch,)), reduction)
        step.step()
    return w.detach()


def same(a, b):
    return torch.allclose(a, b, rtol=1e-6, atol=1e-9)


results = {
    "SGD": same(descend("SGD", "mean", 0.05), descend("SGD", "sum", 0.05 / 32)),
    "SGD + 权重衰减": same(descend("SGD", "mean", 0.05, weight_decay=0.1),
                        descend("SGD", "sum", 0.05 / 32, weight_decay=0.1)),
    "Adam，学习率除以 n": same(descend("Adam", "mean", 0.05), descend("Adam", "sum", 0.05 / 32)),
    "Adam，学习率不变": torch.allclose(descend("Adam", "mean", 0.05), descend("Adam", "sum", 0.05), rtol=1e-4),
}
print("“求和，学习率除以 n”与“取平均”轨迹相同：", results)
assert list(results.values()) == [True, False, False, True]

# %% stable
top = torch.linalg.eigvalsh(2 * X.T @ X).max().item()  # 损失之和的最大曲率
for n in (442, 221):
    curvature = torch.linalg.eigvalsh(2 * X[:n].T @ X[:n]).max().item()
    print(f"{n} 个样本：求和的临界学习率 {2 / curvature:.5f}，取平均的 {2 * n / curvature:.2f}")
half = torch.linalg.eigvalsh(2 * X[:221].T @ X[:221]).max().item()
assert abs((442 / top) / (221 / half) - 1) < 0.15 and 1.7 < top / half < 2.3
