"""为什么批量越大，训练的有效性（收敛速度）会下降？

要检验的说法：批量大到一定程度，梯度不再变准多少，同样的轮数里更新次数却少了，所以要更多轮。
能推翻它的结果：批量越大，所需的更新次数一直按比例减少（轮数不变）；或者批量再小，轮数也在增加。
"""

# %% noise
import torch
from sklearn.datasets import load_digits
from torch.func import grad, vmap
from torch.nn.functional import cosine_similarity, cross_entropy

images, digits = load_digits(return_X_y=True)
X, y, N = torch.tensor(images, dtype=torch.float32) / 16, torch.tensor(digits), 1797


def loss_of(Ws, X, y):
    return cross_entropy((X @ Ws[0]).relu() @ Ws[1], y)


torch.manual_seed(0)
Ws = [torch.randn(a, b) * (2 / a) ** 0.5 for a, b in ((64, 32), (32, 10))]
sizes, stages = (1, 10, 100, 1000), {}
for step in range(101):
    if step in (0, 100):  # 每个样本各自的梯度 (1797, 2368)
        each = torch.cat([g.flatten(1) for g in vmap(grad(loss_of), (None, 0, 0))(Ws, X, y)], 1)
        stages[step] = each, each.mean(0), loss_of(Ws, X, y)
    rows = torch.randint(N, (64,))
    Ws = [W - 0.64 * g for W, g in zip(Ws, grad(loss_of)(Ws, X[rows], y[rows]))]
print("第 0 步和第 100 步的整体损失：", [round(loss.item(), 2) for _, _, loss in stages.values()])

# %% angle caption="小批量梯度与整体梯度的夹角余弦，1,000 次抽样的平均（点）与公式（线）。刚开始训练时，批量 100 的方向已经相当准，再大 10 倍好处不多；训练一会儿以后，整体梯度变小，同样的批量方向差得多。"
import matplotlib.pyplot as plt

fig, ax = plt.subplots(figsize=(5.2, 2.8))
noise, angle = {}, {}
for step, (each, whole, _) in stages.items():
    rows = [torch.randint(N, (1000, b)) for b in sizes]  # 每种批量随机抽 1,000 批
    draws = [torch.zeros(1000, N).scatter_add_(1, r, torch.ones(r.shape)) @ each / r.shape[1] for r in rows]
    noise[step] = torch.stack([(d - whole).norm(dim=1).square().mean().sqrt() for d in draws])
    angle[step] = torch.stack([cosine_similarity(d, whole[None]).mean() for d in draws])
    scale = (each - whole).norm(dim=1).square().mean() / whole.norm().square()  # 噪声尺度：噪声与梯度之比的平方
    line, b = ax.semilogx(sizes, angle[step], "o", label=f"第 {step} 次更新"), torch.logspace(0, 3, 50)
    ax.semilogx(b, (1 + scale / b) ** -0.5, color=line[0].get_color())
    print(f"第 {step:3d} 次更新：噪声尺度 {scale:.0f}；批量 {sizes} 的噪声", [round(v, 2) for v in noise[step].tolist()],
          "余弦", [round(v, 2) for v in angle[step].tolist()])
    level = noise[step] * torch.tensor(sizes).sqrt()
    assert (level / level[2] - 1).abs().max() < 0.2  # 噪声 ∝ 1/√批量，一直到 1,000 都没有停
ax.set(title="小批量梯度的方向有多准", xlabel="批量", ylabel="与整体梯度的余弦")
ax.legend()
assert angle[0][2] > 0.75 and angle[0][3] - angle[0][2] < 0.25 and angle[100][3] - angle[100][2] > 0.15

# %% steps
lrs, seeds = [0.04 * 2**k for k in range(7)], 5


def steps_to(batch, target=0.15):
    """7 个学习率 × 5 个种子一起训练，返回整体损失第一次低于 target 的更新次数 (7, 5)。"""
    torch.manual_seed(0)
    lr, every = torch.tensor(lrs).repeat_interleave(seeds).view(-1, 1, 1), max(1, min(40, 128 // batch))
    Ws = [(torch.randn(seeds, a, b) * (2 / a) ** 0.5).repeat(len(lrs), 1, 1) for a, b in ((64, 32), (32, 10))]
    done, step = torch.full((len(lrs), seeds), torch.inf), 0
    while step <= 2 * done.mean(1).min():  # 最好的学习率达标以后，再等同样久
        step += 1
        Ws, rows = [W.requires_grad_() for W in Ws], torch.randint(N, (seeds, batch)).repeat(len(lrs), 1)
        out = (X[rows] @ Ws[0]).relu() @ Ws[1]  # (35, 批量, 10)
        loss = cross_entropy(out.flatten(0, 1), y[rows].flatten(), reduction="sum") / batch
        Ws = [(W - lr * g).detach() for W, g in zip(Ws, torch.autograd.grad(loss, Ws))]
        if step % every == 0:
            out = ((X @ Ws[0]).relu() @ Ws[1]).transpose(1, 2)  # (35, 10, 1797)
            whole = cross_entropy(out, y.expand(len(out), -1), reduction="none").mean(1).view(done.shape)
            done[(whole < target) & done.isinf()] = step
    return done


# %% scaling caption="训练损失降到 0.15 所需的更新次数（左）和轮数（右），5 个种子的平均与标准差，每种批量用自己最好的学习率。批量小时，更新次数接近按比例减少（虚线），轮数只慢慢增加；过了几十，更新次数几乎不再减少，轮数直线上升。"
batches = torch.tensor([1, 4, 16, 64, 256, 1024])
results = [steps_to(b) for b in batches.tolist()]
best = [int(done.mean(1).argmin()) for done in results]  # 每种批量自己最好的学习率
steps = torch.stack([done[k] for done, k in zip(results, best)])  # (6, 种子)
epochs, lr = steps * batches[:, None] / N, torch.tensor(lrs)[best]
fig, axes = plt.subplots(1, 2, figsize=(5.2, 2.7), layout="constrained")
for ax, value, name in zip(axes, (steps, epochs), ("更新次数", "轮数")):
    ax.errorbar(batches, value.mean(1), value.std(1), fmt="o-", capsize=2)
    ax.set(xscale="log", yscale="log", title=name, xlabel="批量", ylabel=name)
axes[0].plot(batches[:4], steps[0].mean() / batches[:4], "--", label="按比例减少")
axes[0].legend()
print("批量：    ", batches.tolist())
print("学习率：  ", [round(v, 2) for v in lr.tolist()])
print("更新次数：", [f"{s.mean():.0f}±{s.std():.0f}" for s in steps])
print("轮数：    ", [f"{e.mean():.1f}±{e.std():.1f}" for e in epochs])
print(f"拐点（最多与最少的更新次数之比）：{steps[0].mean() / steps[-1].mean():.0f}")
assert epochs[2].mean() < 2.5 * epochs[0].mean() and steps[0].mean() > 6 * steps[2].mean()  # 16 倍批量，轮数差不多
assert epochs[5].mean() > 5 * epochs[3].mean() and steps[3].mean() < 4 * steps[5].mean()  # 再 16 倍，白费许多
assert lr[2] > 3 * lr[0] and lr[5] < 5 * lr[3]  # 学习率先跟着批量增大，后来就不再增大

# %% cost
from torch.utils.data import DataLoader
from torch.utils.flop_counter import FlopCounterMode

updates = {b: len(DataLoader(range(10_000), b)) for b in (100, 1000)}
print("10,000 个样本，一轮的更新次数：", updates)
flops = {}
for b in (100, 1000):
    with FlopCounterMode(display=False) as counter:
        loss_of([W.requires_grad_() for W in Ws], X[:b], y[:b]).backward()
    flops[b] = counter.get_total_flops()
print("一步的计算量（百万次）：", {b: round(f / 1e6, 1) for b, f in flops.items()})
assert flops[1000] == 10 * flops[100] and updates == {100: 100, 1000: 10}
