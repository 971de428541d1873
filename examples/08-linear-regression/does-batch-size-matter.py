"""批量大小会影响最终结果吗？过小会让梯度不准吗？

要检验的说法：小批量的梯度没有偏差，只有噪声；同样的轮数小批量占优，同样的更新次数大批量占优；训练够久就差不多。
能推翻它的结果：小批量的梯度有偏差；两种比法得出同样的次序；训练够久以后仍有明显的差距。
"""

# %% unbiased timeout=300
import torch
from sklearn.datasets import load_digits
from torch.nn.functional import cross_entropy

images, digits = load_digits(return_X_y=True)
order = torch.randperm(len(digits), generator=torch.Generator().manual_seed(0))
X, y = torch.tensor(images, dtype=torch.float32)[order] / 16, torch.tensor(digits)[order]
X_train, y_train, X_test, y_test = X[:1000], y[:1000], X[1000:], y[1000:]
torch.manual_seed(0)
W = 0.1 * torch.randn(64, 10)
delta = torch.softmax(X_train @ W, 1) - torch.nn.functional.one_hot(y_train, 10)
each = (X_train[:, :, None] * delta[:, None, :]).flatten(1)  # (1000, 640) 每个样本的梯度
whole = each.mean(0)
for b in (4, 64):
    draws = torch.stack([each[torch.randint(1000, (b,))].mean(0) for _ in range(4000)])
    bias, spread = (draws.mean(0) - whole).norm(), (draws - whole).norm(dim=1).square().mean().sqrt()
    print(f"批量 {b:2d}：4,000 次平均离整体梯度 {bias / whole.norm():.1%}，单次离整体梯度 {spread / whole.norm():.0%}")
    assert bias < 1.2 * spread / 4000**0.5  # 平均下来没有偏差
    assert abs(spread / (each - whole).norm(dim=1).square().mean().sqrt() * b**0.5 - 1) < 0.05  # 噪声 ∝ 1/√批量

# %% train
lrs, seeds = [0.1, 0.3, 1.0], 5


def train(batch, num_steps, record):
    """3 个学习率 × 5 个种子一起训练 64-64-10 的网络，返回各时刻的测试误差 % (时刻, 3, 5)。"""
    torch.manual_seed(0)
    lr = torch.tensor(lrs).repeat_interleave(seeds).view(-1, 1, 1)
    params = [(torch.randn(seeds, a, b) * (2 / a) ** 0.5).repeat(len(lrs), 1, 1) for a, b in ((64, 64), (64, 10))]
    errors = []
    for step in range(1, num_steps + 1):
        params = [p.requires_grad_() for p in params]
        rows = torch.randint(1000, (seeds, batch)).repeat(len(lrs), 1)  # 每个种子有自己的批次
        out = (X_train[rows] @ params[0]).relu() @ params[1]  # (15, 批量, 10)
        loss = cross_entropy(out.flatten(0, 1), y_train[rows].flatten(), reduction="sum") / batch
        params = [(p - lr * g).detach() for p, g in zip(params, torch.autograd.grad(loss, params))]
        if step in record:
            out = (X_test @ params[0]).relu() @ params[1]
            errors.append(((out.argmax(2) != y_test).float().mean(1) * 100).view(len(lrs), seeds))
    return torch.stack(errors)


updates = [20, 40, 80, 160, 320, 640, 1280, 2560]
results = {batch: train(batch, 2560, updates) for batch in (4, 16, 64, 256)}
best = {batch: e[torch.arange(8), e.mean(2).argmin(1)] for batch, e in results.items()}  # 每个时刻各自最好的学习率 (8, 5)
print("2,560 次更新后的测试误差 %：", {b: f"{e[-1].mean():.1f} ± {e[-1].std():.1f}" for b, e in best.items()})
assert all(e[-1].mean() < 6 for e in best.values())

# %% two-views caption="同样的训练，两种横轴，5 个种子的平均，每点用各自最好的学习率。按更新次数比（左），批量越大越快；按看过的样本数比（右），小批量更快，但 4 只在头几轮领先 16，约 5 轮起就不再更好。到最后，16 以上的批量都在同一水平；批量 4 这时只训练了 10 轮，还在下降。"
import matplotlib.pyplot as plt

fig, axes = plt.subplots(1, 2, figsize=(5.2, 2.7), sharey=True, layout="constrained")
for (batch, error), style in zip(best.items(), ("-", "--", ":", "-.")):
    axes[0].loglog(updates, error.mean(1), style, label=f"批量 {batch}")
    axes[1].loglog([u * batch / 1000 for u in updates], error.mean(1), style)
ticks = [3, 5, 10, 20, 50]
axes[0].set_yticks(ticks, [str(tick) for tick in ticks])
for ax in axes:
    ax.minorticks_off()
axes[0].set(title="按更新次数", xlabel="更新次数", ylabel="测试误差 %")
axes[1].set(title="按看过的样本", xlabel="轮数（epoch）")
axes[0].legend(fontsize=7)

# %% verdict
same_updates = {b: e[3].mean().item() for b, e in best.items()}  # 都是 160 次更新
print("160 次更新：", {b: round(e, 1) for b, e in same_updates.items()})
same_epochs = {4: best[4][6], 16: best[16][4], 64: best[64][2], 256: best[256][0]}  # 都约 5 轮
print("约 5 轮：   ", {b: round(e.mean().item(), 1) for b, e in same_epochs.items()})
assert same_updates[4] > same_updates[16] > same_updates[64] + 0.5 and same_updates[4] > same_updates[256] + 4
assert max(same_epochs[b].mean() for b in (4, 16, 64)) < same_epochs[256].mean() - 5  # 次序反过来了
assert same_epochs[16].mean() < same_epochs[64].mean()
final = torch.stack([best[b][-1].mean() for b in (16, 64, 256)])
print(f"训练到底：16、64、256 之间最多相差 {final.max() - final.min():.1f} 个百分点（797 张测试图，3% 时标准误约 0.6）")
assert final.max() - final.min() < 1
