"""几个损失相加，一个很大一个很小，小的损失是不是拿不到梯度？怎么办？

要检验的说法：小的损失拿不到太多梯度；加权就行。
能推翻它的结果：相加以后小损失的梯度变了；或者相加与单独训练一样好；或者怎样加权都没有差别。
"""

# %% tasks
import torch
from sklearn.datasets import load_digits
from torch.nn.functional import cross_entropy

torch.manual_seed(0)
order = torch.randperm(1797)  # 前 1,000 张训练，最后 597 张测试
images, y = torch.tensor(load_digits().images).float()[order] / 16, torch.tensor(load_digits().target)[order]
axis, ink = torch.arange(8.0) - 3.5, images.sum((1, 2))
cx, cy = (images * axis).sum((1, 2)) / ink, (images * axis[:, None]).sum((1, 2)) / ink
slant = (images * (axis - cx[:, None, None]) * (axis[:, None] - cy[:, None, None])).sum((1, 2)) / ink
T = torch.stack([ink, cx, cy, slant], 1)  # 第二个任务：回归墨量、重心、倾斜
T = 10 * (T - T[:1000].mean(0)) / T[:1000].std(0)  # 单位取小一些，数值就大：平方损失约 100
X = images.flatten(1) - images.mean()
print("两个任务：十类分类；回归", tuple(T.shape), "，每一列的标准差", [round(v) for v in T[:1000].std(0).tolist()])

# %% gradients
def make(seeds, copies, hidden=16):
    """两个任务共用的两层和各自的输出层；每个种子的初始值复制给 copies 组。"""
    torch.manual_seed(1)
    sizes = ((64, hidden), (hidden, hidden), (hidden, 10), (hidden, 4))
    Ws = [(torch.randn(seeds, a, b) * (2 / a) ** 0.5).repeat(copies, 1, 1).requires_grad_() for a, b in sizes]
    return Ws + [torch.zeros(seeds * copies, 1, b, requires_grad=True) for _, b in sizes]


def forward(params, batch):  # batch (n, m) 是下标 -> 每个网络的分类损失与回归损失 (n,)，分对的比例与误差
    h = torch.baddbmm(params[4], X[batch], params[0]).relu()
    h = torch.baddbmm(params[5], h, params[1]).relu()
    score, value = torch.baddbmm(params[6], h, params[2]), torch.baddbmm(params[7], h, params[3])
    small = cross_entropy(score.transpose(1, 2), y[batch], reduction="none").mean(1)
    return small, (value - T[batch]).square().mean((1, 2)), (score.argmax(2) == y[batch]).float().mean(1) * 100

# %% sum
params, everything = make(5, 1), torch.arange(1000).expand(5, -1)
small, large, _ = forward(params, everything)
def grad(loss):
    return torch.autograd.grad(loss.sum(), params[0], retain_graph=True)[0]  # 共用的第一层
def norm(g):
    return g.flatten(1).norm(dim=1).mean().item()
alone, other, together = grad(small), grad(large), grad(small + large)
print(f"损失：分类 {small.mean():.1f}，回归 {large.mean():.0f}，大 {large.mean() / small.mean():.0f} 倍")
print(f"梯度的大小：分类 {norm(alone):.2f}，回归 {norm(other):.2f}，大 {norm(other) / norm(alone):.0f} 倍")
torch.testing.assert_close(together - other, alone, atol=1e-5, rtol=1e-4)  # 小损失的梯度一点也没有少
torch.testing.assert_close(grad(large + 1000), other)  # 损失大 1000，梯度不变
T /= 10  # 同一个任务，单位大 10 倍
_, tiny, _ = forward(params, everything)
print(f"换个单位：回归的损失 {tiny.mean():.1f}，比分类小；梯度 {norm(grad(tiny)):.2f}，比分类大")
assert tiny.mean() < 0.7 * small.mean() and norm(grad(tiny)) > 1.5 * norm(alone)
T *= 10

# %% train
def train(weights, lr, kind, num_steps=1500, seeds=5):
    """weights 是每组的（分类权重，回归权重），"学" 表示可学的权重。返回测试准确率与没解释的方差 (组, 种子)，都是百分数。"""
    n, params = seeds * len(weights), make(seeds, len(weights))
    learned = torch.tensor([w == "学" for w in weights]).repeat_interleave(seeds)
    fixed = torch.tensor([(1.0, 1.0) if w == "学" else w for w in weights]).repeat_interleave(seeds, 0).T
    log_var = torch.zeros(2, n, requires_grad=True)
    optimizer = kind([*params, log_var], lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, num_steps)
    for step in range(num_steps):
        batch = torch.randint(1000, (seeds, 64)).repeat(len(weights), 1)
        small, large, _ = forward(params, batch)
        uncertain = small / log_var[0].exp() + large / log_var[1].exp() / 2 + log_var.sum(0) / 2  # Kendall 等，2018
        total = torch.where(learned, uncertain, fixed[0] * small + fixed[1] * large)
        optimizer.zero_grad(), total.sum().backward(), optimizer.step(), schedule.step()
    with torch.no_grad():
        _, error, accuracy = forward(params, torch.arange(1200, 1797).expand(n, -1))
    return accuracy.view(-1, seeds), error.view(-1, seeds)  # 目标的方差是 100，误差就是没解释的百分数

# %% sgd
from torch.optim import SGD, Adam

table = {lr: train([(1, 0), (1, 1), (1, 0.01)], lr, SGD, 1000, 8)[0] for lr in (0.003, 0.03, 0.1)}
for lr, accuracy in table.items():
    values = [f"{a.mean():.0f} ± {a.std() / 8**0.5:.0f}" for a in accuracy]
    print(f"SGD，学习率 {lr}：只分类 {values[0]}，直接相加 {values[1]}，回归乘 0.01 {values[2]}")
assert (table[0.003][1] - table[0.003][0]).mean() > 5  # 大损失容得下的学习率：小损失不比单独训练差
assert (table[0.03][0] - table[0.03][1]).mean() > 15 and table[0.1][1].mean() < 40  # 它自己要的学习率，大损失容不下
assert (table[0.1][0] - table[0.1][2]).mean() < 3 < 90 < table[0.1][2].mean()  # 加权以后又容得下了

# %% adam
def run(kind, w_small, w_large, moving=range(8), **options):
    params = make(5, 1)
    optimizer = kind([params[i] for i in moving], 0.01, **options)
    for _ in range(100):
        small, large, _ = forward(params, everything[:, :100])
        optimizer.zero_grad(), (w_small * small + w_large * large).sum().backward(), optimizer.step()
    return torch.cat([p.detach().flatten() for p in params])


heads, tiny = (2, 3, 6, 7), {"eps": 1e-30}  # 乘 1024 只改指数位；eps 取得极小，相等才能是精确的
base = run(Adam, 1, 1, **tiny)
print("Adam，总损失乘 1024，训练后一样：", torch.equal(base, run(Adam, 1024, 1024, **tiny)))
print("Adam，只把大的一项乘 1024，一样：", torch.equal(base, run(Adam, 1, 1024, **tiny)))
fixed = run(Adam, 1, 1, heads, **tiny)  # 共用的两层不动，只训练各自的输出层
print("只训练各自的输出层，大的一项乘 1024，一样：", torch.equal(fixed, run(Adam, 1, 1024, heads, **tiny)))
print("同样的事换成 SGD（乘 0.5），一样：", torch.equal(run(SGD, 1, 1, heads), run(SGD, 1, 0.5, heads)))
assert torch.equal(base, run(Adam, 1024, 1024, **tiny)) and not torch.equal(base, run(Adam, 1, 1024, **tiny))
assert torch.equal(fixed, run(Adam, 1, 1024, heads, **tiny))
assert not torch.allclose(run(SGD, 1, 1, heads), run(SGD, 1, 0.5, heads))

# %% sweep caption="Adam，1,500 次更新，10 个种子的平均与范围，两轴都是对数。权重越大，回归越好而分类越差；0.01 到 0.1 之间两边都不错。横虚线是只训练一个任务的网络，右端的点是可学的权重。"
import matplotlib.pyplot as plt

ratio = [1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1]
accuracy, error = train([(1, r) for r in ratio] + [(1, 0), (0, 1), "学"], 0.01, Adam, seeds=10)
fig, ax = plt.subplots(figsize=(5.2, 3.1))
for values, single, color, name in ((100 - accuracy, 6, "C0", "分类错误"), (error, 7, "C1", "回归没解释的方差")):
    ax.plot(ratio, values[:6].mean(1), "o-", color=color, label=name)
    ax.fill_between(ratio, values[:6].min(1).values, values[:6].max(1).values, color=color, alpha=0.2)
    ax.axhline(values[single].mean(), ls="--", color=color, lw=1)
    ax.errorbar([10], [values[8].mean()], [values[8].std()], fmt="D", color=color)
ax.set(title="回归损失的权重，是两个任务之间的取舍", xlabel="回归损失的权重", ylabel="百分数", xscale="log", yscale="log")
ax.set_xticks([*ratio, 10], [*(f"{r:g}" for r in ratio), "学"])
ax.set_yticks([1, 3, 10, 30], ["1", "3", "10", "30"])
ax.legend()
for k, name in ((6, "只分类"), (7, "只回归"), (3, "权重 0.01"), (4, "权重 0.1"), (5, "直接相加"), (8, "可学的权重")):
    print(f"{name}：分类准确率 {accuracy[k].mean():.1f} ± {accuracy[k].std():.1f}，回归没解释 {error[k].mean():.1f}%")
assert (accuracy[3] - accuracy[5]).mean() > 2 and error[3].mean() < 5 and error[1].mean() > 20
for gap in (accuracy[3] - accuracy[5], accuracy[8] - accuracy[5], accuracy[3] - accuracy[8], error[3] - error[8]):
    assert gap.mean() > 3 * gap.std() / 10**0.5 and gap.mean() > 0.3  # 可学的：分类在直接相加与 0.01 之间，回归比 0.01 好
