"""损失为什么要取平均？

要检验的说法：取平均让梯度的期望不随批量变化，学习率不必跟着批量改；求和等于把学习率乘以批量（只对 SGD 成立）。
能推翻它的结果：平均损失的梯度随批量成倍变大；或者求和并把学习率除以 n 之后，SGD 的轨迹不同；
或者小批量能用的最大学习率与整批的一样大。
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
scaled = 2 * ((100 * X) @ w - y) @ (100 * X) / 442  # 特征没有标准化：放大 100 倍
assert scaled.norm() > 50 * whole.norm()  # 平均了，梯度照样很大

# %% noise
for b in (4, 64):
    mean = samples["取平均"][b].mean(0)
    print(f"批量 {b:2d}：平均的梯度离整体梯度 {(mean - whole).norm() / whole.norm():.1%}，"
          f"单次的波动 {(samples['取平均'][b] - whole).norm(dim=1).square().mean().sqrt() / whole.norm():.0%}")
noise = {b: (samples["取平均"][b] - whole).square().sum(1).mean().sqrt().item() for b in sizes}
print("批量每乘 4，波动变成几倍：", [round(noise[4 * b] / noise[b], 2) for b in sizes[:-1]])
assert all((samples["取平均"][b].mean(0) - whole).norm() < 1.6 * noise[b] / 500**0.5 for b in sizes)  # 期望不变
assert all(abs(noise[4 * b] / noise[b] - 0.5) < 0.06 for b in sizes[:-1])  # 波动按平方根减小

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
    "SGD，学习率不变": same(descend("SGD", "mean", 0.05), descend("SGD", "sum", 0.05)),
    "SGD + 权重衰减": same(descend("SGD", "mean", 0.05, weight_decay=0.1),
                        descend("SGD", "sum", 0.05 / 32, weight_decay=0.1)),
    "Adam，学习率除以 n": same(descend("Adam", "mean", 0.05), descend("Adam", "sum", 0.05 / 32)),
    "Adam，学习率不变": torch.allclose(descend("Adam", "mean", 0.05), descend("Adam", "sum", 0.05), rtol=1e-4),
}
print("求和与取平均轨迹相同（未注明的，求和时学习率除以 n）：", results)
assert list(results.values()) == [True, False, False, False, True]

# %% largest
critical = (2 / torch.linalg.eigvalsh(2 * X.T @ X / 442).max()).item()
tries = critical * torch.logspace(-1.7, 0.1, 28, dtype=torch.float64)
batches = [1, 4, 16, 64]


def largest(batch, repeats=20, num_steps=400):
    """所有学习率与重复一起训练，返回每次重复里从小到大连续可用的最大学习率 (20,)。"""
    lr, w = tries.repeat_interleave(repeats)[:, None], torch.zeros(28 * repeats, 10, dtype=torch.float64)
    for _ in range(num_steps):
        rows = torch.randint(442, (repeats, batch)).repeat(28, 1)  # (560, 批量)
        errors = torch.einsum("nbd,nd->nb", X[rows], w) - y[rows]
        w = w - lr * 2 * torch.einsum("nb,nbd->nd", errors, X[rows]) / batch
    fine = ((w @ X.T - y).square().mean(1) < y.square().mean()).view(28, repeats)
    return tries[(fine.cumprod(0).sum(0) - 1).clamp(min=0)]


torch.manual_seed(0)
top = torch.stack([largest(b) for b in batches])  # (4, 20)

# %% stable caption="能用的最大学习率（400 步后损失仍低于起点，20 次重复的中位数与 10%–90% 范围）。求和的随批量变小；取平均的接近整批的临界值 2/λ（虚线），但批量很小时噪声使它明显变小。"
fig, ax = plt.subplots(figsize=(5.2, 2.7))
for label, values, style in (("取平均", top, "o-"), ("求和", top / torch.tensor(batches)[:, None], "s--")):
    ax.loglog(batches, values.median(1).values, style, label=label)
    ax.fill_between(batches, values.quantile(0.1, 1), values.quantile(0.9, 1), alpha=0.2)
ax.axhline(critical, color="gray", linestyle=":", label="整批的临界值")
ax.set(title="能用的最大学习率", xlabel="批量大小", ylabel="学习率")
ax.legend()
share = {b: (t / critical).median().item() for b, t in zip(batches, top)}
print("取平均：能用的最大学习率 / 整批的临界值：", {b: round(v, 1) for b, v in share.items()})
assert share[1] < 0.5 < 0.7 < share[16] and share[64] / share[16] < 1.5  # 批量很小时变小，16 以上变化不大
assert share[4] / share[1] > 1.8 and share[1] / (share[4] / 4) < 2.2  # 批量很小时，取平均改得更多
assert (share[16] / 16) / (share[64] / 64) > 2.5  # 同样的两种批量，求和的相差约 4 倍
