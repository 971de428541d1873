# ---
# title: 自动求导与训练循环
# tags: [自动求导, 优化]
# questions: [07-1, 07-2, 07-3, 08-2, 08-3, 08-7]
# description: 不用 nn，从张量写到训练循环，梯度用差分和手推公式各核对一遍；再换成 nn.Module、优化器和 DataLoader，两边每一步的数字都相同。
# ---

# %% [markdown]
# # 自动求导与训练循环
#
# 训练一个网络，要做的只有五件事：取一批数据、前向、算损失、反向、更新参数。这个实验先**只用张量**把它们写一遍，
# 每一步都与另一种算法核对；再换成平时的写法（`nn.Module`、`torch.optim`、`DataLoader`），看两边是不是同样的数字。
#
# 数据是 scikit-learn 自带的 8×8 手写数字，网络是一个隐藏层的多层感知机。你会看到：
#
# - 梯度是什么时候、由谁算出来的，怎样检验它算得对；
# - 学习率太大时，损失为什么不降反升；
# - 忘了清空梯度，训练会变成什么样；
# - 框架替你做的事，一件一件都可以自己做。

# %% [markdown]
# ## 数据
#
# 1,797 张图，每张 64 个像素，取值 0 到 16，先除以 16。打乱以后，1,280 张训练，其余测试。

# %% data
import torch
from sklearn.datasets import load_digits

images, digits = load_digits(return_X_y=True)
order = torch.randperm(len(digits), generator=torch.Generator().manual_seed(0))
X = torch.tensor(images, dtype=torch.float32)[order] / 16
y = torch.tensor(digits)[order]
X_train, y_train, X_test, y_test = X[:1280], y[:1280], X[1280:], y[1280:]

print("训练：", tuple(X_train.shape), X_train.dtype, "，标签", y_train.dtype)
print("测试：", tuple(X_test.shape))
print("头十个标签：", y_train[:10].tolist())

assert X.min() == 0 and X.max() == 1
assert len(y_train.unique()) == 10

# %% [markdown]
# ## 参数：四个会被求导的张量
#
# 网络是 $o = \tanh(X W_1 + b_1)\, W_2 + b_2$。权重取小的随机数（方差 $1/n_{\text{in}}$），
# 偏置取 0。`requires_grad_()` 告诉 PyTorch：凡是用到它的运算，都要记下来。

# %% parameters
num_inputs, num_hiddens, num_outputs = 64, 32, 10


def init_params(seed=0):
    """返回 W1, b1, W2, b2。同样的种子，同样的参数。"""
    g = torch.Generator().manual_seed(seed)
    W1 = torch.randn(num_inputs, num_hiddens, generator=g) * (1 / num_inputs) ** 0.5
    W2 = torch.randn(num_hiddens, num_outputs, generator=g) * (1 / num_hiddens) ** 0.5
    params = [W1, torch.zeros(num_hiddens), W2, torch.zeros(num_outputs)]
    return [p.requires_grad_() for p in params]


params = init_params()
for name, p in zip(("W1", "b1", "W2", "b2"), params):
    print(f"{name}：形状 {tuple(p.shape)}，是叶子：{p.is_leaf}，梯度：{p.grad}")
print("参数共有", sum(p.numel() for p in params), "个")

assert all(p.is_leaf and p.grad is None for p in params)

# %% [markdown]
# ## 前向与损失
#
# 交叉熵就是正确类别的负对数概率。先减去最大值再取指数，数值才不会溢出；每个样本各有一个损失，取平均成为一个标量：
#
# $$
# \ell = \frac{1}{n} \sum_{i=1}^{n} \Big( \log \sum_{k} e^{o_{ik}} - o_{i y_i} \Big) .
# $$
#
# 为什么要合成一个标量，见[为什么一般对标量求导](../07-autograd/why-scalar-loss.md)；
# 为什么取平均而不是求和，见[损失为什么要取平均](../08-linear-regression/why-mean-loss.md)。

# %% forward
import math
from torch.nn import functional as F


def net(X, params):
    W1, b1, W2, b2 = params
    H = (X @ W1 + b1).tanh()  # (n, 64) → (n, 32)
    return H @ W2 + b2  # (n, 10)，每类一个分数，还不是概率


def cross_entropy(o, y):
    top = o.max(dim=1, keepdim=True).values  # 减去最大值，exp 就不会溢出
    log_sum = top[:, 0] + (o - top).exp().sum(dim=1).log()
    return (log_sum - o[torch.arange(len(y)), y]).mean()


o = net(X_train, params)
loss = cross_entropy(o, y_train)
print(f"刚初始化的损失 {loss.item():.3f}，十类各猜十分之一是 {math.log(10):.3f}")
print("损失的 grad_fn：", type(loss.grad_fn).__name__)
print("反向之前，W1 的梯度：", params[0].grad)

torch.testing.assert_close(loss, F.cross_entropy(o, y_train))  # 与库里的一样
assert abs(loss.item() - math.log(10)) < 1 and params[0].grad is None

# %% [markdown]
# 前向算出了损失，也顺手记下了做过的每一次运算：`grad_fn` 是图的终点，从它可以一路走回参数。
# 没有人事先画过这张图，它是边执行边记下来的（[显式构造和隐式构造计算图有什么区别](../07-autograd/explicit-vs-implicit-graph.md)）。
# 从终点往回走，看看记了些什么：

# %% graph
def walk(node, found):
    """沿着 next_functions 往回走，把遇到的节点记下来。"""
    if node is not None and node not in found:
        found.append(node)
        for parent, _ in node.next_functions:
            walk(parent, found)
    return found


nodes = walk(loss.grad_fn, [])
names = [type(node).__name__ for node in nodes]
leaves = [node.variable for node in nodes if hasattr(node, "variable")]
print(f"图里有 {len(nodes)} 个节点，矩阵乘 {sum('Mm' in n for n in names)} 个")
print("走到头的是参数：", sorted(tuple(leaf.shape) for leaf in leaves))

assert len(leaves) == 4 and {id(leaf) for leaf in leaves} == {id(p) for p in params}
assert sum("Mm" in name for name in names) == 2  # X @ W1 与 H @ W2

# %% [markdown]
# 走到头正好是四个参数，一个不多，一个不少。输入 `X_train` 不在其中，因为没有要求对它求导。

# %% [markdown]
# ## 反向：一次得到全部梯度

# %% backward
loss.backward()
for name, p in zip(("W1", "b1", "W2", "b2"), params):
    print(f"{name} 的梯度：形状 {tuple(p.grad.shape)}，长度 {p.grad.norm().item():.3f}")

assert all(p.grad.shape == p.shape for p in params)  # 与参数同形状，才能相减
try:
    loss.backward()
except RuntimeError as error:  # 反向要用的中间结果，用一次就释放
    message = str(error)
    print("再反向一次：", message[:61] + "…")
assert "second time" in message

# %% [markdown]
# 在这之前梯度是 `None`，之后每个参数都有一个同样形状的梯度（[为什么要先 backward() 才有 .grad](../07-autograd/why-backward-first.md)）。
#
# ### 它算得对吗：手推的公式
#
# 设 $P$ 是 softmax 的概率，$Y$ 是独热的标签。把链式法则从后往前写一遍：
#
# $$
# G_o = \frac{P - Y}{n}, \quad \nabla W_2 = H^\top G_o, \quad
# G_h = (G_o W_2^\top) \odot (1 - H^2), \quad \nabla W_1 = X^\top G_h .
# $$
#
# 偏置的梯度是对应那一项按样本求和。

# %% by-hand
def gradients_by_hand(X, y, params):
    W1, b1, W2, b2 = params
    H = (X @ W1 + b1).tanh()
    P = torch.softmax(H @ W2 + b2, dim=1)
    G_o = (P - F.one_hot(y, num_outputs)) / len(y)  # (n, 10)
    G_h = (G_o @ W2.T) * (1 - H**2)  # (n, 32)：tanh 的导数
    return [X.T @ G_h, G_h.sum(0), H.T @ G_o, G_o.sum(0)]


with torch.no_grad():  # 自己求导，不必记录
    by_hand = gradients_by_hand(X_train, y_train, params)
for name, p, g in zip(("W1", "b1", "W2", "b2"), params, by_hand):
    torch.testing.assert_close(p.grad, g)
    print(f"{name}：手推的与 backward() 的相同，最大的一项 {g.abs().max().item():.4f}")

# %% [markdown]
# ### 它算得对吗：有限差分
#
# 手推的公式和自动求导可能错得一样。差分不用任何求导的知识：把参数沿一个方向 $v$ 移动一点点，看损失变了多少。
#
# $$
# \frac{\ell(w + hv) - \ell(w)}{h} \quad\text{（单边）}, \qquad
# \frac{\ell(w + hv) - \ell(w - hv)}{2h} \quad\text{（中心）} .
# $$
#
# $h$ 不是越小越好：太小时，两个几乎相等的数相减，剩下的全是舍入误差。

# %% difference
def difference(h, v, dtype, central=True):
    """损失沿方向 v 的差分。先把参数和数据都换成 dtype。"""
    w, data = [p.detach().to(dtype) for p in params], X_train.to(dtype)
    ahead = [p + h * d.to(dtype) for p, d in zip(w, v)]
    behind = [p - h * d.to(dtype) for p, d in zip(w, v)] if central else w
    change = cross_entropy(net(data, ahead), y_train) - cross_entropy(net(data, behind), y_train)
    return change.item() / (2 * h if central else h)


g = torch.Generator().manual_seed(1)
v = [torch.randn(p.shape, generator=g, dtype=torch.float64) for p in params]
wide = [p.detach().double().requires_grad_() for p in params]  # 双精度再求一次导
exact = torch.autograd.grad(cross_entropy(net(X_train.double(), wide), y_train), wide)
slope = sum((a * b).sum() for a, b in zip(exact, v)).item()  # 方向导数 = 梯度 · v

print(f"自动求导：{slope:.6f}")
print(f"中心差分：{difference(1e-5, v, torch.float64):.6f}")
assert abs(difference(1e-5, v, torch.float64) - slope) < 1e-4 * abs(slope)

# %% step-size caption="差分与自动求导之差，两条轴都是对数，步长从右往左缩小。误差先降后升：右边差分本身不准，左边舍入误差说了算。单精度最多对得上三位，步长再小，两次的损失就没有差别了。"
import matplotlib.pyplot as plt

steps = [10.0**-k for k in range(1, 12)]
errors, fig = {}, plt.figure(figsize=(5.2, 2.8))
for name, dtype, central, style in (("单边，双精度", torch.float64, False, "o-"),
                                    ("中心，双精度", torch.float64, True, "s--"),
                                    ("中心，单精度", torch.float32, True, "^:")):
    errors[name] = [abs(difference(h, v, dtype, central) - slope) + 1e-16 for h in steps]
    plt.loglog(steps, errors[name], style, label=name)
    best = min(range(len(steps)), key=errors[name].__getitem__)
    print(f"{name}：步长 1e-{best + 1} 时误差最小")
plt.title("差分的步长不是越小越好"), plt.xlabel("步长 h"), plt.ylabel("与自动求导之差")
plt.ylim(1e-12, 1), plt.legend(loc="lower left")

for error in errors.values():  # 两头都比中间差
    assert min(error) < error[0] / 10 and min(error) < error[-1] / 5
assert min(errors["中心，双精度"]) < min(errors["中心，单精度"]) / 30

# %% [markdown]
# 所以核对梯度要用双精度，步长取 $10^{-5}$ 上下。库里有现成的：`torch.autograd.gradcheck` 做的就是这件事，
# 只是每个元素各查一遍。差分只用来核对，不用来训练：每个参数要两次前向，这里就是将近五千次，而反向传播一遍就给出全部。

# %% [markdown]
# ## 沿着负梯度走一步
#
# 梯度说的是**眼前**的斜率：参数移动 $-\eta g$，损失大约减少 $\eta \lVert g \rVert^2$。走得太远，这句话就不对了。
# 把学习率 $\eta$ 从 0.01 一直加到 30，看走一步以后的损失：

# %% one-step caption="从同一个起点，沿负梯度只走一步以后的损失。学习率小，损失按斜率（虚线）下降；再大些，下降得没有斜率说的那么多；太大就越过了谷底，比出发时还高。"
size = sum(p.grad.square().sum() for p in params).item()  # 梯度长度的平方
rates = torch.logspace(-2, 1.5, 24).tolist()
with torch.no_grad():
    after = [cross_entropy(net(X_train, [p - lr * p.grad for p in params]), y_train).item()
             for lr in rates]
start = loss.item()
fig, ax = plt.subplots(figsize=(5.2, 2.8))
ax.semilogx(rates, after, "o-", label="走一步以后")
near = [lr for lr in rates if start - lr * size > 0.5]
ax.semilogx(near, [start - lr * size for lr in near], "--", label="斜率预言的")
ax.axhline(start, color="C2", linestyle=":", label="出发时")
ax.set(title="学习率与一步之后的损失", xlabel="学习率", ylabel="损失", ylim=(0, 2.5 * start))
ax.legend()

best = rates[after.index(min(after))]
print(f"出发时 {start:.3f}，学习率 0.01 一步以后 {after[0]:.3f}，斜率说应为 {start - 0.01 * size:.3f}")
print(f"一步之内最好的学习率约 {best:.1f}")
assert abs((start - after[0]) / (0.01 * size) - 1) < 0.1  # 步子小，斜率说得准
assert min(after) < start < after[-1]  # 步子太大，比出发时还高

# %% [markdown]
# 曲线因起点而异，训练中也一直在变，所以学习率只能试：见[怎么找到合适的学习率](../08-linear-regression/how-to-find-learning-rate.md)。
#
# ## 梯度会累加
#
# `backward()` 把新的梯度**加**到 `.grad` 上，不会替换旧的。这有用处：内存放不下的大批量，可以拆成几份，各自反向。
# 损失是平均，所以每一份要按样本数占的比例缩放：

# %% accumulate
X, y = X_train[:128], y_train[:128]
whole = torch.autograd.grad(cross_entropy(net(X, params), y), params)

for p in params:
    p.grad = None  # 清空，从头开始
for part in (slice(0, 100), slice(100, 128)):  # 一份 100 个，一份 28 个
    share = len(y[part]) / len(y)
    (cross_entropy(net(X[part], params), y[part]) * share).backward()
for p, g in zip(params, whole):
    torch.testing.assert_close(p.grad, g)
print("两份按比例累加的梯度，与整批的相同")

cross_entropy(net(X, params), y).backward()  # 忘了清空，又来一次
ratio = params[0].grad.norm() / whole[0].norm()
print(f"忘了清空，再反向一次：梯度变成 {ratio.item():.2f} 倍")
assert abs(ratio - 2) < 1e-3

# %% [markdown]
# ## 更新参数
#
# 更新是 `p -= lr * p.grad`。直接写会报错：参数是要被求导的叶子，就地改它，图就对不上了。
# 更新这一步本来也不该被求导，所以放进 `torch.no_grad()`：

# %% update
p = params[0]
try:
    p -= 0.1 * p.grad
except RuntimeError as error:
    message = str(error)
    print("直接更新：", message)


def sgd(params, lr):
    """更新一次，然后清空梯度。"""
    with torch.no_grad():
        for p in params:
            p -= lr * p.grad
            p.grad = None  # 不清空，下一次的梯度会加在上面


sgd(params, lr=0.1)
print("在 no_grad 里更新：还是叶子", p.is_leaf, "，还要求导", p.requires_grad, "，梯度", p.grad)
assert "leaf Variable" in message
assert p.is_leaf and p.requires_grad and p.grad is None

# %% [markdown]
# 写成 `p = p - lr * p.grad` 不会报错，但那样得到的是一个**新的**张量，不再是叶子，下一次就拿不到它的梯度了。
#
# ## 训练循环
#
# 零件齐了。每一轮把样本打乱，一批一批地取；次序事先抽好，后面换成框架的写法时用同样的次序，才能逐步对照。

# %% loop
batch_size, num_epochs, lr = 64, 20, 0.3
g = torch.Generator().manual_seed(0)
orders = [torch.randperm(len(X_train), generator=g) for _ in range(num_epochs)]


def accuracy(o, y):
    return (o.argmax(dim=1) == y).float().mean().item()


params, losses, scores = init_params(), [], []
for order in orders:
    for batch in order.split(batch_size):  # 1. 取一批数据
        o = net(X_train[batch], params)  # 2. 前向
        loss = cross_entropy(o, y_train[batch])  # 3. 损失
        loss.backward()  # 4. 反向
        sgd(params, lr)  # 5. 更新，清空
        losses.append(loss.item())
    with torch.no_grad():
        scores.append(accuracy(net(X_test, params), y_test))

print(f"更新了 {len(losses)} 次；头一批的损失 {losses[0]:.2f}，最后一轮平均 {sum(losses[-20:]) / 20:.3f}")
print(f"测试准确率：第 1 轮 {scores[0]:.0%}，最后一轮 {scores[-1]:.0%}")
assert sum(losses[-20:]) / 20 < losses[0] / 10
assert scores[-1] > 0.9

# %% curves caption="左：单批的损失（浅，每三批画一点）和每一轮的平均（深）。各批都不同，所以抖动，但平均一路下降。右：测试准确率，头几轮升得最快。"
fig, (left, right) = plt.subplots(1, 2, figsize=(5.2, 2.6), layout="constrained")
per_epoch = torch.tensor(losses).view(num_epochs, -1).mean(dim=1)
left.plot(range(0, len(losses), 3), losses[::3], alpha=0.4)  # 隔两批画一点，图轻一些
left.plot(torch.arange(num_epochs) * 20 + 10, per_epoch, "o-", color="C1", markersize=3)
left.set(title="训练损失", xlabel="更新次数", ylabel="损失")
right.plot(range(1, num_epochs + 1), scores, "o-", color="C2")
right.set(title="测试准确率", xlabel="轮数", xticks=(1, 5, 10, 15, 20))

rises = sum(b > a for a, b in zip(losses, losses[1:]))
print(f"{len(losses) - 1} 次更新中，有 {rises} 次下一批的损失比这一批高")
print("每一轮的平均损失比上一轮高的：", int((per_epoch.diff() > 0).sum()), "次")
assert rises > 100  # 单批的损失抖动
assert per_epoch[-1] < per_epoch[4] < per_epoch[0]  # 平均在下降

# %% [markdown]
# ## 如果忘了清空梯度
#
# 只删掉一行，其余一样。旧的梯度一直留着，每一步都把从前所有的梯度再走一遍：

# %% forget caption="同样的起点、数据和学习率，只差清不清空梯度；每一轮的平均损失，纵轴是对数。清空的一路下降；不清空的开头降得更快，随后越来越差，最后还不如瞎猜（点线）。"
kept, forgotten = init_params(), []
for order in orders:
    for batch in order.split(batch_size):
        loss = cross_entropy(net(X_train[batch], kept), y_train[batch])
        loss.backward()
        with torch.no_grad():
            for p in kept:
                p -= lr * p.grad  # 没有 p.grad = None
        forgotten.append(loss.item())

average = torch.tensor(forgotten).view(num_epochs, -1).mean(dim=1)
fig, ax = plt.subplots(figsize=(5.2, 2.8))
ax.semilogy(range(1, num_epochs + 1), per_epoch, "o-", label="清空")
ax.semilogy(range(1, num_epochs + 1), average, "s--", label="不清空")
ax.axhline(math.log(10), color="C2", linestyle=":", label="瞎猜")
ax.set(title="忘了清空梯度", xlabel="轮数", ylabel="损失", xticks=(1, 5, 10, 15, 20))
ax.legend()
print(f"最后一轮的平均损失：清空 {per_epoch[-1].item():.3f}，不清空 {average[-1].item():.1f}")
assert average[1] < per_epoch[1]  # 开头反而快
assert average[-5:].min() > math.log(10) > 10 * per_epoch[-1]  # 最后还不如瞎猜

# %% [markdown]
# 它不报错，开头还显得更好，所以不容易发现。旧梯度一直起作用，正是动量为 1、没有摩擦的动量法：在平稳的二次函数上只是来回摆动
# （[为什么要先 backward() 才有 .grad](../07-autograd/why-backward-first.md)里逐步核对过），
# 这里每一批的噪声也跟着攒起来，就越摆越远。
#
# ## 换成 nn.Module
#
# `nn.Linear` 存的权重是 `(输出, 输入)`，计算 $XW^\top + b$，权重与我们的差一个转置。
# 把我们的初始参数抄进去，输出和梯度都应当一样：

# %% module
from torch import nn


class MLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(num_inputs, num_hiddens)
        self.output = nn.Linear(num_hiddens, num_outputs)

    def forward(self, X):
        return self.output(torch.tanh(self.hidden(X)))


def copy_params(params):
    """把我们的参数抄进一个 MLP；权重要转置。"""
    model = MLP()
    with torch.no_grad():
        for layer, W, b in ((model.hidden, *params[:2]), (model.output, *params[2:])):
            layer.weight.copy_(W.T)
            layer.bias.copy_(b)
    return model


params, model = init_params(), copy_params(init_params())
loss = cross_entropy(net(X_train, params), y_train)

# %% same-gradients
loss.backward()
model_loss = nn.CrossEntropyLoss()(model(X_train), y_train)
model_loss.backward()
for (name, q), p in zip(model.named_parameters(), params):
    print(f"{name}：形状 {tuple(q.shape)}")
    torch.testing.assert_close(q.grad, p.grad.T if p.dim() == 2 else p.grad)
torch.testing.assert_close(model_loss, loss)
print(f"损失：我们的 {loss.item():.5f}，nn 的 {model_loss.item():.5f}")
print("四个参数的梯度都相同")

# %% [markdown]
# ## 换成优化器和 DataLoader
#
# 五件事还是五件事，只是每件都有了名字。`DataLoader` 平时写 `shuffle=True`；这里用 `sampler` 把次序交给它，好与上面逐步对照。

# %% same-numbers caption="每一次更新的损失：线是手写的循环（每 4 次画一个点），圆点（每 20 次一个）是 nn.Module、SGD 和 DataLoader。两者重合。"
from torch.utils.data import DataLoader, TensorDataset

dataset = TensorDataset(X_train, y_train)
model, loss_fn = copy_params(init_params()), nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=lr)
model_losses = []
for order in orders:
    for X, y in DataLoader(dataset, batch_size, sampler=order.tolist()):  # 1. 取一批数据
        loss = loss_fn(model(X), y)  # 2. 前向  3. 损失
        optimizer.zero_grad()  # 清空上一次的梯度
        loss.backward()  # 4. 反向
        optimizer.step()  # 5. 更新
        model_losses.append(loss.item())

fig, ax = plt.subplots(figsize=(5.2, 2.8))
ax.plot(range(0, len(losses), 4), losses[::4], label="手写的", alpha=0.5)
ax.plot(range(0, len(losses), 20), model_losses[::20], "o", color="C1", label="nn 的")
ax.set(title="两种写法，同样的损失", xlabel="更新次数", ylabel="损失")
ax.legend()
gap = max(abs(a - b) for a, b in zip(losses, model_losses))
print(f"{len(losses)} 次更新，损失相差不超过千分之一：", gap < 1e-3)
torch.testing.assert_close(model_losses, losses, rtol=1e-3, atol=1e-3)

# %% [markdown]
# 剩下的微小差别来自浮点加法的次序（库里把乘和加合在一起算），不是算法不同。
#
# ## 除不尽的最后一批
#
# 1,280 恰好是 64 的 20 倍。换一个除不尽的批量，`DataLoader` 默认给出较小的最后一批，`drop_last=True` 才丢掉它
# （[样本数不是批量的整数倍](../08-linear-regression/last-incomplete-batch.md)）。算整个数据集的平均损失时，要按样本数加权：

# %% last-batch
for drop_last in (False, True):
    loader = DataLoader(dataset, batch_size=300, shuffle=True, drop_last=drop_last)
    print(f"drop_last={drop_last}：", [len(y) for _, y in loader])
    assert sum(len(y) for _, y in loader) == (1200 if drop_last else 1280)

model.eval()  # 这个网络里没有 dropout 和归一化，写不写一样；养成习惯
with torch.no_grad():  # 评估不需要图
    whole = loss_fn(model(X_train), y_train).item()
    parts = [(loss_fn(model(X), y).item(), len(y)) for X, y in DataLoader(dataset, 300)]
    test_accuracy = accuracy(model(X_test), y_test)
weighted = sum(value * n for value, n in parts) / len(dataset)
print(f"整个训练集的损失 {whole:.5f}；各批按样本数加权 {weighted:.5f}")
print(f"测试准确率 {test_accuracy:.0%}")
assert math.isclose(weighted, whole, rel_tol=1e-4)
assert abs(test_accuracy - scores[-1]) < 0.01  # 与手写的一样好

# %% [markdown]
# ## 可以试着改
#
# - 把 `lr` 改成 0.01、1、5，看训练损失。对照“沿着负梯度走一步”的图：一步之内最好的学习率，走几百步也好吗？
# - 把 `cross_entropy` 里的 `mean()` 换成 `sum()`，学习率除以 64，训练曲线变不变？为什么？
# - 全部权重都初始化为 0，损失还降得动吗？看看 `W1` 的梯度。
# - 把 `sgd` 改成动量法：给每个参数一个 `v`，`v = 0.9 * v + p.grad`，`p -= lr * v`；再与 `torch.optim.SGD(momentum=0.9)` 逐步对照。
# - 把激活函数换成 ReLU（`clamp(min=0)`，导数是 `H > 0`）。差分核对的误差为什么变大了？想想 0 点的折角。
# - 把 `p -= lr * p.grad` 改成 `p = p - lr * p.grad`，看第二次更新时报什么错。
#
# ## 用到的问题
#
# - [显式构造和隐式构造计算图有什么区别？](../07-autograd/explicit-vs-implicit-graph.md)：图是边执行边记下来的。
# - [为什么一般对标量求导？](../07-autograd/why-scalar-loss.md)：损失取平均成为标量，梯度才与参数同形状。
# - [为什么要先 backward() 才有 .grad？](../07-autograd/why-backward-first.md)：只有叶子有，而且是累加的。
# - [损失为什么要取平均？](../08-linear-regression/why-mean-loss.md)：拆成几份时按比例缩放。
# - [怎么找到合适的学习率？](../08-linear-regression/how-to-find-learning-rate.md)：一步之后的损失不是全部。
# - [样本数不是批量的整数倍怎么办？](../08-linear-regression/last-incomplete-batch.md)：最后一批与加权平均。
