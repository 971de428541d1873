"""卷积神经网络到底学到了什么，看得出来吗？

要检验的说法：把卷积核、特征图、最激活的图、热图画出来，就看得见网络学到了什么。
能推翻它的结果：没学到东西的网络（随机权重、打乱标签）画得出同样像样的图。能推翻反面的结果：没有哪种图分得开它们。
"""

# %% train
import torch
from sklearn.datasets import load_digits
from torch import nn
torch.manual_seed(0)
data, order, n, arms = load_digits(), torch.randperm(1797), 300, ("训练过", "打乱标签", "随机权重")
images, labels = torch.tensor(data.images)[order].float() / 16, torch.tensor(data.target)[order]
X = images[:, None].expand(-1, 15, -1, -1).contiguous()  # (N, 3 组 × 5 个种子, 8, 8)
y = torch.stack([labels[:n].expand(5, n), torch.stack([labels[torch.randperm(n)] for _ in range(5)])]).permute(2, 0, 1)
def conv(inputs, outputs, *args):  # 15 个互不相干的网络一起算
    return nn.Conv2d(15 * inputs, 15 * outputs, *args, groups=15)
net = nn.Sequential(conv(1, 8, 3, 1, 1), nn.ReLU(), nn.MaxPool2d(2), conv(8, 16, 3, 1, 1), nn.ReLU(), nn.MaxPool2d(2),
                    conv(16, 32, 2), nn.ReLU(), conv(32, 10, 1), nn.Flatten(), nn.Unflatten(1, (3, 5, 10)))
optimizer = torch.optim.Adam(net.parameters())
schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.02, total_steps=500)
for _ in range(500):
    i = torch.randint(n, (50,))  # 第三组没有损失，也就没有梯度，停在随机权重
    loss = nn.functional.cross_entropy(net(X[i])[:, :2].flatten(0, 2), y[i].flatten()) * 10
    optimizer.zero_grad(), loss.backward(), optimizer.step(), schedule.step()
guess = net.requires_grad_(False)(X).argmax(3)  # (N, 3, 5)
fit, test = (guess[:n, :2] == y).float().mean((0, 2)), (guess[n:] == labels[n:, None, None]).float().mean(0)
print("在 300 张训练图上记住的：", {a: f"{f:.0%}" for a, f in zip(arms, fit)})
print("测试正确率：", {a: f"{t.mean():.0%}（{t.min():.0%} 到 {t.max():.0%}）" for a, t in zip(arms, test)})
assert min(fit.min(), test[0].min()) > 0.9 and test[0].max() - test[0].min() < 0.04 and test[1:].mean(1).max() < 0.2

# %% hook
seen, before = {}, net(X[n:])
with net[4].register_forward_hook(lambda m, X, Y: seen.update(second=Y)):  # 返回 None：只看不改
    watched = net(X[n:])
with net[4].register_forward_hook(lambda m, X, Y: Y * 0):  # 返回了值：替换这一层的输出；出了 with 就取下
    replaced = net(X[n:])
print("第二层 ReLU 的输出（15 个网络的通道排在一起）：", tuple(seen["second"].shape))
same = [torch.equal(Y, before) for Y in (watched, replaced, net(X[n:]))]
print("网络的输出与没有钩子时相同：只看的", same[0], "，返回了值的", same[1], "，取下以后", same[2])
assert same == [True, False, True] and torch.equal(seen["second"], net[:5](X[n:]))

# %% filters caption="第一个种子第一层的 8 个卷积核，和它们对同一个数字的特征图。上两行训练过，下两行是随机权重。两边的特征图都看得出横的、竖的笔画：特征图像样，不说明学到了什么。"
import matplotlib.pyplot as plt
sobel = torch.tensor([[-1.0, 0, 1, -2, 0, 2, -1, 0, 1], [-1, -2, -1, 0, 0, 0, 1, 2, 1]])  # 竖的、横的边缘
edges = nn.functional.normalize(sobel)  # 任何方向的边缘都是这两个的组合
kernels, maps = net[0].weight.view(3, 40, 9), net[:2](X[n:]).view(-1, 3, 40, 64)
share = ((kernels @ edges.T) ** 2).sum(2) / (kernels**2).sum(2)  # 落在边缘方向上的份额，随机核期望 2/9
black = (maps.amax(3) == 0).float().mean((0, 2)) * 100
for arm, s, b in zip(arms, share, black):
    print(f"{arm}：边缘的份额平均 {s.mean():.2f}，过半的核 {(s > 0.5).sum()} / 40，全黑的特征图 {b:.0f}%")
fig, axes = plt.subplots(4, 8, figsize=(5.2, 2.8), layout="constrained", subplot_kw={"xticks": [], "yticks": []})
for arm, rows in ((0, axes[:2]), (2, axes[2:])):
    for kernel, feature, (top, bottom) in zip(kernels[arm], maps[0, arm], rows.T):  # 前 8 个属于第一个种子
        top.imshow(kernel.view(3, 3), cmap="gray"), bottom.imshow(feature.view(8, 8), cmap="gray")
fig.suptitle("卷积核与特征图：训练过（上），随机权重（下）", fontsize=10)
assert (share[0] > 0.5).sum() < 20 and share[0].mean() < share[2].mean() + 0.25  # 以边缘为主的不到一半
assert 1 < black[0] < 20  # 认得准的网络也有全黑的特征图

# %% units caption="单元按“最激活它的 8 张图有多清一色”排队，取最前、四分之一处、正中、四分之三处的，一行一个，画出 5 张。随机权重的网络也有整行同一个数字的单元：像的图本来就给出相近的值。"
H = net[:8](X[n:]).view(-1, 3, 160)  # (N, 组, 5 个种子 × 32 个单元)
best = H.topk(8, 0).indices  # 每个单元最激活的 8 张图
votes = nn.functional.one_hot(labels[n:][best], 10).sum(0)  # (组, 160, 10)
pure = torch.where(H.amax(0) > 0, votes.amax(2) / 8, torch.nan)  # 最多的一类占几成；从不激活的不算
fig, axes = plt.subplots(1, 3, figsize=(5.2, 2), layout="constrained")
for ax, arm, p, rows in zip(axes, arms, pure, best.unbind(1)):
    ranked = p.nan_to_num(-1).argsort(descending=True)[: (p > 0).sum()]
    pick = images[n:][rows[:5, ranked[torch.arange(4) * len(ranked) // 4]]]  # (5, 4, 8, 8)
    pick = nn.functional.pad(pick, (1, 1, 1, 1), value=0.3).permute(1, 2, 0, 3).reshape(40, 50)
    ax.imshow(pick, cmap="gray"), ax.set(title=arm, xticks=[], yticks=[])
    print(f"{arm}：最激活的 8 张里同一个数字占 {p.nanmean():.0%}，清一色的单元 {(p == 1).sum()} / {(p > 0).sum()}")
def right(H):  # 训练过的网络从这些单元认对没有 (N, 5)
    return (net[8:](H.view(-1, 480, 1, 1))[:, 0].argmax(2) == labels[n:, None]).float() * 100
def without(unit):  # 关掉一个单元，它的那一类与别的类各少认对多少
    change, mine = (right(H) - right(H.index_fill(2, unit, 0)))[:, unit // 32], labels[n:] == votes[0, unit].argmax()
    return change[mine].mean(), change[~mine].mean()
own, others = torch.tensor([without(unit) for unit in (pure[0] == 1).nonzero()[:, 0]]).T  # 清一色的单元
print(f"关掉一个，它的那一类少认对 {own.mean():.0f} 个百分点（最多 {own.max():.0f}），别的类少 {others.mean():.1f}")
taught, _, random = pure.view(3, 5, 32).nanmean(2)  # 各 (种子,)
assert taught.mean() > random.mean() + 0.1 and random.min() > 0.4 and (pure[2] == 1).sum() > 3
assert others.mean() + 3 < own.mean() < 30  # 要紧，但关掉以后那一类多半照样认得

# %% heatmaps
x, kind = X[n : n + 200], guess[n : n + 200, :1].repeat(1, 3, 1)[..., None]  # 三组都问训练过的那组判断的类
def score(x):  # 那一类的对数概率 (N, 3, 5)
    return net(x).log_softmax(3).gather(3, kind)[..., 0]
ink, slope = x.view(-1, 3, 5, 64), torch.func.grad(lambda x: score(x).sum())(x).view(-1, 3, 5, 64)
drop = [score(x) - score(x * (torch.arange(64) != j).view(8, 8)) for j in range(64)]  # 每次涂掉一个像素
heat = {"遮挡": torch.stack(drop, 3), "梯度×输入": slope * ink, "梯度×输入的绝对值": (slope * ink).abs(),
        "梯度的绝对值": slope.abs()}  # 各 (N, 3, 5, 64)

# %% delete caption="按各种办法挑 4 个像素，涂成 0（圆点）或反转（叉），训练过的网络改变判断的比例，每个点是一个种子。遮挡和带符号的“梯度 × 输入”远好于挑墨最浓的；没学到东西的网络的遮挡图还不如挑墨浓。"
flat = ink[:, 0]
ranks = {k: h[:, 0] for k, h in heat.items()} | {
    "遮挡，别的种子": heat["遮挡"][:, 0].roll(1, 1), "遮挡，打乱标签": heat["遮挡"][:, 1],
    "遮挡，随机权重": heat["遮挡"][:, 2], "墨最浓的": flat, "随机有墨的": (flat > 0) * (torch.rand(200, 5, 64) + 1)}
def flips(h, change):  # 按 h 挑 4 个像素来改，改变判断的 % (种子,)
    where = h.topk(4, 2).indices
    new = flat.scatter(2, where, change(flat.gather(2, where))).repeat(1, 3, 1).view_as(x)
    return (net(new)[:, 0].argmax(2) != kind[:, 0, :, 0]).float().mean(0) * 100
fig, ax = plt.subplots(figsize=(5.2, 3))
for name, change, mark in (("反转", lambda v: 1 - v, "C1x"), ("涂成 0", torch.zeros_like, "C0o")):
    rates = {k: flips(h, change) for k, h in ranks.items()}
    ax.plot(torch.stack([*rates.values()]), range(9), mark, alpha=0.7)
    print(f"{name}，改变判断的 %：", at := {k: round(v.mean().item()) for k, v in rates.items()})
    assert min(at["遮挡"], at["梯度×输入"]) > at["墨最浓的"] + 25 and abs(at["梯度的绝对值"] - at["墨最浓的"]) < 20
    assert max(at["遮挡，打乱标签"], at["遮挡，随机权重"]) < at["墨最浓的"] < at["遮挡，别的种子"] - 8
    assert at["梯度的绝对值"] < at["遮挡"] - 30 and (rates["遮挡"] - rates["遮挡，别的种子"]).min() > 10  # 每个种子都是
ax.set(title="改掉挑出来的 4 个像素", xlabel="改变判断的 %", xlim=(0, 100), ylim=(8.5, -0.5))
ax.set_yticks(range(9), ranks)

# %% sanity caption="三个数字，第一个种子。训练过与随机权重的遮挡图毫不相干；“梯度 × 输入”的绝对值（右边三列）都像那个数字，用随机数代替梯度也像：像的是输入，不是学到的东西。"
def agree(a, b):  # 每张图上两幅热图的相关系数，取平均
    a, b = (nn.functional.normalize(t - t.mean(2, keepdim=True), dim=2) for t in (a, b))
    return (a * b).sum(2).mean().item()
fake, product, facts = (torch.randn(200, 5, 64) * flat).abs(), heat["梯度×输入的绝对值"], {}
for name, h in heat.items():
    others = {"别的种子": h[:, 0].roll(1, 1), "打乱标签": h[:, 1], "随机权重": h[:, 2], "随机数×输入": fake, "输入": flat}
    facts[name] = r = {k: round(agree(h[:, 0], other), 2) for k, other in others.items()}
    print(f"{name}，相关：{r}")
columns = {"数字\n": flat, "遮挡\n训练过": heat["遮挡"][:, 0], "遮挡\n随机权重": heat["遮挡"][:, 2],
           "梯度×输入\n训练过": product[:, 0], "梯度×输入\n随机权重": product[:, 2], "随机数\n×输入": fake}
fig, axes = plt.subplots(1, 6, figsize=(5.2, 3.2), layout="constrained", subplot_kw={"xticks": [], "yticks": []})
for (name, h), ax in zip(columns.items(), axes):
    tiles = (h[:3, 0] / h[:3, 0].amax(1, keepdim=True)).view(3, 8, 8)
    ax.imshow(nn.functional.pad(tiles, (0, 0, 1, 0), value=torch.nan).view(27, 8)), ax.set_title(name, fontsize=9)
fig.suptitle("热图像数字，不一定是学来的\n", fontsize=10)
good, bad = facts["遮挡"], facts["梯度×输入的绝对值"]
assert 0.2 < good["别的种子"] < 0.6 and max(abs(good["打乱标签"]), abs(good["随机权重"])) < 0.1  # 这个分得开
assert min(bad["打乱标签"], bad["随机权重"], bad["随机数×输入"]) > 0.8 * bad["别的种子"] and bad["输入"] > 0.6  # 这个分不开
