# ---
# title: 过拟合实验台
# tags: [过拟合, 正则化, 模型选择]
# questions: [11-7, 11-5, 11-3, 12-1, 12-2, 13-2, 34-2]
# description: 300 张手写数字，三成训练标签是错的：看网络怎样背下错标签，再用容量、权重衰减、dropout、早停各治一遍，最后用 k 折在没有验证集时选超参数。
# ---

# %% [markdown]
# # 过拟合实验台
#
# 过拟合要看得见，才知道怎么治。这个实验把同一个小网络放在一份**容易过拟合**的数据上：训练集只有 300 张真实的手写数字，
# 其中三成的标签被换成随机的。错标签没有规律，只能背；背下它们，就是过拟合。
#
# 然后一样一样地试：换网络的大小、权重衰减、dropout、早停，看每一样在训练集和验证集上做了什么。
# 最后假装没有验证集，用 k 折交叉验证来选，再打开测试集，只看一次。
#
# 错标签是**有意造出来的**，为的是让现象清楚；图是真实的。标签都对的时候，这些办法的好处小得多
# （[权重衰减一般取多少](../12-weight-decay/how-much-weight-decay.md)里有对照）。

# %% [markdown]
# ## 数据：300 张训练，三成标签是错的
#
# 验证集和测试集的标签都是对的。测试集在最后一节之前不用。

# %% data
import torch
from sklearn.datasets import load_digits

images, digits = load_digits(return_X_y=True)
g = torch.Generator().manual_seed(0)
order = torch.randperm(len(digits), generator=g)
X = torch.tensor(images, dtype=torch.float32)[order] / 16
truth = torch.tensor(digits)[order]

X_train, y_true = X[:300], truth[:300]
X_val, y_val = X[300:700], truth[300:700]
X_test, y_test = X[700:], truth[700:]

chosen = torch.rand(300, generator=g) < 0.3  # 三成的标签换成随机的一类
y_train = torch.where(chosen, torch.randint(10, (300,), generator=g), y_true)
wrong = y_train != y_true  # 随机的一类也可能碰巧是对的，所以比三成少一点
print(f"训练 {len(X_train)}，验证 {len(X_val)}，测试 {len(X_test)}")
print(f"训练标签中错的有 {wrong.sum().item()} 个，占 {wrong.float().mean():.0%}")

assert 0.2 < wrong.float().mean() < 0.35

# %% [markdown]
# 看几张标签错了的图：

# %% wrong-labels caption="八张标签错了的训练图。箭头左边是真正的数字，右边是训练时告诉网络的标签。"
import matplotlib.pyplot as plt

fig, axes = plt.subplots(2, 4, figsize=(5.2, 2.9), layout="constrained")
fig.suptitle("标签错了的训练图", fontsize=10)
for ax, i in zip(axes.flat, wrong.nonzero()[:, 0]):
    ax.imshow(X_train[i].view(8, 8), cmap="gray_r", interpolation="none")
    ax.set_title(f"{y_true[i]} → {y_train[i]}", fontsize=9)
    ax.axis("off")
assert len(wrong.nonzero()) >= 8

# %% [markdown]
# ## 网络与训练
#
# 一个隐藏层的 MLP。训练函数只有一个额外的参数 `watch`：每一轮结束时调用它，返回真就停下，后面的曲线和早停都靠它。

# %% net
from torch import nn
from torch.nn import functional as F


def make_net(width=128, dropout=0.0):
    return nn.Sequential(
        nn.Linear(64, width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(width, 10))


def train(net, X, y, num_epochs=80, lr=0.2, weight_decay=0.0, watch=None):
    optimizer = torch.optim.SGD(
        net.parameters(), lr, momentum=0.9, weight_decay=weight_decay)
    for epoch in range(1, num_epochs + 1):
        net.train()
        for batch in torch.randperm(len(X)).split(100):
            loss = F.cross_entropy(net(X[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        if watch is not None and watch(epoch, net):
            break
    return net

# %% measure
@torch.no_grad()
def error(net, X, y):
    """错误率，百分数。"""
    net.eval()  # 关掉 dropout
    return (net(X).argmax(dim=1) != y).float().mean().item() * 100


def run(seed, width=128, dropout=0.0, X=X_train, y=y_train, **options):
    """从同一个种子出发，造一个网络并训练。"""
    torch.manual_seed(seed)  # 初始值、批次的次序、丢弃谁，都由它决定
    return train(make_net(width, dropout), X, y, **options)


untrained = make_net()
print("参数个数：", {width: sum(p.numel() for p in make_net(width).parameters())
                     for width in (2, 16, 128, 256)})
assert error(untrained, X_val, y_val) > 75  # 没训练过，大致是瞎猜

# %% [markdown]
# ## 先看它过拟合
#
# 训练 80 轮，每一轮记三个数：标签**对**的训练图错了多少，标签**错**的训练图有多少没背下来，验证集错了多少。

# %% overfit caption="不加任何约束，三种错误率随训练的变化。标签对的图很快就学会了；标签错的图学得晚，最后也几乎全部背下。验证误差在背错标签之前最低，之后回升。"
history = []


def record(epoch, net):
    history.append((error(net, X_train[~wrong], y_train[~wrong]),
                    error(net, X_train[wrong], y_train[wrong]),
                    error(net, X_val, y_val)))


run(seed=0, watch=record)
right, memorised, val = (torch.tensor(h) for h in zip(*history))
epochs = range(1, len(history) + 1)
fig, ax = plt.subplots(figsize=(5.2, 2.8))
ax.plot(epochs, memorised, label="训练：标签错的", color="C1")
ax.plot(epochs, val, label="验证", color="C2")
ax.plot(epochs, right, label="训练：标签对的", color="C0")
ax.set(title="先学会规律，后背下错标签", xlabel="轮数", ylabel="错误率 %", xscale="log")
ax.legend()
best = val.argmin().item()
print(f"验证误差最低 {val[best]:.1f}%（第 {best + 1} 轮），最后 {val[-1]:.1f}%")
print(f"错标签没有背下来的：那时 {memorised[best]:.0f}%，最后 {memorised[-1]:.0f}%")
assert val[-1] > val[best] + 5 and memorised[best] > 50 > 20 > memorised[-1]

# %% [markdown]
# 训练误差降到几乎为零，验证误差却回升：这就是过拟合。注意次序：**有规律的先学会，没有规律的后背下**，
# 早停正是利用这个次序。
#
# ## 容量：网络多大合适
#
# [容量](../11-model-selection/what-is-model-capacity.md)最直接的旋钮是宽度。从 2 个隐藏单元到 256 个，每种 5 个种子
# （种子只换初始值和批次的次序，训练集是同一份）：

# %% sweep
def sweep(name, values, seeds=5, **options):
    """每个取值训练 5 个种子，返回形状为 (取值, 种子, 3) 的误差：训练、验证、测试。"""
    table = []
    for value in values:
        nets = [run(seed, **{name: value}, **options) for seed in range(seeds)]
        table.append([[error(net, X_train, y_train), error(net, X_val, y_val),
                       error(net, X_test, y_test)] for net in nets])
    return torch.tensor(table)


def show(ax, values, table, title, xlabel):
    """画训练与验证误差：平均的线，5 个种子的范围。"""
    for column, label, style in ((0, "训练", "o-"), (1, "验证", "s--")):
        errors = table[:, :, column]
        ax.plot(errors.mean(1), style, label=label)
        ax.fill_between(range(len(values)), errors.amin(1), errors.amax(1), alpha=0.2)
    ax.set(title=title, xlabel=xlabel, ylabel="错误率 %")
    ax.set_xticks(range(len(values)), [f"{value:g}" for value in values])
    ax.legend()

# %% capacity caption="宽度与误差，5 个种子的平均与范围。太窄，连训练集也学不会（欠拟合）；够宽，训练误差降到零（过拟合）。验证误差没有一处低得下来。"
widths = [2, 8, 32, 256]
by_width = sweep("width", widths)
fig, ax = plt.subplots(figsize=(5.2, 2.8))
show(ax, widths, by_width, "宽度：只换大小治不好", "隐藏单元的个数")

fit, val = by_width[:, :, 0].mean(1), by_width[:, :, 1].mean(1)
print("宽度：      ", widths)
print("训练误差 %：", [round(e, 1) for e in fit.tolist()])
print("验证误差 %：", [round(e, 1) for e in val.tolist()])
assert fit[0] > 30 and fit[-1] < 5  # 太窄学不会；够宽，连错标签也背下来
assert val.min() > 15  # 哪一种宽度都没有治好
assert val[-1] < val[1] + 3  # 最宽的并不是最差的

# %% [markdown]
# 教科书上的 U 形曲线说：太小欠拟合，太大过拟合，中间最好。这里的中间并不好：8 个单元还没有学会十个数字，已经开始背错标签了。
# 背得下错标签的里面，最宽的也不比窄的差（[模型容量是什么](../11-model-selection/what-is-model-capacity.md)里的双下降讲的就是这件事）。
# 所以不必靠缩小网络来防过拟合，下面的办法都用够宽的网络。

# %% [markdown]
# ## 权重衰减
#
# 宽度固定为 128，只改 `weight_decay`。它每一步都把权重缩小一点，背错标签需要的大权重就攒不起来
# （[为什么参数不太大，模型复杂度就低](../12-weight-decay/why-small-weights-simple.md)）。

# %% weight-decay caption="权重衰减与误差，5 个种子的平均与范围。太小，错标签还是大多背下了；合适时训练误差在错标签的比例附近，验证误差最低；太大，两个一起变坏。"
decays = [0, 3e-3, 1e-2, 3e-2, 1e-1]
by_decay = sweep("weight_decay", decays)
fig, ax = plt.subplots(figsize=(5.2, 2.8))
show(ax, decays, by_decay, "权重衰减：太小不够，太大学不动", "weight_decay")
noise = wrong.float().mean().item() * 100
ax.axhline(noise, color="C2", linestyle=":", label="错标签的比例")
ax.legend()

fit, val = by_decay[:, :, 0].mean(1), by_decay[:, :, 1].mean(1)
best_decay = decays[val.argmin()]
print("验证误差 %：", {d: round(e, 1) for d, e in zip(decays, val.tolist())})
print(f"最好的是 {best_decay:g}，训练误差 {fit[val.argmin()]:.0f}%，错标签占 {noise:.0f}%")
assert val.min() < val[0] - 5 and val.min() < val[-1] - 5  # 两头都差得多

# %% [markdown]
# 训练误差在错标签的比例附近，是好消息：对的大多学会了，错的大多没有背。比这个比例低得越多，背下的就越多；什么约束都不加时，几乎全背下了。
#
# 合适的值取决于噪声、学习率和训练多久，不能照搬（[权重衰减一般取多少](../12-weight-decay/how-much-weight-decay.md)）。

# %% [markdown]
# ## Dropout
#
# 训练时随机丢掉一部分隐藏单元，每次丢的不同；评估时 `net.eval()` 关掉它
# （[丢弃的依据是什么](../13-dropout/what-dropout-is-based-on.md)）。

# 丢得多，梯度的噪声就大，合适的学习率跟着变小。所以这里试两种学习率：前面一直用的 0.2，和它的四分之一。

# %% dropout caption="验证误差随丢弃率的变化，两种学习率，5 个种子的平均与范围。学习率 0.2 时，丢弃率 0.9 学不动；换成 0.05，它学得很好。两种学习率下，适中的丢弃率都比不丢的好。"
rates = [0, 0.5, 0.7, 0.9]
by_rate = {lr: sweep("dropout", rates, lr=lr) for lr in (0.2, 0.05)}
fig, ax = plt.subplots(figsize=(5.2, 2.8))
for (lr, table), style in zip(by_rate.items(), ("o-", "s--")):
    errors = table[:, :, 1]
    ax.plot(errors.mean(1), style, label=f"学习率 {lr}")
    ax.fill_between(range(len(rates)), errors.amin(1), errors.amax(1), alpha=0.2)
ax.set(title="丢弃率与学习率要一起选", xlabel="丢弃率", ylabel="验证误差 %")
ax.set_xticks(range(len(rates)), [f"{rate:g}" for rate in rates])
ax.legend()
for lr, table in by_rate.items():
    fit, val = ([round(e, 1) for e in table[:, :, k].mean(1).tolist()] for k in (0, 1))
    print(f"学习率 {lr}：训练误差 % {fit}，验证误差 % {val}")

small, large = by_rate[0.05][:, :, 1].mean(1), by_rate[0.2][:, :, 1].mean(1)
assert large[2] < large[0] - 5 and large[3] > large[2] + 20  # 只看 0.2：丢 0.9 学不动
assert small[3] < large[3] - 40  # 换个学习率，丢 0.9 就学得动
assert small[1:].min() < small[0] - 2  # 学习率 0.05 时，丢弃仍有好处

# %% [markdown]
# 有两件事要小心：
#
# - **学习率不合适，看起来就像丢弃率不合适。**
# - 学习率 0.05 时，什么都不丢也好得多。这不是学习率在治过拟合，只是训练得慢，80 轮还来不及背完。
#
# 训练得更久，就看得出谁只是推迟、谁真的挡住了。学习率都用 0.05，训练 200 轮：

# %% longer caption="学习率 0.05，训练 200 轮的验证误差，3 个种子的平均。什么都不加，慢慢背下错标签；dropout 背得慢一些，也在变差；权重衰减几乎没有变差。"
arms = {"什么都不加": {}, "dropout 0.7": {"dropout": 0.7}, "权重衰减 0.01": {"weight_decay": 0.01}}
fig, ax = plt.subplots(figsize=(5.2, 2.8))
for (name, options), style in zip(arms.items(), ("-", "--", ":")):
    curves = []
    for seed in range(3):
        curve = []
        run(seed, lr=0.05, num_epochs=200, **options,
            watch=lambda epoch, net: curve.append(error(net, X_val, y_val)))
        curves.append(curve)
    curve = torch.tensor(curves).mean(0).view(-1, 8).mean(1)  # 每 8 轮取平均
    ax.plot(range(8, 201, 8), curve, style, label=name)
    arms[name] = curve.min().item(), curve[-1].item()
    print(f"{name}：最低 {curve.min():.1f}%，最后 {curve[-1]:.1f}%")
ax.set(title="推迟，还是挡住", xlabel="轮数", ylabel="验证误差 %")
ax.legend()
(_, nothing), (low, drop), (least, decay) = arms.values()
assert nothing > decay + 8 and nothing > drop + 5 and drop > low + 1
assert decay < least + 3  # 权重衰减没有变差

# %% [markdown]
# ## 早停
#
# 不改网络，也不改损失，只是**在变坏之前停下**，并退回到验证误差最低的那一刻。验证误差会抖动，所以要等上几轮（`patience`）
# 没有进步才停。

# %% early-stopping
import copy
import math


class EarlyStopping:
    """metric 连续 patience 轮没有创新低，就停下；记住最好的那一刻的参数。"""

    def __init__(self, metric, patience=20):
        self.metric, self.patience, self.history = metric, patience, []

    def __call__(self, epoch, net):
        self.history.append(self.metric(net, X_val, y_val))
        if self.history[-1] < min(self.history[:-1], default=math.inf):
            self.best_epoch = epoch
            self.state = copy.deepcopy(net.state_dict())  # 不复制，就会跟着训练一起变
        return epoch - self.best_epoch >= self.patience


stopper = EarlyStopping(error)
net = run(seed=0, watch=stopper)
stopped = error(net, X_val, y_val)
net.load_state_dict(stopper.state)  # 退回最好的那一刻
print(f"最好在第 {stopper.best_epoch} 轮，第 {len(stopper.history)} 轮停下")
print(f"验证误差：停下时 {stopped:.1f}%，退回以后 {error(net, X_val, y_val):.1f}%")
assert len(stopper.history) == stopper.best_epoch + stopper.patience < 80

# %% [markdown]
# 盯着验证误差，还是验证损失？五个种子，两样都试，与同样的种子训练到底相比：

# %% five-seeds
@torch.no_grad()
def loss(net, X, y):
    net.eval()
    return F.cross_entropy(net(X), y).item()


by_stop = {}
for name, metric in (("误差", error), ("损失", loss)):
    table, epochs = [], []
    for seed in range(5):
        stopper = EarlyStopping(metric)
        net = run(seed, watch=stopper)
        net.load_state_dict(stopper.state)
        epochs.append(stopper.best_epoch)
        table.append([error(net, X_train, y_train), error(net, X_val, y_val),
                      error(net, X_test, y_test)])
    by_stop[name] = torch.tensor(table)
    val = [round(e, 1) for e in by_stop[name][:, 1].tolist()]
    print(f"盯着{name}：退回到第 {epochs} 轮，验证误差 % {val}")
print("训练到底：验证误差 %", [round(e, 1) for e in by_decay[0, :, 1].tolist()])
assert (by_stop["误差"][:, 1] < by_decay[0, :, 1] - 5).all()  # 每个种子都比训练到底好

# %% [markdown]
# 盯着损失的停得晚一些，误差也高一些；不过“误差”那一行正是用这份误差挑出来的，占了便宜。
#
# 早停最便宜：它训练得更少。代价是要有一份干净的验证集，而且验证误差被它用来挑过一次，偏乐观。
#
# ## 没有验证集：k 折交叉验证
#
# 假装手里只有那 300 张训练图，标签有错，也不知道哪些错。[k 折](../11-model-selection/k-fold-purpose.md)轮流拿五分之一来验证，
# 验证用的标签也有错。它还能选出合适的权重衰减吗？

# %% k-fold
from sklearn.model_selection import KFold


def cross_validate(num_folds=5, **options):
    """每一折的验证误差。"""
    folds = KFold(num_folds, shuffle=True, random_state=0)
    errors = []
    for fit, held in folds.split(X_train):
        net = run(seed=0, X=X_train[fit], y=y_train[fit], **options)
        errors.append(error(net, X_train[held], y_train[held]))
    return errors


by_fold = torch.tensor([cross_validate(weight_decay=d) for d in decays])  # (取值, 折)
print("每一折的误差 %，不衰减：", [round(e) for e in by_fold[0].tolist()])
print("五折平均 %：", {d: round(e, 1) for d, e in zip(decays, by_fold.mean(1).tolist())})
fold_decay = decays[by_fold.mean(1).argmin()]
print(f"k 折选 {fold_decay:g}，干净的验证集选 {best_decay:g}")
assert by_fold.mean(1).min() < by_fold.mean(1)[0] - 3

# %% folds-and-truth caption="同样的权重衰减，用有错标签的 k 折（圆点是各折）和用干净的验证集量。k 折整体高出一截，因为标签错了，判对也算错；但谷底在相近的地方，用来选够了。"
fig, ax = plt.subplots(figsize=(5.2, 2.8))
positions = range(len(decays))
ax.plot(positions, by_fold.mean(1), "s--", color="C1", label="k 折，标签有错")
ax.plot([[p] * 5 for p in positions], by_fold, ".", color="C1", alpha=0.5)
ax.plot(positions, by_decay[:, :, 1].mean(1), "o-", color="C0", label="验证集，标签都对")
ax.set(title="标签有错的 k 折也能选", xlabel="weight_decay", ylabel="错误率 %")
ax.set_xticks(positions, [f"{d:g}" for d in decays])
ax.legend()

val = by_decay[:, :, 1].mean(1)
above = by_fold.mean(1) - val
print(f"k 折比干净的验证集高 {above.min():.0f} 到 {above.max():.0f} 个百分点，错标签占 {noise:.0f}%")
print(f"用 k 折选的，验证误差 {val[decays.index(fold_decay)]:.1f}%，最好的是 {val.min():.1f}%")
assert above.min() > 5
assert val[decays.index(fold_decay)] < val.min() + 4  # 选得不差

# %% [markdown]
# 每一折只有 60 张图，错一张就是 1.7 个百分点，所以各折散得很开；只看一折来选，靠的多半是运气
# （[验证集准确率震荡很大](../34-multi-gpu/oscillating-validation-accuracy.md)讲的也是这件事）。五折平均才稳。
#
# ## 打开测试集
#
# 每种办法取验证集选出的那个值，5 个种子。前面的表里早就记下了测试误差，但一次也没有用它来选：

# %% test
def pick(table):
    """验证误差最低的那个取值，(种子, 3)。"""
    return table[table[:, :, 1].mean(1).argmin()]


best = {"什么都不加": by_decay[0], "只减小学习率": by_rate[0.05][0], "换宽度": pick(by_width),
        "权重衰减": pick(by_decay), "dropout": pick(by_rate[0.05]), "早停": by_stop["误差"]}
mean = {}
for name, table in best.items():
    fit, val, mean[name] = table.mean(0).tolist()
    low, high = table[:, 2].aminmax()
    print(f"{name}：训练 {fit:.0f}%，验证 {val:.1f}%，测试 {mean[name]:.1f}%（{low:.1f} 到 {high:.1f}）")
assert all(mean[name] < mean["什么都不加"] / 1.5 for name in ("权重衰减", "dropout", "早停"))
assert mean["换宽度"] > mean["什么都不加"] / 1.3

# %% [markdown]
# 权重衰减、dropout、早停都让误差降低了大约一半或更多，换宽度几乎没有用。前三者的训练误差都在错标签的比例（28%）附近，说明大多没有背。
#
# - **测试误差都比验证误差高**，连没有挑选过的“什么都不加”也是，可见主要是这 400 张验证图碰巧容易，不全是挑选造成的乐观。
#   几百张图上，两三个百分点的差别说明不了什么。
# - **名次不必当真**：dropout 另选了学习率，别的没有，各自试的取值也不多
#   （[怎样有效地设计超参数](../11-model-selection/how-to-tune-hyperparameters.md)）。
#
# ## 可以试着改
#
# - 把 `0.3` 改成 0，让标签都对：每种办法的好处还剩多少？
# - 把训练集从 300 张加到 1,000 张（验证集和测试集往后挪），过拟合还有多少？更多的数据是最好的正则化吗？
# - 在 `longer` 里加上丢弃率 0.9，或者把 200 轮改成 800 轮：dropout 是推迟还是挡住？
# - 权重衰减和 dropout 一起用，取值要不要都减小？
# - `EarlyStopping` 的 `patience` 改成 1 和 100，看退回的轮数和验证误差。
# - 把 k 折的 `num_folds` 改成 2 和 10，看各折散得多开、选出的值变不变。
#
# ## 用到的问题
#
# - [模型容量是什么？](../11-model-selection/what-is-model-capacity.md)：宽度是容量的一个旋钮，训练多久是另一个。
# - [k 折交叉验证的目的是什么？](../11-model-selection/k-fold-purpose.md)：用不多的数据稳地估计误差。
# - [怎样有效地设计超参数？](../11-model-selection/how-to-tune-hyperparameters.md)：用来挑选的那份误差会偏乐观。
# - [为什么参数不太大，模型复杂度就低？](../12-weight-decay/why-small-weights-simple.md)：权重小，函数变化慢，噪声拟合不进去。
# - [权重衰减一般取多少？](../12-weight-decay/how-much-weight-decay.md)：按数量级扫，用验证集选。
# - [丢弃的依据是什么？](../13-dropout/what-dropout-is-based-on.md)：小则过拟合，大则欠拟合。
# - [验证集准确率震荡很大，哪个参数影响最大？](../34-multi-gpu/oscillating-validation-accuracy.md)：验证集小，数字就抖。
