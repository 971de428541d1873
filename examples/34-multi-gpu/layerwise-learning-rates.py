"""用批量归一化才能训练底层，为什么不给每层不同的学习率？

要检验的说法：可以，但是不好调：前几层要比后几层大多少，说不清。
能推翻它的结果：逐层学习率怎么调都训练不动底层；或者随便设都一样好；或者合适的倍数从头到尾不变，量一次就够。
"""

# %% groups
import torch
from torch import nn
from torch.nn.functional import cross_entropy
net = nn.Sequential(nn.Linear(64, 32), nn.Sigmoid(), nn.Linear(32, 32), nn.Sigmoid(), nn.Linear(32, 10))
layers, lrs = net[::2], [1.6, 0.4, 0.1]  # 越靠近输入越大
optimizer = torch.optim.SGD([{"params": layer.parameters(), "lr": lr} for layer, lr in zip(layers, lrs)])
before = [layer.weight.detach().clone() for layer in layers]
cross_entropy(net(torch.rand(8, 64)), torch.arange(8)).backward(), optimizer.step()
for layer, W, lr in zip(layers, before, lrs):
    torch.testing.assert_close(layer.weight, W - lr * layer.weight.grad)  # 每层用的是自己的学习率
print("各组的学习率：", [group["lr"] for group in optimizer.param_groups])
try:
    torch.optim.SGD([{"params": net.parameters()}, {"params": net[4].parameters(), "lr": 1.0}], lr=0.1)
except ValueError as error:
    print(message := str(error))
assert "some parameters appear in more than one parameter group" in message

# %% net
from sklearn.datasets import load_digits
images, digits = load_digits(return_X_y=True)
order = torch.randperm(1797, generator=torch.Generator().manual_seed(0))
X, y = torch.tensor(images, dtype=torch.float32)[order], torch.tensor(digits)[order]
X = (X - X[:1000].mean(0)) / (X[:1000].std(0) + 0.1)  # 1,000 张训练，300 张验证，497 张测试
seeds, dims = 5, [64] + [32] * 6 + [10]  # 6 个 sigmoid 隐藏层，共 7 层权重
def start(bn=False, scale=1):  # 每层一个张量 (种子, 入 + 2, 出)：权重（Xavier），然后一行 γ、一行偏置
    g = torch.Generator().manual_seed(0)
    return [torch.cat([torch.randn(seeds, a, c, generator=g) * (2 / (a + c)) ** 0.5 * scale,
                       torch.tensor([float(bn), 0]).view(1, 2, 1).expand(seeds, 2, c)], 1)
            for a, c in zip(dims, dims[1:])]
def forward(P, h, bn=False, ref=None):  # ref：批量归一化用前多少行的统计量
    for i, W in enumerate(P):
        z = h @ W[:, :-2]
        if bn and i < len(P) - 1:
            var, mean = torch.var_mean(z[:, :ref], 1, correction=0, keepdim=True)
            z = (z - mean) / (var + 1e-5).sqrt() * W[:, -2:-1]
        h = (z + W[:, -1:]).sigmoid()
    return z + W[:, -1:]  # 最后一层不经过 sigmoid

# %% train
def size(W):
    return W.norm(dim=(1, 2), keepdim=True)
def train(P, lr, rule="SGD", bn=False, num_steps=400, pool=torch.arange(1000).expand(seeds, -1), X=X, y=y):
    # lr：(设置, 层)。每种设置 × 每个种子一起训练，样本取自 pool；学习率线性减到 0
    g, k = torch.Generator().manual_seed(1), len(lr)
    P = [W.repeat(k, 1, 1).requires_grad_() for W in P]
    lr = lr.repeat_interleave(seeds, 0)[:, :, None, None]  # (设置 × 种子, 层, 1, 1)
    m, v = ([torch.zeros_like(W) for W in P] for _ in range(2))
    for t in range(1, num_steps + 1):
        rows = pool.gather(1, torch.randint(pool.shape[1], (seeds, 32), generator=g)).repeat(k, 1)
        loss = cross_entropy(forward(P, X[rows], bn).flatten(0, 1), y[rows].flatten(), reduction="sum") / 32
        for i, (W, step) in enumerate(zip(P, torch.autograd.grad(loss, P))):
            if rule == "LARS":  # 每一步都乘这一层的 |权重| / |梯度|
                step = step * size(W.data) / (size(step) + 1e-12)
            if rule == "Adam":
                m[i].lerp_(step, 0.1), v[i].lerp_(step**2, 0.001)
                step = m[i] / (1 - 0.9**t) / ((v[i] / (1 - 0.999**t)).sqrt() + 1e-8)
            W.data -= lr[:, i] * (1 - t / num_steps) * step
    return [W.detach() for W in P]
def accuracy(P, rows, bn=False, ref=torch.arange(1000).expand(seeds, -1), X=X, y=y):  # (设置, 种子)
    inputs = torch.cat([X[ref], X[rows].expand(seeds, -1, -1)], 1).repeat(len(P[0]) // seeds, 1, 1)
    out = forward(P, inputs, bn, ref.shape[1])[:, ref.shape[1]:]
    return (out.argmax(2) == y[rows]).float().mean(1).view(-1, seeds) * 100

# %% ratio caption="每一层的学习率要是最上层的多少倍，各层的相对步长才一样（对数轴，5 个种子的几何平均）。训练前，最下一层要四千倍；训练 100 步后，最大的在第 3 层；训练 400 步后，哪层都不到 20 倍。有批量归一化的网络从一开始就只差两三倍。"
import matplotlib.pyplot as plt
def relative(P, bn=False):  # 每层的 |梯度| / |权重|：(层, 种子)
    P = [W.clone().requires_grad_() for W in P]
    out = forward(P, X[:1000].expand(seeds, -1, -1), bn).transpose(1, 2)
    loss = cross_entropy(out, y[:1000].expand(seeds, -1), reduction="sum") / 1000
    return torch.stack([(size(g) / size(W)).flatten() for W, g in zip(P, torch.autograd.grad(loss, P))]).detach()
def same(values):  # 各层用同一个学习率：(设置, 层)
    return torch.as_tensor(values)[:, None].repeat(1, 7)
half = train(start(), same([0.04]), "LARS", num_steps=100), train(start(), same([0.04]), "LARS")
nets = {"训练前": (start(),), "训练 100 步": half[:1], "训练 400 步": half[1:], "批量归一化，训练前": (start(True), True)}
need, (fig, ax) = {}, plt.subplots(figsize=(5.2, 2.8))
for (name, net), style in zip(nets.items(), ("o-", "s--", "^:", "D-.")):
    need[name] = (r := relative(*net))[-1] / r  # (层, 种子)
    middle = need[name].log().mean(1).exp()
    ax.semilogy(range(1, 8), middle, style, label=name)
    print(f"{name}，从下到上：", [float(f"{v:.2g}") for v in middle.tolist()])
ax.set(title="各层的学习率应是最上层的多少倍", xlabel="第几层（1 最靠近输入）", ylabel="倍数"), ax.legend()
begin, mid, late, with_bn = need.values()
assert (begin[:-1] > 2 * begin[1:]).float().mean() > 0.9 and begin[0].min() > 1000 and with_bn.max() < 6
assert mid[0].max() < begin[0].min() / 10 and (mid[1:4].mean(0) > mid[0]).all() and late.max() < 40

# %% search caption="每个点是一种设置：5 个种子的平均验证准确率，400 次更新，每种办法 6 种设置。只有一个学习率时，哪个都是瞎猜。逐层给的固定值，最好的比瞎猜好得多，但没有一种过半；LARS、Adam 最好的约五成。批量归一化六种都行；把初始权重放大 4 倍，不用归一化也有三种学得会。"
up, K, _ = torch.arange(6.0, -1, -1), 6, torch.manual_seed(0)  # up：离最上层几层
low, high = same(torch.logspace(-2.5, -0.5, K)), same(torch.logspace(-2, 1, K))
arms = {"一个": (start(), same(torch.logspace(-1, 3, K))),
        "逐层\n等比": (start(), torch.stack([b * r**up for b in (0.1, 0.3) for r in (2.0, 4.0, 8.0)])),
        "逐层\n随机": (start(), 10 ** (torch.rand(K, 7) * 5 - 1)),
        "梯度\n量一次": (start(), low / relative(start()).mean(1)),
        "LARS": (start(), low, "LARS"), "Adam": (start(), same(torch.logspace(-3, -1, K)), "Adam"),
        "初始化\n× 4": (start(scale=4), high), "批量\n归一化": (start(True), high, "SGD", True)}
val, test, fig = {}, [], plt.figure(figsize=(5.2, 2.8))
for name, (P, *how) in arms.items():
    P, bn = train(P, *how), len(how) == 3
    val[name] = accuracy(P, torch.arange(1000, 1300), bn).mean(1)
    test.append(accuracy(P, torch.arange(1300, 1797), bn)[val[name].argmax()])  # 在验证集上选
    print(f"{''.join(name.split())}：{(val[name] > 50).sum()} 种过半；选出的测试 {test[-1].mean():.0f} ± {test[-1].std():.0f}")
plt.plot(range(8), torch.stack([*val.values()]), "o", color="C0", alpha=0.7), plt.xticks(range(8), arms)
plt.title("同样试 6 种设置"), plt.ylabel("验证准确率 %"), plt.ylim(0, 100)
one, *by_layer, init, bn = val.values()
assert one.max() < 20 < min(t.min() for t in test[1:4]) and max(v.max() for v in by_layer[:3]) < 50  # 固定的逐层学习率
assert all(40 < v.max() < 65 for v in by_layer[3:])  # LARS、Adam
assert (bn > 50).all() and test[7].min() > max(t.mean() for t in test[1:6]) + 15 and test[6].mean() > 75

# %% finetune
def where(mask, a, b):
    return a + mask[a:b].nonzero().flatten()
old = train(start(True), same([0.5]), bn=True, pool=where(y < 5, 0, 700).expand(seeds, -1))  # 先学会 0 到 4
tasks = {"标签换了": (X, (4 - y).clamp(0), y < 5), "类别换了": (X, y, y > 4),
         "图转了 90 度": (X.view(-1, 8, 8).rot90(1, (1, 2)).flatten(1), y, y < 5)}
rs, tuned = (0, 1 / 2.6, 1, 2.6), []  # 往下一层，学习率乘 r；0 是只训练输出层
lr = torch.stack([b * torch.tensor(float(r)) ** up for r in rs for b in (0.3, 1, 3)])
for name, (A, t, mask) in tasks.items():
    few = where(mask, 700, 1000)[torch.rand(seeds, 120).argsort(1)[:, :50]]  # 每个种子只有 50 张
    P = train([*old[:-1], start(True)[-1]], lr, bn=True, num_steps=100, pool=few, X=A, y=t)  # 输出层换新的
    v, acc = (accuracy(P, where(mask, *ab), True, few, A, t).view(4, 3, seeds) for ab in ((1000, 1300), (1300, 1797)))
    tuned.append(acc[range(4), v.mean(2).argmax(1)])  # 每个 r 用验证集上最好的底数
    print(name, {f"r = {r:.2g}": f"{a.mean():.0f} ± {a.std():.0f}" for r, a in zip(rs, tuned[-1])})
assert all(((tuned[0][i] - tuned[0][2:]).mean(1) > torch.tensor([1, 2])).all() for i in (0, 1))  # 标签换了：下面少动
assert all((tuned[i][2:] - tuned[i][1]).mean(1).min() > 3 for i in (1, 2))  # 反过来
