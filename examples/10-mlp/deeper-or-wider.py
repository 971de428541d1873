"""为什么增加隐藏层的层数，而不是神经元的个数？

要检验的说法：深的能用少得多的单元表示某些函数，但不总是更准、更好训练；宽的网络训练得动，也不更容易过拟合。
能推翻它的结果：参数一样多时，深的测试误差明显更低，或能用更大的学习率；加宽使训练损失降不下去，或使测试误差升高。
"""

# %% approximate timeout=300
import torch

def one_layer(f, n):  # 不训练，直接写出 n 个 ReLU 的单隐藏层网络：在等分点处转弯，经过目标函数上的点
    knots = torch.linspace(0, 1, n + 1, dtype=torch.float64)
    v = torch.diff(f(knots).diff() * n, prepend=torch.zeros(1))  # 每个单元改变一次斜率
    return lambda x: f(knots[:1]) + (x[:, None] - knots[:-1]).relu() @ v

x, f = torch.linspace(0, 1, 4001, dtype=torch.float64), lambda x: torch.sin(8 * x) + x.exp()  # 光滑的目标
error = {n: (one_layer(f, n)(x) - f(x)).abs().max().item() for n in (10, 20, 40, 80)}
squared = (3 * x[:, None] + torch.linspace(-5, 5, 500, dtype=torch.float64)) ** 2  # 500 个隐藏单元，激活是平方
fit = squared @ torch.linalg.lstsq(squared, f(x)[:, None], driver="gelsd").solution  # 输出层取最好的权重
print("ReLU 单元数 → 最大误差：", {n: f"{e:.1e}" for n, e in error.items()})
print(f"激活换成平方，500 个单元：{(fit[:, 0] - f(x)).abs().max():.1f}（不管多宽，都只是二次函数）")
assert all(3.5 < error[n] / error[2 * n] < 4.5 for n in (10, 20, 40))  # 宽度加倍，误差变为四分之一
assert torch.linalg.matrix_rank(squared) == 3 and (fit[:, 0] - f(x)).abs().max() > 0.5

# %% pieces
def deep(x, num_layers):  # 每层两个 ReLU，把 [0, 1] 对折一次
    for _ in range(num_layers):
        x = 2 * x.relu() - 4 * (x - 0.5).relu()
    return x

grid = torch.linspace(0, 1, 2**14 + 1, dtype=torch.float64)
for k in (2, 4, 8, 12):
    turns = (deep(grid, k).diff().diff() != 0).sum().item()  # 斜率改变的次数
    assert turns == 2**k - 1  # 单隐藏层的一个 ReLU 至多转弯一次
    assert torch.equal(one_layer(lambda x: deep(x, k), 2**k)(grid), deep(grid, k))  # 这么宽的单隐藏层也能表示
    print(f"{k:2d} 层共 {2 * k:2d} 个单元：转弯 {turns} 次；单隐藏层要 {turns} 个单元")

# %% setup
from sklearn.datasets import load_digits
from torch.nn.functional import cross_entropy

images, digits = load_digits(return_X_y=True)
order = torch.randperm(len(digits), generator=torch.Generator().manual_seed(0))
X, y = torch.tensor(images, dtype=torch.float32)[order] / 16, torch.tensor(digits)[order]
X_train, y_train, X_test, y_test = X[:1000], y[:1000], X[1000:], y[1000:]
data = X_train, y_train

def layers(params, X):
    outputs = [X.expand(len(params[0]), -1, -1)]  # 每一层的输出，最后一个是 logits，都是 (网络, 样本, 单元)
    for i in range(0, len(params), 2):
        z = torch.baddbmm(params[i + 1], outputs[-1], params[i])
        outputs.append(z.relu() if i + 2 < len(params) else z)
    return outputs

def evaluate(params, X, y):  # 训练损失与测试误差 %，(学习率, 种子)；发散的记作无穷大
    logits, wrong = layers(params, X)[-1].movedim(2, 1), layers(params, X_test)[-1].argmax(2) != y_test
    loss = cross_entropy(logits, y.expand(len(logits), -1), reduction="none").mean(1).nan_to_num(torch.inf)
    return loss.view(-1, 5), wrong.float().mean(1).view(-1, 5) * 100


# %% train
def train(sizes, lrs, X, y, num_steps):
    """各学习率 × 5 个种子一起训练（动量 0.9，批量 50），返回训练前后的参数。"""
    torch.manual_seed(0)
    k, lr, initial = len(lrs), torch.tensor(lrs).repeat_interleave(5).view(-1, 1, 1), []
    for a, b in zip(sizes, sizes[1:]):  # 各学习率的初始值和批次都相同
        initial += [(torch.randn(5, a, b) * (2 / a) ** 0.5).repeat(k, 1, 1), torch.zeros(5 * k, 1, b)]
    params, velocity = [p.clone().requires_grad_() for p in initial], [torch.zeros_like(p) for p in initial]
    for _ in range(num_steps):
        rows = torch.randint(len(X), (5, 50)).repeat(k, 1)
        logits = layers(params, X[rows])[-1].flatten(0, 1)
        loss = cross_entropy(logits, y[rows].flatten(), reduction="sum") / 50
        for p, v, g in zip(params, velocity, torch.autograd.grad(loss, params)):
            p.data.addcmul_(lr, v.mul_(0.9).add_(g), value=-1)
    return initial, [p.detach() for p in params]


lrs, widths = [0.003, 0.01, 0.03, 0.1], {1: 266, 2: 108, 4: 69, 16: 33}  # 参数都约两万个
nets = {d: train([64] + [w] * d + [10], lrs, *data, 600) for d, w in widths.items()}
deeper = {d: evaluate(after, *data) for d, (before, after) in nets.items()}
usable = {d: (error.max(1).values < 10).sum().item() for d, (loss, error) in deeper.items()}
fit = {d: loss.mean(1).min() for d, (loss, error) in deeper.items()}
best = {d: error[loss.mean(1).argmin()] for d, (loss, error) in deeper.items()}  # 各自按训练损失选学习率
for d, e in best.items():
    print(f"{d:2d} 个隐藏层：训练损失 {fit[d]:.4f}，测试误差 {e.mean():.1f} ± {e.std():.1f}，误差都低于 10% 的学习率 {usable[d]} 个")
assert max(fit[2], fit[4]) < fit[1] / 3 and max(abs(best[d].mean() - best[1].mean()) for d in (2, 4)) < 1
assert usable[1] == 4 and usable[16] <= 2 and deeper[16][1][3].min() > 50 and fit[16] > 3 * fit[1]  # 太深，难训练

# %% wide
torch.manual_seed(1)
noisy = torch.where(torch.rand(300) < 0.3, torch.randint(10, (300,)), y_train[:300])  # 测试标签仍是干净的
many, wider = [8, 16, 32, 128, 256], {}
for name, data in (("干净标签", (X_train[:300], y_train[:300])), ("30% 噪声", (X_train[:300], noisy))):
    results = [evaluate(train([64, n, 10], [0.03, 0.1], *data, 1000)[1], *data) for n in many]
    loss = torch.stack([loss.mean(1).min() for loss, error in results])
    wider[name] = torch.stack([error[loss.mean(1).argmin()] for loss, error in results])  # (宽度, 种子)
    print(name, "训练损失：", [f"{v:.3f}" for v in loss], "测试误差 %：", [f"{v:.1f}" for v in wider[name].mean(1)])
    assert loss[-1] < 0.9 * loss[1] < 0.5 * loss[0] and loss[-1] < 0.05  # 越宽越容易训练，错的标签也记住了
    assert wider[name][-1].max() < wider[name][1].min()  # 宽 256 最差的种子也好过宽 16 最好的

# %% layers
def class_mean_error(params, layer):  # 按离哪一类的平均最近来分类：这一层把各类分开了多少
    H, T = (layers(params, X)[layer] for X in (X_train, X_test))
    means = torch.stack([H[:, y_train == c].mean(1) for c in range(10)], 1)
    return (torch.cdist(T, means).argmin(2) != y_test).float().mean(1) * 100


for d, lr in ((1, 0.1), (4, 0.03)):
    i = 5 * lrs.index(lr)  # 上面训练过的那 5 个种子
    before, after = ([p[i : i + 5] for p in params] for params in nets[d])
    initial, trained = (torch.stack([class_mean_error(p, i) for i in range(d + 1)]) for p in (before, after))
    for name, error in (("随机的", initial), ("训练后", trained)):
        print(f"{d} 个隐藏层，{name}：", " → ".join(f"{e:.1f}" for e in error.mean(1)))
    assert (trained.mean(1).diff() < 0).all() and (initial.mean(1).diff() > 0).all()  # 训练后一层比一层好
    assert trained[1].max() < trained[0].min() - 1  # 只有一层也提取了特征：好过原始像素

# %% plot caption="左：参数一样多（约两万个）的网络，测试误差与学习率，5 个种子的平均。一层的网络四个学习率都能用；16 层的在小学习率上也差得多，大的直接失败。两层、四层最好的结果与一层差不多。右：一个隐藏层，300 张训练图，5 个种子的平均。从宽 16 起，越宽误差越低，标签有噪声时也是：能记住训练标签以后，再加宽没有坏处。"
import matplotlib.pyplot as plt

fig, (left, right) = plt.subplots(1, 2, figsize=(5.2, 2.9), layout="constrained")
for (d, (_, error)), style in zip(deeper.items(), ("o-", "s--", "^:", "d-.")):
    left.loglog(lrs, error.mean(1), style, label=f"{d} 个隐藏层，宽 {widths[d]}")
for (name, error), style in zip(wider.items(), ("o-", "s--")):
    right.loglog(many, error.mean(1), style, label=name)
left.set(title="加深：参数一样多", xlabel="学习率", ylabel="测试误差 %")
right.set(title="加宽：一个隐藏层", xlabel="神经元个数")
for ax, ticks in ((left, lrs), (right, many)):
    ax.set(ylim=(2, 600), xticks=ticks, xticklabels=ticks, yticks=[3, 10, 90], yticklabels=[3, 10, 90])
    ax.minorticks_off()
    ax.legend(fontsize=7, loc="upper left")
