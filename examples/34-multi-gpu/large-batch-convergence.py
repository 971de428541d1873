"""为什么批量越大，训练的有效性（收敛速度）会下降？

要检验的说法：批量大到一定程度，梯度几乎不再变准；批量 100 和 1,000 的梯度差不多；批量大 10 倍，每轮更新少 10 倍，所以要更多轮。
能推翻它的结果：批量一直加大，达到同样损失的更新次数也一直成比例地减少；或者从一开始加大批量就要更多轮。
"""

# %% gradients
import torch
from sklearn.datasets import load_digits
from torch.nn.functional import cross_entropy

images, digits = load_digits(return_X_y=True)
X, y = torch.tensor(images).float()[:1024] / 16, torch.tensor(digits)[:1024]

def loss_of(params, x, target):  # 64-32-10 的网络，平均损失
    return cross_entropy((x @ params[0]).relu() @ params[1], target)

torch.manual_seed(0)
params = [torch.randn(64, 32) * (2 / 64) ** 0.5, torch.randn(32, 10) * (2 / 32) ** 0.5]
per_sample = torch.func.vmap(torch.func.grad(loss_of), (None, 0, 0))
angle = {}
for step in range(401):  # 全部样本、学习率 0.5 的梯度下降
    if step in (0, 30, 400):
        g = torch.cat([p.flatten(1) for p in per_sample(params, X, y)], 1)  # (1024, 参数) 每个样本的梯度
        G = g.mean(0)
        angle[step] = (g.var(0).sum() / G.square().sum()).item()  # 噪声与信号一样大时的批量
        for B in (10, 100, 1000):
            draws = torch.stack([g[torch.randint(1024, (B,))].mean(0) for _ in range(200)])
            angle[step, B] = torch.cosine_similarity(draws, G[None]).mean().item()
        cosines = "，".join(f"{B} 个 {angle[step, B]:.2f}" for B in (10, 100, 1000))
        print(f"第 {step:3d} 步，损失 {loss_of(params, X, y):.2f}：与全体梯度的余弦：{cosines}；噪声尺度 {angle[step]:.0f}")
    params = [p - 0.5 * d for p, d in zip(params, torch.func.grad(loss_of)(params, X, y))]
assert angle[0, 100] > 0.75 and angle[0, 1000] > 0.95  # 开始时：100 个已经指出大致的方向
assert angle[400, 1000] < 0.5 and angle[400, 1000] > 2 * angle[400, 100] and angle[400] > 50 * angle[0]  # 后来 1,000 个也不够

# %% train
LRS, SEEDS, TARGET = [2.0**k for k in range(-4, 2)], 5, 0.15

def steps_to_target(B, limit, lrs=LRS):
    """学习率 × 5 个种子一起训练，返回整个训练集的损失降到 0.15 所需的更新次数 (学习率, 5)，没达到的是 inf。"""
    generator = torch.Generator().manual_seed(1)
    params = [(torch.randn(SEEDS, a, b, generator=generator) * (2 / a) ** 0.5).repeat(len(lrs), 1, 1)
              for a, b in ((64, 32), (32, 10))]  # (30, …) 每个学习率从同样的初始值开始
    lr = torch.tensor(lrs).repeat_interleave(SEEDS).view(-1, 1, 1)
    steps, every = torch.full((len(lr),), torch.inf), max(1, 32 // B)
    for step in range(1, limit + 1):
        params = [p.requires_grad_() for p in params]
        rows = torch.randint(1024, (SEEDS, B), generator=generator).repeat(len(lrs), 1)
        out = torch.bmm(torch.bmm(X[rows], params[0]).relu(), params[1])  # (30, B, 10)
        grads = torch.autograd.grad(cross_entropy(out.flatten(0, 1), y[rows].flatten(), reduction="sum") / B, params)
        params = [(p - lr * d).detach() for p, d in zip(params, grads)]
        if step % every == 0:
            out = torch.matmul((X @ params[0]).relu(), params[1])
            losses = cross_entropy(out.flatten(0, 1), y.repeat(len(lr)), reduction="none").view(len(lr), -1).mean(1)
            steps[(losses < TARGET) & steps.isinf()] = step
            if step > 1.5 * steps.view(len(lrs), SEEDS).mean(1).min():  # 别的学习率赶不上了
                break
    return steps.view(len(lrs), SEEDS)

# %% sizes
limits = {2: 6000, 8: 3000, 32: 1500, 128: 800, 512: 500, 1024: 500}
results = {B: steps_to_target(B, limit) for B, limit in limits.items()}
best = {B: s[s.mean(1).argmin()] for B, s in results.items()}  # 各自最好的学习率，5 个种子
chosen = {B: LRS[s.mean(1).argmin()] for B, s in results.items()}
for B, s in best.items():
    print(f"批量 {B:4d}：学习率 {chosen[B]:g}，更新 {s.mean():.0f} ± {s.std():.0f} 次，{s.mean() * B / 1024:.1f} 轮")
assert all(s.isfinite().all() for s in best.values())

# %% curve caption="达到同样的训练损失要更新几次、训练几轮；每种批量用自己最好的学习率，5 个种子的平均与范围。批量小时，加大批量几乎成比例地减少更新次数，轮数差不多；越过几十以后更新次数不再减少，轮数跟着批量成比例地增加。虚线是公式。"
import matplotlib.pyplot as plt

sizes = torch.tensor(list(best), dtype=torch.float32)
steps = torch.stack(list(best.values()))  # (批量, 种子)
least = steps[-1].mean()
critical = (steps[0].mean() / least - 1) * 2  # 由批量 2 和 1,024 两个端点定出
formula = least * (1 + critical / sizes)
print(f"更新次数 ≈ {least:.0f} × (1 + {critical:.0f} / 批量)；预测：", {int(B): round(f.item()) for B, f in zip(sizes, formula)})
fig, axes = plt.subplots(1, 2, figsize=(5.2, 2.6), layout="constrained")
for ax, scale, name in ((axes[0], torch.ones(6), "更新次数"), (axes[1], sizes / 1024, "轮数")):
    values = steps * scale[:, None]
    error = torch.stack([values.mean(1) - values.amin(1), values.amax(1) - values.mean(1)])
    ax.errorbar(sizes, values.mean(1), error, fmt="o", capsize=3, label="实测")
    ax.plot(sizes, formula * scale, "--", color="C1", label="公式")
    ax.set(title=f"到同样损失的{name}", xlabel="批量", ylabel=name, xscale="log", yscale="log")
axes[0].set_yticks([50, 100, 200, 500], ["50", "100", "200", "500"])
axes[0].minorticks_off()
axes[0].legend()
assert steps[0].mean() > 2.5 * steps[1].mean() and steps[-2].mean() < 1.15 * steps[-1].mean() + 2  # 先减少，后不变
assert ((formula / steps.mean(1)).log().abs() < 0.3).all()  # 中间四点没有参与确定公式
epochs = steps.mean(1) * sizes / 1024
assert epochs[1] < 2 * epochs[0] and epochs[-1] > 10 * epochs[2]

# %% same-lr
small = chosen[2]
fixed = {B: steps_to_target(B, 4000, [small])[0] for B in (2, 32, 512)}
for B, s in fixed.items():
    print(f"学习率固定为 {small:g}，批量 {B:3d}：更新 {s.mean():.0f} ± {s.std():.0f} 次，{s.mean() * B / 1024:.1f} 轮")
assert fixed[512].mean() > 0.4 * fixed[2].mean()  # 更新次数没怎么减少，轮数就多了上百倍
assert chosen[8] >= 2 * chosen[2] and chosen[1024] <= 2 * chosen[32]  # 最好的学习率先随批量变大，然后不变

# %% cost
from torch.utils.data import DataLoader
from torch.utils.flop_counter import FlopCounterMode

print("10,000 个样本，每轮更新：", {B: len(DataLoader(range(10_000), batch_size=B)) for B in (100, 1000)})
work = {}
for B in (100, 1000):
    W = [p.detach().requires_grad_() for p in params]
    with FlopCounterMode(display=False) as counter:
        loss_of(W, torch.zeros(B, 64), torch.zeros(B, dtype=torch.long)).backward()
    work[B] = counter.get_total_flops()
print("一次更新的计算量：", {B: f"{flops / 1e6:.2f} MFLOP" for B, flops in work.items()})
assert len(DataLoader(range(10_000), batch_size=1000)) * 10 == len(DataLoader(range(10_000), batch_size=100))
assert work[1000] == 10 * work[100]
