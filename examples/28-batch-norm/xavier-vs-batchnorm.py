"""Xavier 初始化和批量归一化有什么区别？

要检验的说法：目标相近，做法不同：Xavier 只定训练的起点，批量归一化在每次前向时都重新归一化，还让权重的尺度不再起作用。
能推翻它的结果：训练后没有归一化的网络各层尺度照旧；归一化后把权重放大会改变输出；好的初始化与归一化训练得一样好。
"""

# %% init caption="20 层网络刚初始化时各层（激活之前）的标准差，5 个种子的平均，纵轴是对数。Xavier 配 tanh 缩小得慢，配 ReLU 每层方差减半；He 为 ReLU 补上了这个 2。归一化不管权重多小，每层都是 1。"
import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits

images, digits = load_digits(return_X_y=True)
order = torch.randperm(len(digits), generator=torch.Generator().manual_seed(0))
X, y = torch.tensor(images, dtype=torch.float32)[order], torch.tensor(digits)[order]
X = (X - X[:1000].mean(0)) / (X[:1000].std(0) + 0.1)
schemes = {"Xavier": lambda a, c: (2 / (a + c)) ** 0.5, "He": lambda a, c: (2 / a) ** 0.5,
           "太小": lambda a, c: (0.2 / a) ** 0.5}  # 每层的标准差只有 He 的 0.32 倍
spread, fig = {}, plt.figure(figsize=(5.2, 2.8))
for (name, act, bn), style in {("Xavier", torch.tanh, 0): "o-", ("Xavier", torch.relu, 0): "s--",
                               ("He", torch.relu, 0): "^:", ("太小", torch.relu, 1): "-."}.items():
    torch.manual_seed(0)
    h, key = X[:1000].expand(5, -1, -1), f"{name}，{act.__name__}{'，归一化' * bn}"
    for layer in range(20):
        h = h @ torch.randn(5, h.shape[2], 256) * schemes[name](h.shape[2], 256)  # 5 个种子一起
        h = (h - h.mean(1, True)) / h.std(1, keepdim=True) if bn else h
        spread.setdefault(key, []).append(h.std().item())
        h = act(h)
    plt.semilogy(range(1, 21), spread[key], style, label=key)
    print(f"{key}：第 1 层 {spread[key][0]:.2f}，第 20 层 {spread[key][-1]:.4f}")
plt.title("刚初始化时各层的标准差"), plt.xlabel("第几层"), plt.ylabel("标准差"), plt.xticks([1, 5, 10, 15, 20]), plt.legend()
tanh, relu, he, bn = (s[-1] / s[0] for s in spread.values())
assert 0.1 < tanh < 0.6 and relu < 0.01 and 0.3 < he < 3 and abs(bn - 1) < 1e-3

# %% scale
from torch.nn.functional import batch_norm

A, (W, t) = X[:64].double(), torch.randn(2, 64, 32, dtype=torch.float64)

def output_and_grad(c, eps=1e-12):
    V = (c * W).requires_grad_()
    out = batch_norm(A @ V, None, None, training=True, eps=eps)
    return out, torch.autograd.grad((out - t).square().mean(), V)[0]

(out1, grad1), (out100, grad100) = output_and_grad(1), output_and_grad(100)
print(f"权重放大 100 倍：输出的差 {(out1 - out100).abs().max():.0e}，梯度是原来的 {grad100.norm() / grad1.norm():.4f}")
torch.testing.assert_close(out1, out100)  # 输出不变
torch.testing.assert_close(grad1 / 100, grad100)  # 梯度缩小同样的倍数
print("eps=1e-5 而权重缩小 10000 倍，输出的标准差：", round(output_and_grad(1e-4, 1e-5)[0].std().item(), 2))

same = torch.full((64, 32), 0.1, dtype=torch.float64).requires_grad_()  # 权重全相同
out = batch_norm(A @ same, None, None, training=True).relu()
g = torch.autograd.grad((out.sum(1) - t[:, 0]).square().mean(), same)[0]
print("权重全相同：32 个单元的梯度也全相同：", torch.allclose(g, g[:, :1]))
assert torch.allclose(g, g[:, :1]) and g.abs().max() > 1e-6 and output_and_grad(1e-4, 1e-5)[0].std() < 0.8

# %% net
from torch.nn.functional import cross_entropy

seeds, rates, depth = 8, torch.tensor([0.03, 0.1, 0.3, 1.0]), 8
lr = rates.repeat_interleave(seeds).view(-1, 1, 1)  # 4 个学习率 × 8 个种子，一起训练

def net(params, h, act, bn, ref):
    """返回输出和各层激活之前的值。归一化用前 ref 行的统计量：训练时是整个批次，测试时是训练集。"""
    layers = []
    for i, (W, beta, gamma) in enumerate(zip(*params)):
        h = h @ W if i == 0 else act(h) @ W
        if bn and i < depth:
            h = h - h[:, :ref].mean(1, keepdim=True)
            h = h * (gamma / (h[:, :ref].square().mean(1, keepdim=True) + 1e-5).sqrt())
        h = h + beta
        layers.append(h)
    return h, layers[:depth]

def spread(layers):  # 各层前 1,000 行的标准差
    return torch.stack([h[:, :1000].detach().std((1, 2)) for h in layers]).view(depth, len(rates), seeds)

# %% train
def train(init, act, bn, num_steps=200):
    generator, dims = torch.Generator().manual_seed(0), [64] + [32] * depth + [10]
    start = [torch.randn(seeds, a, c, generator=generator) * schemes[init](a, c)
             for a, c in zip(dims, dims[1:])]
    kinds = start, [0 * W[:, :1] for W in start], [0 * W[:, :1] + 1 for W in start]  # W, β, γ
    params = [[p.repeat(len(rates), 1, 1).requires_grad_() for p in kind] for kind in kinds]
    used = params[0] + params[1] + params[2][: depth * bn]  # 只有归一化的层用到 γ
    before = spread(net(params, X[:1000].expand(len(lr), -1, -1), act, bn, 1000)[1])
    for _ in range(num_steps):
        batch = torch.randint(1000, (seeds, 32), generator=generator).repeat(len(rates), 1)
        out = net(params, X[batch], act, bn, 32)[0].flatten(0, 1)
        loss = cross_entropy(out, y[batch].flatten(), reduction="sum") / 32
        for p, grad in zip(used, torch.autograd.grad(loss, used)):
            p.data -= lr * grad
    out, layers = net(params, X.expand(len(lr), -1, -1), act, bn, 1000)
    right = (out.argmax(2) == y).view(len(rates), seeds, -1).float() * 100
    val, test = right[..., 1000:1300].mean(2), right[..., 1300:].mean(2)
    best = val.mean(1).argmax()  # 学习率按验证集选
    return val, test[best], before[:, best], spread(layers)[:, best], rates[best].item()

# %% sweep caption="验证准确率随学习率的变化，8 层 ReLU 网络，200 次更新，8 个种子的平均与范围。初始权重太小而不归一化，四个学习率都学不动；加上归一化就学得会，可用的学习率也大得多。"
pairs = (("Xavier", torch.tanh), ("He", torch.relu), ("太小", torch.relu))
arms = [(init, act, bn) for init, act in pairs for bn in (0, 1)]
results = {arm: train(*arm) for arm in arms}
fig, ax = plt.subplots(figsize=(5.2, 2.9))
for (init, act, bn), style in zip(arms[2:], ("o-", "s--", "^:", "D-.")):
    val = results[init, act, bn][0]
    ax.plot(rates, val.mean(1), style, label=init + "，归一化" * bn)
    ax.fill_between(rates, val.min(1).values, val.max(1).values, alpha=0.15)
ax.legend(), ax.set(xscale="log", title="归一化让网络不挑初始化和学习率", xlabel="学习率", ylabel="验证准确率 %")
for (init, act, bn), (_, test, *_, best) in results.items():
    name = f"{init}，{act.__name__}{'，归一化' * bn}"
    print(f"{name}：学习率 {best:g}，测试准确率 {test.mean():.1f} ± {test.std():.1f} %")
val, tests = [r[0] for r in results.values()], [r[1] for r in results.values()]
assert tests[4].max() < 25 and tests[5].min() > 80 and val[5][0].mean() > val[3][0].mean() + 4  # 太小：救得回来
assert val[2][3].mean() < 30 and val[3][3].mean() > 75  # He，学习率 1：起点稳定，仍然学坏了
assert val[0][3].mean() < val[1][3].mean() - 15  # tanh 配 Xavier 也一样
assert abs((tests[1] - tests[0]).mean()) < 3 and tests[3].mean() > tests[2].mean() + 1.5

# %% drift caption="8 层 ReLU 网络（He）各层激活之前的标准差，训练之前与 200 次更新之后。不归一化时起点很平，训练后越往上越大；归一化的网络在缩放平移（γ、β）之后仍在 1 附近。"
fig, ax = plt.subplots(figsize=(5.2, 2.7))
for bn, color in ((0, "C0"), (1, "C1")):
    _, _, before, after, _ = results["He", torch.relu, bn]
    for stds, style, when in ((before, ":", "训练前"), (after, "o-", "训练后")):
        ax.plot(range(1, depth + 1), stds.mean(1), style, color=color, label=("归一化，" if bn else "") + when)
    print(f"{'归一化' if bn else '不归一化'}：最上一层的标准差 {before[-1].mean():.2f} → {after[-1].mean():.2f}，"
          f"各层之间最大与最小之比 {(after.max(0)[0] / after.min(0)[0]).mean():.1f}")
    assert (after[-1] < 1.5 * before[-1]).all() if bn else (after[-1] > 1.5 * before[-1]).all()
ax.legend(), ax.set(title="训练之后各层还一样大吗", xlabel="第几层", ylabel="标准差")
tanh = results["Xavier", torch.tanh, 0]
print(f"Xavier，tanh：最上一层的标准差 {tanh[2][-1].mean():.2f} → {tanh[3][-1].mean():.2f}")
assert (tanh[3][-1] > 1.5 * tanh[2][-1]).all()
