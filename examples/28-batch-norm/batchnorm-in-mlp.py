"""批量归一化能用在多层感知机里吗？

要检验的说法：能；网络越深好处越大；“上层更新快、下层更新慢”取决于激活函数和初始化，不只是深。
能推翻它的结果：浅的网络上好处与深的一样大；或者用 He 初始化的深 ReLU 网络，下层的相对更新也比上层小得多。
"""

# %% use
import torch
from sklearn.datasets import load_digits
from torch import nn

images, digits = load_digits(return_X_y=True)
order = torch.randperm(len(digits), generator=torch.Generator().manual_seed(0))
X, y = torch.tensor(images, dtype=torch.float32)[order] / 8 - 1, torch.tensor(digits)[order]
torch.manual_seed(0)
linear, bn = nn.Linear(64, 32), nn.BatchNorm1d(32)  # 输入 (N, 特征)，每个特征跨样本归一化
h = linear(X[:50])
out = bn(h)
print("形状：", tuple(out.shape), "，可学的参数：", sum(p.numel() for p in bn.parameters()))
torch.testing.assert_close(out, (h - h.mean(0)) / (h.var(0, unbiased=False) + bn.eps).sqrt())
nn.init.normal_(linear.bias, std=100)  # 归一化会减去平均，前面的偏置加多少都抵消
print("偏置改掉以后，输出最多变了", round((bn(linear(X[:50])) - out).abs().max().item(), 3))
torch.testing.assert_close(bn(linear(X[:50])), out, rtol=1e-3, atol=1e-3)

# %% modes
net = nn.Sequential(nn.Linear(64, 32, bias=False), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 10))
for i in range(0, 1000, 50):
    net(X[i : i + 50])  # 训练模式下每次前向都更新移动平均
alone, others = X[:1], (X[1:20], X[20:39])
a, b = (net(torch.cat([alone, o]))[0] for o in others)
net.eval()
c, d = (net(torch.cat([alone, o]))[0] for o in others)
print(f"同一张图，同伴不同，输出的差：训练模式 {(a - b).abs().max():.2f}，推理模式 {(c - d).abs().max():.2f}")
two = nn.BatchNorm1d(32)(linear(X[:2]))  # 训练模式，批量只有 2
print(f"批量为 2 时，归一化的输出有 {(two.abs() > 0.9).float().mean():.0%} 在 ±0.9 之外，只剩正负")
torch.testing.assert_close(c, d)
torch.testing.assert_close(net(alone)[0], c)  # 推理时一张图也行
assert (a - b).abs().max() > 0.05 and (two.abs() > 0.9).float().mean() > 0.9

# %% layers caption="10 个隐藏层，刚初始化时每层梯度与权重的长度之比（对数），20 个种子的平均。sigmoid 的最下层只有最上隐藏层的二十万分之一；ReLU 配 He，同样深，各层差不多；加上归一化，sigmoid 的各层也差不多了，ReLU 的下层反而更大。"
import matplotlib.pyplot as plt
from torch.nn.functional import cross_entropy

def relative_updates(act, gain, bn, depth=10, seeds=20):
    """每层 ‖梯度‖ / ‖权重‖：学习率相同时，各层每步走过自身长度的比例。"""
    _, dims = torch.manual_seed(0), [64] + [32] * depth + [10]
    Ws = [(torch.randn(seeds, a, c) * (gain / a) ** 0.5).requires_grad_() for a, c in zip(dims, dims[1:])]
    h = X[:200]
    for i, W in enumerate(Ws):
        h = (act(h) if i else h) @ W  # (种子, 样本, 单元)
        h = (h - h.mean(1, True)) / (h.std(1, keepdim=True) + 1e-5) if bn and i < depth else h
    grads = torch.autograd.grad(cross_entropy(h.flatten(0, 1), y[:200].repeat(seeds)), Ws)
    return torch.stack([seeds * (g.norm(dim=(1, 2)) / W.norm(dim=(1, 2))).mean() for g, W in zip(grads, Ws)]).detach()

ratio, (fig, ax) = {}, plt.subplots(figsize=(5.2, 2.9))
sigmoid, relu = (torch.sigmoid, 1), (torch.relu, 2)  # 激活函数，初始方差乘几
for name, (act, gain), bn, style in (("sigmoid", sigmoid, 0, "o-"), ("ReLU", relu, 0, "s-"),
                                     ("sigmoid，归一化", sigmoid, 1, "o--"), ("ReLU，归一化", relu, 1, "s--")):
    updates = relative_updates(act, gain, bn)
    ax.semilogy(range(1, 12), updates, style, label=name)
    shallow = relative_updates(act, gain, bn, depth=2)
    ratio[name] = updates[0] / updates[9], shallow[0] / shallow[1]  # 最下层与最上面的隐藏层
    print("{}：最下层 / 最上隐藏层，10 层时 {:.2g}，2 层时 {:.2g}".format(name, *ratio[name]))
ax.legend(), ax.set(title="每层的相对更新", xlabel="第几层（1 最靠近输入）", ylabel="梯度长度 / 权重长度")
assert ratio["sigmoid"][0] < 1e-3 < 0.2 < ratio["sigmoid"][1] and ratio["sigmoid，归一化"][0] > 0.5  # 深了才慢
assert 0.5 < ratio["ReLU"][0] < 3 < ratio["ReLU，归一化"][0]  # 同样深，He 没有这个问题；归一化后下层更快

# %% train
rates, seeds = torch.tensor([0.01, 0.03, 0.1, 0.3]), 5
lr = rates.repeat_interleave(seeds).view(-1, 1, 1)  # 4 个学习率 × 5 个种子一起训练

def train(depth, bn, num_steps=300):
    generator, dims = torch.Generator().manual_seed(0), [64] + [32] * depth + [10]
    Ws = [(torch.randn(seeds, a, c, generator=generator) * (2 / a) ** 0.5).repeat(4, 1, 1)
          for a, c in zip(dims, dims[1:])]
    biases, scales = [0 * W[:, :1] for W in Ws], [0 * W[:, :1] + 1 for W in Ws[: depth * bn]]
    params = [p.requires_grad_() for p in Ws + biases + scales]

    def net(h):  # 归一化用前 1000 行的统计量：训练时是整个批次，测试时是全部训练图
        for i in range(depth + 1):
            h = (h.relu() if i else h) @ params[i]
            if bn and i < depth:
                var, mean = torch.var_mean(h[:, :1000], 1, correction=0, keepdim=True)
                h = (h - mean) / (var + 1e-5).sqrt() * params[2 * depth + 2 + i]
            h = h + params[depth + 1 + i]
        return h
    for _ in range(num_steps):
        batch = torch.randint(1000, (seeds, 32), generator=generator).repeat(4, 1)
        loss = cross_entropy(net(X[batch]).flatten(0, 1), y[batch].flatten(), reduction="sum") / 32
        for p, g in zip(params, torch.autograd.grad(loss, params)):
            p.data -= lr * g
    right = (net(X.expand(len(lr), -1, -1)).argmax(2) == y).view(4, seeds, -1).float() * 100
    return right[:, :, 1300:].mean(2)[right[:, :, 1000:1300].mean((1, 2)).argmax()]  # 学习率按验证集选

# %% depth caption="测试准确率随隐藏层数的变化（ReLU，He 初始化），300 次更新，5 个种子的平均与范围，各用自己的学习率。一两层时差一个百分点上下；不归一化时越深越难学，归一化的好处随深度变大。"
depths = (1, 2, 4, 8, 12)
results = {name: torch.stack([train(d, bn) for d in depths]) for bn, name in ((0, "不归一化"), (1, "归一化"))}
fig, ax = plt.subplots(figsize=(5.2, 2.7))
for (name, test), style in zip(results.items(), ("o-", "s--")):
    ax.plot(depths, test.mean(1), style, label=name)
    ax.fill_between(depths, test.min(1).values, test.max(1).values, alpha=0.2)
    print(f"{name}：", {d: f"{t.mean():.1f}" for d, t in zip(depths, test)})
ax.legend(), ax.set(title="隐藏层越多，归一化的好处越大", xlabel="隐藏层数", ylabel="测试准确率 %")
gain = results["归一化"] - results["不归一化"]  # 同一个种子相减
print("归一化的好处：", {d: f"{g.mean():.1f} ± {g.std() / seeds**0.5:.1f}" for d, g in zip(depths, gain)})
assert gain[:2].mean() < 2.5 and gain[3:].mean() > 4 and gain[4].mean() > gain[0].mean() + 4

# %% error raises="ValueError"
net.train()
net(X[:1])  # 一个样本没有方差可算
