# ---
# title: LeNet 与批量归一化
# tags: [CNN, 归一化, 学习率, 可视化]
# questions: [23-2, 23-3, 22-1, 28-1, 28-3, 28-4, 08-3]
# description: 在真实的 8×8 数字上训练一个缩小的 LeNet：有没有批量归一化、各种学习率、sigmoid 与 ReLU；再打开网络看特征图，看它认错了哪些图。
# ---

# %% [markdown]
# # LeNet 与批量归一化
#
# LeNet 是第一批成功的卷积网络，原来用 sigmoid 和平均池化。这种网络学得慢，批量归一化对它的作用也就看得最清楚。
# 我们把它缩小到 8×8 的手写数字上，做四件事：
#
# 1. 有没有归一化、sigmoid 还是 ReLU，各试四种学习率，再训练得久一些；
# 2. 看归一化改变了什么：每一层的梯度；
# 3. 自己写一遍批量归一化，弄清 `train()` 和 `eval()` 的差别；
# 4. 打开训练好的网络：特征图是什么样子，认错的是哪些图。

# %% [markdown]
# ## 数据
#
# scikit-learn 自带的 1,797 张真实手写数字，8×8，一个通道。1,000 张训练，297 张验证（选学习率），500 张测试（最后才看）。

# %% data
import torch
from sklearn.datasets import load_digits

images, digits = load_digits(return_X_y=True)
order = torch.randperm(len(digits), generator=torch.Generator().manual_seed(0))
X = torch.tensor(images, dtype=torch.float32)[order].view(-1, 1, 8, 8)  # (N, C, H, W)
y = torch.tensor(digits)[order]
X = (X - X[:1000].mean()) / X[:1000].std()  # 只用训练集的平均和标准差
X_train, X_val, X_test = X.split([1000, 297, 500])
y_train, y_val, y_test = y.split([1000, 297, 500])

print("训练：", tuple(X_train.shape), "，验证：", tuple(X_val.shape), "，测试：", tuple(X_test.shape))
print("训练集每个数字的张数：", y_train.bincount().tolist())
assert y_train.bincount().min() > 70  # 各类大致一样多

# %% [markdown]
# ## 网络
#
# 两次“卷积 → 归一化 → 激活 → 平均池化”，再两层全连接，权重用课程里的 Xavier 初始化。没有归一化时用 `nn.Identity` 占住位置，
# 同样的种子就得到同样的初始权重，只差归一化这一件事。

# %% net
from torch import nn


def make_lenet(batch_norm, activation=nn.Sigmoid):
    norm2d = nn.BatchNorm2d if batch_norm else nn.Identity
    norm1d = nn.BatchNorm1d if batch_norm else nn.Identity
    net = nn.Sequential(
        nn.Conv2d(1, 8, kernel_size=3, padding=1), norm2d(8), activation(), nn.AvgPool2d(2),
        nn.Conv2d(8, 16, kernel_size=3, padding=1), norm2d(16), activation(), nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(64, 32), norm1d(32), activation(),
        nn.Linear(32, 10))
    for layer in net:
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.xavier_uniform_(layer.weight)
    return net


out = X_train[:1]
for layer in make_lenet(batch_norm=False):
    out = layer(out)
    if not isinstance(layer, (nn.Identity, nn.Sigmoid)):
        print(f"{type(layer).__name__:<10}{tuple(out.shape)}，共 {out.numel()} 个数")
assert out.shape == (1, 10)

# %% [markdown]
# 高宽减半，通道加倍，数值的总数减半：通道变多不等于信息变多
# （[通道数增加，表示信息被放大了吗](../23-lenet/what-channels-mean.md)）。池化没有参数，作用是缩小
# （[池化层的作用](../22-pooling/what-pooling-does.md)）。
#
# 归一化多出来的参数很少，每个通道只有一个 γ、一个 β：

# %% parameters
def count(net):
    return sum(p.numel() for p in net.parameters())


plain, normed = make_lenet(batch_norm=False), make_lenet(batch_norm=True)
print(f"参数：不归一化 {count(plain)}，归一化 {count(normed)}")
print("移动平均等不用学的：", sum(b.numel() for b in normed.buffers()), "个")
assert count(normed) - count(plain) == 2 * (8 + 16 + 32)

# %% [markdown]
# ## 训练

# %% train
from torch.nn import functional as F


@torch.no_grad()
def accuracy(net, X, y):
    net.eval()  # 用移动平均，不用这一批的统计量
    return (net(X).argmax(dim=1) == y).float().mean().item() * 100


def train(net, lr, num_epochs, batch_size=50):
    """朴素的 SGD。返回每一轮之后的验证准确率。"""
    optimizer = torch.optim.SGD(net.parameters(), lr)
    scores = []
    for _ in range(num_epochs):
        net.train()
        for batch in torch.randperm(len(X_train)).split(batch_size):
            loss = F.cross_entropy(net(X_train[batch]), y_train[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        scores.append(accuracy(net, X_val, y_val))
    return scores

# %% [markdown]
# ## 先给每一种网络找学习率
#
# 四种网络：sigmoid 或 ReLU，有没有归一化。每种试四个学习率，每个 3 个种子，只训练 3 轮。
# 比较两种做法之前，要**各自**选学习率，否则比的是谁碰巧合适
# （[怎么找到合适的学习率](../08-linear-regression/how-to-find-learning-rate.md)）。

# %% sweep
rates = [0.03, 0.1, 0.3, 1.0]
arms = {"sigmoid": (False, nn.Sigmoid), "sigmoid，归一化": (True, nn.Sigmoid),
        "ReLU": (False, nn.ReLU), "ReLU，归一化": (True, nn.ReLU)}


def run(arm, lr, num_epochs, seed):
    torch.manual_seed(seed)  # 初始权重和批次的次序都由它决定
    net = make_lenet(*arms[arm])
    return net, train(net, lr, num_epochs)


found = {}
for arm in arms:
    found[arm] = torch.tensor([[run(arm, lr, 3, seed)[1][-1] for seed in range(3)]
                               for lr in rates])  # (学习率, 种子)
best_lr = {}
for arm, scores in found.items():
    mean = scores.mean(1)  # 与最好的相差不到 2 个百分点，就取小的学习率，更稳
    best_lr[arm] = min(lr for lr, m in zip(rates, mean) if m > mean.max() - 2)
    print(f"{arm}：准确率最高 {mean.max():.0f}%，学习率取 {best_lr[arm]}")

# %% learning-rates caption="训练 3 轮后的验证准确率随学习率的变化，3 个种子的平均与范围。有归一化的两种，哪个学习率都在学；ReLU 不归一化，只在 0.3 附近学得快一些；sigmoid 不归一化，还停在瞎猜。"
import matplotlib.pyplot as plt

fig, ax = plt.subplots(figsize=(5.2, 3.0), layout="constrained")
for (arm, scores), style in zip(found.items(), ("o-", "s--", "^:", "D-.")):
    ax.semilogx(rates, scores.mean(1), style, label=arm)
    ax.fill_between(rates, scores.amin(1), scores.amax(1), alpha=0.15)
ax.set(title="训练 3 轮以后", xlabel="学习率", ylabel="验证准确率 %", ylim=(0, 102))
ax.set_xticks(rates, [f"{lr:g}" for lr in rates])
fig.legend(loc="outside lower center", ncols=4, fontsize=8)

peak = {arm: scores.mean(1).max().item() for arm, scores in found.items()}
assert peak["sigmoid，归一化"] > peak["sigmoid"] + 30
assert peak["ReLU，归一化"] > peak["ReLU"] + 15

# %% [markdown]
# 同样的初始权重、同样的数据，3 轮之内差别很大。sigmoid 不归一化时，四个学习率都停在瞎猜，挑不出哪个好；
# 下面给它用 1.0（在构建之外试了 1 和 3，一个种子，训练 80 轮以后都在 90% 上下）。
#
# ## 训练得更久
#
# 短跑会骗人：3 轮学不会，不等于永远学不会。各用自己的学习率，另换 5 个种子。三种训练 12 轮，最慢的那种训练 45 轮：

# %% curves caption="各用自己的学习率，5 个种子的平均与范围，横轴是对数。有归一化的几轮就学会了；sigmoid 不归一化，先在瞎猜附近停留很久，然后才开始学，各个种子早晚不一。"
best_lr["sigmoid"] = 1.0
fig, ax = plt.subplots(figsize=(5.2, 3.0), layout="constrained")
curves, nets = {}, {}
for arm, style in zip(arms, ("-", "--", ":", "-.")):
    num_epochs = 45 if arm == "sigmoid" else 12
    runs = [run(arm, best_lr[arm], num_epochs, seed) for seed in range(10, 15)]
    nets[arm] = [net for net, _ in runs]
    curves[arm] = torch.tensor([scores for _, scores in runs])  # (种子, 轮)
    epochs = range(1, num_epochs + 1)
    ax.semilogx(epochs, curves[arm].mean(0), style, label=arm)
    ax.fill_between(epochs, curves[arm].amin(0), curves[arm].amax(0), alpha=0.15)
ax.set(title="归一化换来的是快", xlabel="轮数", ylabel="验证准确率 %", ylim=(0, 102))
ax.set_xticks([1, 3, 12, 45], ["1", "3", "12", "45"])
fig.legend(loc="outside lower center", ncols=4, fontsize=8)

for arm, scores in curves.items():
    print(f"{arm}：第 12 轮 {scores[:, 11].mean():.0f}%，最后一轮 {scores[:, -1].mean():.0f}%")
slow, fast = curves["sigmoid"].mean(0), curves["sigmoid，归一化"].mean(0)
assert slow[11] < 30 < 60 < fast[-1] and slow[-1] > 40  # 慢的也学得会，只是晚得多
gain = curves["ReLU，归一化"].mean(0) - curves["ReLU"].mean(0)
assert 0 < gain[11] < gain[2]  # ReLU：归一化的好处随训练缩小

# %% [markdown]
# 训练得越久，差距越小：sigmoid 不归一化也在往上追，ReLU 的两条线靠近了。归一化换来的主要是快。
#
# ## 为什么：看每一层的信号和梯度
#
# sigmoid 的导数最大只有 0.25，所以每过一层，不同的图之间的差别就缩小好几倍。差别小到看不出来，后面的层就分不清谁是谁；
# 往回传的梯度也一样。归一化把每一层的差别放大回来。
# 先看刚初始化时，激活之前的值在不同的图之间差多少（同一个位置上跨样本的标准差，再平均）：

# %% signal
def signal(net, X):
    """各隐藏层激活之前的值，跨样本的标准差，各个位置的平均。"""
    levels = []
    for layer in net.train():
        if isinstance(layer, (nn.Sigmoid, nn.ReLU)):
            levels.append(X.std(dim=0).mean().item())
        X = layer(X)
    return levels


spread = {}
for arm, options in arms.items():
    with torch.no_grad():
        torch.manual_seed(0)
        spread[arm] = signal(make_lenet(*options), X_train)
    print(f"{arm}：", "，".join(f"第 {k} 层 {s:.3f}" for k, s in enumerate(spread[arm], 1)))
assert spread["sigmoid"][2] < spread["sigmoid"][0] / 5
assert spread["sigmoid，归一化"][2] > 0.9

# %% [markdown]
# 卷积层的归一化是一个通道的所有位置一起做的，所以单看一个位置不到 1；全连接层几乎正好是 1。
#
# 再看梯度：各层权重的梯度长度除以权重自己的长度，就是学习率为 1 时一步相对的改动
# （[批量归一化能用在多层感知机里吗](../28-batch-norm/batchnorm-in-mlp.md)）。

# %% gradients caption="刚初始化时，各层权重的梯度与权重的长度之比，5 个种子的平均，纵轴是对数。sigmoid 不归一化，越往下越小，第一层只有最后一层的几十分之一；归一化以后，第一层不再比最后一层小。ReLU 本来就没有越往下越小，归一化使各层的梯度都大得多。"
def relative_gradients(net):
    net.train()
    loss = F.cross_entropy(net(X_train[:200]), y_train[:200])
    weights = [p for p in net.parameters() if p.dim() > 1]  # 卷积和全连接的权重
    grads = torch.autograd.grad(loss, weights)
    return [(g.norm() / w.norm()).item() for w, g in zip(weights, grads)]


fig, ax = plt.subplots(figsize=(5.2, 3.0), layout="constrained")
level = {}
for (arm, options), style in zip(arms.items(), ("o-", "s--", "^:", "D-.")):
    rows = []
    for seed in range(5):
        torch.manual_seed(seed)
        rows.append(relative_gradients(make_lenet(*options)))
    level[arm] = torch.tensor(rows).mean(0)
    ax.semilogy(level[arm], style, label=arm)
ax.set(title="刚初始化时各层的梯度", ylabel="梯度 / 权重")
ax.set_xticks(range(4), ["卷积 1", "卷积 2", "全连接 1", "全连接 2"])
fig.legend(loc="outside lower center", ncols=4, fontsize=8)
print("最后一层是第一层的几倍：", {arm: f"{v[-1] / v[0]:.1f}" for arm, v in level.items()})
assert level["sigmoid"][-1] > 10 * level["sigmoid"][0]
assert level["sigmoid，归一化"][-1] < 2 * level["sigmoid，归一化"][0]
assert (level["ReLU，归一化"] > 3 * level["ReLU"]).all()

# %% [markdown]
# ## 自己写一遍批量归一化
#
# 对图像，每个**通道**跨样本、跨位置取平均和方差，再乘 γ、加 β：
#
# $$
# \hat x = \frac{x - \mu_B}{\sqrt{\sigma_B^2 + \varepsilon}}, \qquad
# \text{移动平均} \leftarrow 0.9 \cdot \text{移动平均} + 0.1 \cdot \mu_B .
# $$
#
# 训练时用这一批的统计量，推理时用移动平均。为什么是跨样本而不是在样本内，
# 见[层归一化和批量归一化有什么区别](../28-batch-norm/layernorm-vs-batchnorm.md)。

# %% by-hand
class MyBatchNorm2d(nn.Module):
    def __init__(self, channels, eps=1e-5, momentum=0.1):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.gamma = nn.Parameter(torch.ones(1, channels, 1, 1))
        self.beta = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.register_buffer("mean", torch.zeros(1, channels, 1, 1))  # 不用学，但要随网络保存
        self.register_buffer("var", torch.ones(1, channels, 1, 1))

    def forward(self, X):
        if not self.training:
            return self.gamma * (X - self.mean) / (self.var + self.eps).sqrt() + self.beta
        mean = X.mean(dim=(0, 2, 3), keepdim=True)  # (1, C, 1, 1)
        var = X.var(dim=(0, 2, 3), keepdim=True, correction=0)
        with torch.no_grad():  # 移动平均不参与求导
            n = X.numel() / X.shape[1]
            self.mean += self.momentum * (mean - self.mean)
            self.var += self.momentum * (var * n / (n - 1) - self.var)  # 存的是无偏的方差
        return self.gamma * (X - mean) / (var + self.eps).sqrt() + self.beta

# %% same-as-library
mine, library = MyBatchNorm2d(8), nn.BatchNorm2d(8)
conv = make_lenet(batch_norm=False)[0]
with torch.no_grad():
    for batch in X_train.split(50):  # 训练模式：20 批
        one = mine(conv(batch))
        torch.testing.assert_close(one, library(conv(batch)), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(mine.mean.flatten(), library.running_mean, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(mine.var.flatten(), library.running_var, atol=1e-5, rtol=1e-4)
    print("训练模式，每个通道的平均与方差："
          f"{one.mean((0, 2, 3)).abs().max():.3f}，{one.var((0, 2, 3)).mean():.3f}")
    mine.eval(), library.eval()
    torch.testing.assert_close(mine(conv(X_val)), library(conv(X_val)), atol=1e-4, rtol=1e-4)
print("输出和移动平均，训练与推理，都与 nn.BatchNorm2d 相同")

# %% [markdown]
# ### 忘了 eval()
#
# 忘了切换，评估就用这一批自己的统计量：同一张图的结果取决于它的同伴，批越小越不准；
# 而且每次前向还在改移动平均，评估一遍，网络就变了一点，哪怕写了 `no_grad()`：

# %% forgot-eval
import copy

net = nets["ReLU，归一化"][0]
good = accuracy(net, X_val, y_val)
print(f"eval()：{good:.1f}%")
forgot = {}
for size in (2, 4, 16, 99):
    careless = copy.deepcopy(net).train()  # 忘了 eval()
    with torch.no_grad():
        hits = [(careless(X).argmax(1) == y).sum().item()
                for X, y in zip(X_val[:296].split(size), y_val[:296].split(size)) if len(y) > 1]
    forgot[size] = 100 * sum(hits) / 296
    print(f"忘了 eval()，每批 {size} 张：{forgot[size]:.1f}%")
moved = (careless[1].running_mean - net[1].running_mean).abs().max().item()
print("评估之后移动平均变了：", moved > 0)
assert forgot[2] < good - 10 and moved > 0
assert forgot[2] < forgot[16]

# %% [markdown]
# ## 打开网络：特征图
#
# 取一张图，看它经过两层卷积以后的样子。前面几层不用改代码，`nn.Sequential` 可以切片：

# %% feature-maps caption="一张图和它的特征图。第一行：输入，其余是第一层卷积、归一化、ReLU 之后的 8 个通道中的 7 个（8×8）；下面两行：第二层的 14 个通道（4×4）。第一层还看得出笔画的形状和方向；第二层只剩几格，人看不懂了。"
net.eval()
i = int((y_test == 3).nonzero()[0])
with torch.no_grad():
    first = net[:3](X_test[i : i + 1])[0]  # (8, 8, 8)：通道、高、宽
    second = net[:7](X_test[i : i + 1])[0]  # (16, 4, 4)
fig, axes = plt.subplots(3, 8, figsize=(5.2, 2.4), layout="constrained")
tiles = [X_test[i, 0], *first[:7], *second]
for ax, tile in zip(axes.flat, tiles):
    ax.imshow(tile, interpolation="none")
    ax.axis("off")
axes[0, 0].set_title("输入", fontsize=9)
axes[0, 1].set_title("第一层", fontsize=9)
axes[1, 0].set_title("第二层", fontsize=9)
fig.suptitle("一张 3 的特征图", fontsize=10)
similar = [torch.corrcoef(torch.stack([X_test[i, 0].flatten(), c.flatten()]))[0, 1].item()
           for c in first]
print("第一层各通道与输入的相关：", [round(s, 1) for s in similar])
assert max(map(abs, similar)) > 0.5  # 第一层离像素还不远

# %% [markdown]
# 特征图说的是网络**算了什么**，不说明它**依据什么**；要知道依据，得涂掉一些像素看判断变不变
# （[卷积神经网络到底学到了什么](../23-lenet/what-a-cnn-learned.md)）。
#
# ## 它认错了哪些图
#
# 打开测试集。五个种子的网络各认一遍，看它们错在哪里、是不是错在一起：

# %% errors caption="五个网络里认错得最多的八张测试图。标题是真正的数字、猜得最多的数字和认错的网络个数。有几张人也要想一想。"
committee = nets["ReLU，归一化"]
with torch.no_grad():
    probabilities = torch.stack([net.eval()(X_test).softmax(dim=1) for net in committee])
guesses = probabilities.argmax(dim=2)  # (5, 500)
missed = (guesses != y_test).sum(dim=0)  # 每张图有几个网络认错
fig, axes = plt.subplots(2, 4, figsize=(5.2, 2.9), layout="constrained")
for ax, i in zip(axes.flat, missed.argsort(descending=True, stable=True)):
    ax.imshow(X_test[i, 0], cmap="gray_r", interpolation="none")
    wrong = guesses[:, i][guesses[:, i] != y_test[i]]
    ax.set_title(f"{y_test[i]} 认作 {wrong.mode().values}（{missed[i]}）", fontsize=9)
    ax.axis("off")
fig.suptitle("认错得最多的图", fontsize=10)

single = (guesses != y_test).float().mean(1) * 100
print("五个网络各自的测试误差 %：", [round(e, 1) for e in single.tolist()])
print("一张图被几个网络认错（0 到 5 个）的张数：", missed.bincount(minlength=6).tolist())
twice = (missed * (missed - 1) / 20).sum().item()  # 任取两个网络，平均有几张图同时认错
chance = 500 * (single.mean().item() / 100) ** 2
print(f"任取两个网络，同时认错的平均 {twice:.1f} 张；如果互不相干，只有 {chance:.1f} 张")
assert twice > 3 * chance

# %% confusion caption="五个网络合起来的混淆矩阵，只画认错的：行是真正的数字，列是认成的数字。错误集中在少数几对上。"
pairs = torch.zeros(10, 10, dtype=torch.long)
for guess in guesses:
    for truth, answer in zip(y_test, guess):
        pairs[truth, answer] += truth != answer
fig, ax = plt.subplots(figsize=(5.2, 3.2))
picture = ax.imshow(pairs, interpolation="none")
fig.colorbar(picture, label="次数")
ax.set(title="把什么认成了什么", xlabel="认成的数字", ylabel="真正的数字")
ax.set_xticks(range(10))
ax.set_yticks(range(10))
ax.grid(False)

top = pairs.flatten().argsort(descending=True, stable=True)[:3].tolist()
print("最多的三对：", "，".join(f"{k // 10} 认成 {k % 10}" for k in top))
share = pairs.flatten().sort(descending=True).values[:9].sum() / pairs.sum()
print(f"九十种认错的方式里，最多的九种占了 {share:.0%}")
assert share > 0.3  # 若均匀分布，只占一成

# %% [markdown]
# 网络认错的时候，自己有没有察觉？看它给出的最大概率，再看五个网络的概率平均以后准不准：

# %% confidence
confidence = probabilities.amax(dim=2)  # (5, 500)
correct = guesses == y_test
sure, unsure = confidence[correct].mean().item(), confidence[~correct].mean().item()
print(f"最大的概率，平均：认对时 {sure:.2f}，认错时 {unsure:.2f}")
averaged = (probabilities.mean(dim=0).argmax(dim=1) != y_test).float().mean().item() * 100
print(f"测试误差：五个网络各自平均 {single.mean():.1f}%，概率平均以后 {averaged:.1f}%")
assert sure > unsure + 0.1
assert averaged < single.mean() + 0.5

# %% [markdown]
# ## 可以试着改
#
# - 把批量改成 2（`batch_size=2`），归一化的网络还学得好吗？把 `nn.BatchNorm2d(c)` 换成 `nn.GroupNorm(1, c)` 再试。
# - 把归一化挪到激活之后，曲线有没有差别？
# - 把 `nn.AvgPool2d(2)` 换成 `nn.MaxPool2d(2)`，或者去掉池化、让卷积的 `stride=2`，准确率变不变？
# - 给 sigmoid 的网络换上 `nn.init.xavier_uniform_`，
# 不归一化能不能学得动（[Xavier 初始化和批量归一化有什么区别](../28-batch-norm/xavier-vs-batchnorm.md)）？
# - 把测试图整体移动一个像素（`torch.roll(X_test, 1, dims=3)`），准确率掉多少？训练时也随机移动呢？
# - 挑一张认错的图，把特征图画出来，与一张认对的同一个数字比一比。
#
# ## 用到的问题
#
# - [通道数增加，表示信息被放大了吗？](../23-lenet/what-channels-mean.md)：高宽减半、通道加倍，数值的总数减半。
# - [卷积神经网络到底学到了什么？](../23-lenet/what-a-cnn-learned.md)：特征图只说明它算了什么。
# - [池化层的作用是什么？](../22-pooling/what-pooling-does.md)：缩小特征图，没有参数。
# - [Xavier 初始化和批量归一化有什么区别？](../28-batch-norm/xavier-vs-batchnorm.md)：一个只定起点，一个每次前向都管。
# - [批量归一化能用在多层感知机里吗？](../28-batch-norm/batchnorm-in-mlp.md)：sigmoid 的下层为什么学得慢。
# - [层归一化和批量归一化有什么区别？](../28-batch-norm/layernorm-vs-batchnorm.md)：跨样本，所以有 `train()` 与 `eval()` 之分。
# - [怎么找到合适的学习率？](../08-linear-regression/how-to-find-learning-rate.md)：比较之前各自扫一遍。
