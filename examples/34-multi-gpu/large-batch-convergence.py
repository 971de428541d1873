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
sizes, seeds, stages = (10, 100, 1000), 5, {}  # 5 个种子的网络一起训练
Ws = [torch.randn(seeds, a, b) * (2 / a) ** 0.5 for a, b in ((64, 32), (32, 10))]
for step in range(401):
    if step in (0, 400):  # 每个样本各自的梯度，每个种子 (1797, 2368)
        stages[step] = [torch.cat([g.flatten(1) for g in vmap(grad(loss_of), (None, 0, 0))(one, X, y)], 1)
                        for one in zip(*Ws)]
        print(f"第 {step} 步的整体损失：", [round(loss_of(one, X, y).item(), 2) for one in zip(*Ws)])
    rows = torch.randint(N, (seeds, 64))
    Ws = [W - 0.64 * g for W, g in zip(Ws, vmap(grad(loss_of))(Ws, X[rows], y[rows]))]

# %% angle caption="小批量梯度与整体梯度的夹角余弦：点是每个种子 200 次抽样的平均，再对 5 个网络取平均与标准差；线是公式。刚开始训练时，批量 100 的方向已经相当准，再大 10 倍好处不多；训练一会儿以后，整体梯度变小，同样的批量方向差得多。"
import matplotlib.pyplot as plt

fig, ax = plt.subplots(figsize=(5.2, 2.8))
angle, many = {}, torch.logspace(1, 3, 20)
for step, runs in stages.items():
    rows = [torch.randint(N, (200, b)) for b in sizes]  # 每种批量随机抽 200 批，有放回
    picks = torch.cat([torch.zeros(200, N).scatter_add_(1, r, torch.ones(r.shape)) / r.shape[1] for r in rows])
    wholes = [each.mean(0) for each in runs]
    draws = [(picks @ each).view(len(sizes), 200, -1) for each in runs]  # (批量, 抽样, 参数)
    angle[step] = torch.stack([cosine_similarity(d, G, dim=2).mean(1) for d, G in zip(draws, wholes)])  # (种子, 批量)
    noise = torch.stack([(d - G).square().sum(2).mean(1) for d, G in zip(draws, wholes)]).mean(0).sqrt()
    scale = torch.stack([(e - G).square().sum(1).mean() / G.square().sum() for e, G in zip(runs, wholes)])
    line = ax.errorbar(sizes, angle[step].mean(0), angle[step].std(0), fmt="o", capsize=2, label=f"第 {step} 次更新")
    ax.plot(many, (1 + scale[:, None] / many).rsqrt().mean(0), color=line[0].get_color())
    print(f"第 {step} 次更新，批量 {sizes}：噪声 {[round(v, 2) for v in noise.tolist()]}，"
          f"余弦 {[round(v, 2) for v in angle[step].mean(0).tolist()]}，噪声尺度 {[round(v) for v in scale.tolist()]}")
    assert ((noise / noise[1]) * (torch.tensor(sizes) / 100).sqrt() - 1).abs().max() < 0.15  # 噪声 ∝ 1/√批量
kinds = [y[r].unsqueeze(2).eq(torch.arange(10)).any(1).sum(1).float().mean().item() for r in rows]
print("一批里平均有几种数字：", [round(k, 1) for k in kinds])
ax.set(xscale="log", title="小批量梯度的方向有多准", xlabel="批量", ylabel="与整体梯度的余弦")
ax.minorticks_off(), ax.legend()
assert kinds[0] < 8 and kinds[1] > 9.9 and angle[0][:, 1].min() > 0.75
assert (angle[400][:, 2] - angle[400][:, 1]).min() > 0.1 and (angle[0] - angle[400])[:, 1].min() > 0.1

# %% steps
lrs = [0.04 * 2**k for k in range(7)]


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


# %% scaling caption="训练损失降到 0.15 所需的更新次数（左）和轮数（右），5 个种子的平均与标准差，每种批量用自己最好的学习率。批量小时，更新次数接近按比例减少（虚线），轮数只慢慢增加；过了几十，批量再大 16 倍，更新次数也只减少一半，轮数直线上升。"
batches = torch.tensor([1, 4, 16, 64, 256, 1024])
results = [steps_to(b) for b in batches.tolist()]
best = [int(done.mean(1).argmin()) for done in results]  # 每种批量自己最好的学习率
steps = torch.stack([done[k] for done, k in zip(results, best)])  # (6, 种子)
epochs, lr = steps * batches[:, None] / N, torch.tensor(lrs)[best]
fig, axes = plt.subplots(1, 2, figsize=(5.2, 2.7), layout="constrained")
for ax, value, name in zip(axes, (steps, epochs), ("更新次数", "轮数")):
    ax.errorbar(batches, value.mean(1), value.std(1), fmt="o-", capsize=2)
    ax.set(xscale="log", yscale="log", title=name, xlabel="批量", ylabel=name), ax.minorticks_off()
axes[0].plot(batches[:4], steps[0].mean() / batches[:4], "--", label="按比例减少")
axes[0].legend()
print("批量：    ", batches.tolist())
print("学习率：  ", [round(v, 2) for v in lr.tolist()])
print("更新次数：", [f"{s.mean():.0f}±{s.std():.0f}" for s in steps])
print("轮数：    ", [f"{e.mean():.1f}±{e.std():.1f}" for e in epochs])
print(f"拐点（最多与最少的更新次数之比）：{steps[0].mean() / steps[-1].mean():.0f}")
assert epochs[2].mean() < 2.5 * epochs[0].mean() and steps[0].mean() > 6 * steps[2].mean()  # 16 倍批量，轮数差不多
assert epochs[5].mean() > 5 * epochs[3].mean() and steps[3].mean() < 4 * steps[5].mean()  # 再 16 倍，白费许多
assert lr[2] > 3 * lr[0] and lr[5] < 5 * lr[3]  # 学习率先跟着批量增大，后来增大得慢得多

# %% cost
from torch.utils.data import DataLoader
from torch.utils.flop_counter import FlopCounterMode

updates = {b: len(DataLoader(range(10_000), b)) for b in (100, 1000)}
print("10,000 个样本，一轮的更新次数：", updates)
flops = {}
for b in (100, 1000):
    with FlopCounterMode(display=False) as counter:
        loss_of([W[0].requires_grad_() for W in Ws], X[:b], y[:b]).backward()
    flops[b] = counter.get_total_flops()
print("一步的计算量（百万次）：", {b: round(f / 1e6, 1) for b, f in flops.items()})
assert flops[1000] == 10 * flops[100] and updates == {100: 100, 1000: 10}
