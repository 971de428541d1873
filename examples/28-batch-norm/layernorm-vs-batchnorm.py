"""层归一化和批量归一化有什么区别？

要检验的说法：批量归一化跨样本、层归一化在样本内取平均；所以后者与批量无关，训练与推理相同；批量很小时前者变差。
能推翻它的结果：层归一化的输出随同伴或填充而变；或者每个特征只有两个数可平均时，批量归一化仍训练得一样好。
"""

# %% axes
import torch
from torch import nn

torch.manual_seed(0)
flat, image = torch.randn(8, 6), torch.randn(8, 6, 5, 5)  # (N, C)、(N, C, H, W)
text = torch.randn(8, 7, 6)  # (N, T, C)

def by_hand(x, axes, eps=1e-5):
    var, mean = torch.var_mean(x, axes, correction=0, keepdim=True)
    return (x - mean) / (var + eps).sqrt()

for name, layer, x, axes in (("BatchNorm1d(C)", nn.BatchNorm1d(6), flat, 0),
                             ("LayerNorm(C)", nn.LayerNorm(6), flat, 1),
                             ("BatchNorm2d(C)", nn.BatchNorm2d(6), image, (0, 2, 3)),
                             ("LayerNorm([C, H, W])", nn.LayerNorm([6, 5, 5]), image, (1, 2, 3)),
                             ("LayerNorm(C)", nn.LayerNorm(6), text, 2)):  # 每个词元自己
    learned = sum(p.numel() for p in layer.parameters())
    print(f"{name:20} 输入 {tuple(x.shape)!s:12} 平均的轴 {axes!s:9} 可学的参数 {learned}")
    torch.testing.assert_close(layer(x), by_hand(x, axes))
group, layer = nn.GroupNorm(1, 6), nn.LayerNorm([6, 5, 5])
torch.testing.assert_close(group(image), layer(image))  # 初始时相同
print("γ 的形状：GroupNorm(1, C)", tuple(group.weight.shape), "，LayerNorm([C, H, W])", tuple(layer.weight.shape))
assert group.weight.shape != layer.weight.shape  # 前者每个通道一个，后者每个位置一个
assert (nn.LayerNorm(6)(text) - by_hand(text, (1, 2))).abs().max() > 0.1  # 不是整句话一起平均
torch.testing.assert_close(nn.GroupNorm(6, 6)(image), nn.InstanceNorm2d(6)(image))  # 每个通道一组

# %% depends caption="输入是 8 个样本、6 个特征；深色是会影响输出 [2, 3] 的输入（梯度不为 0）。训练模式的批量归一化依赖整列（其他样本），推理模式只依赖它自己，层归一化依赖整行（同一样本）。"
import matplotlib.pyplot as plt

fig, axes = plt.subplots(1, 3, figsize=(5.2, 2.6), layout="constrained")
masks = []
for ax, (name, layer) in zip(axes, (("批量，训练", nn.BatchNorm1d(6)), ("批量，推理", nn.BatchNorm1d(6).eval()),
                                    ("层", nn.LayerNorm(6)))):
    x = flat.clone().requires_grad_()
    masks.append(torch.autograd.grad(layer(x)[2, 3], x)[0].abs() > 1e-6)
    ax.imshow(masks[-1].float(), cmap="Blues", vmin=0, vmax=1.3)
    ax.grid(False), ax.set(title=name, xlabel="特征", ylabel="样本")
print("影响输出 [2, 3] 的输入个数：", [m.sum().item() for m in masks])
assert masks[0][:, 3].all() and masks[0].sum() == 8 and masks[1].sum() == 1
assert masks[2][2].all() and masks[2].sum() == 6

# %% running
bn, ln = nn.BatchNorm1d(6), nn.LayerNorm(6)
mean, var, simple = torch.zeros(6), torch.ones(6), nn.BatchNorm1d(6, momentum=None)
batches = torch.randn(3, 8, 6) * 2 + 1
for batch in batches:
    bn(batch), simple(batch)
    mean, var = 0.9 * mean + 0.1 * batch.mean(0), 0.9 * var + 0.1 * batch.var(0, unbiased=True)
torch.testing.assert_close(bn.running_mean, mean)
torch.testing.assert_close(simple.running_mean, batches.mean((0, 1)))  # momentum=None：各批的简单平均
torch.testing.assert_close(bn.running_var, var)  # 记的是无偏方差，归一化用的是有偏的
print("3 批之后，移动平均的第一个：", round(bn.running_mean[0].item(), 2), "，数据的平均是 1：离得还远")
print("缓冲区：批量", [name for name, _ in bn.named_buffers()], "，层", [name for name, _ in ln.named_buffers()])
same = [torch.equal(layer.train()(flat), layer.eval()(flat)) for layer in (nn.BatchNorm1d(6), ln)]
print("训练与推理的输出相同：批量", same[0], "，层", same[1])
assert same == [False, True] and bn.running_mean.mean() < 0.6 and not list(ln.buffers())

# %% padding
words = torch.randn(2, 4, 6)  # 两句话，各 4 个词元
padded = torch.cat([words, torch.zeros(2, 3, 6)], 1)  # 与更长的句子同批，补 3 个 0
bn, ln = nn.BatchNorm1d(6), nn.LayerNorm(6)
norms = {"批量": lambda x: bn(x.transpose(1, 2)).transpose(1, 2), "层": ln}  # BatchNorm1d 要 (N, C, T)
outs = {name: (f(words), f(padded)[:, :4]) for name, f in norms.items()}
for name, (short, long) in outs.items():
    print(f"{name}：加了填充，真实词元的输出变了 {(short - long).abs().max():.2f}")
torch.testing.assert_close(*outs["层"])
assert (outs["批量"][0] - outs["批量"][1]).abs().max() > 0.1

# %% net
from sklearn.datasets import load_digits
from torch.nn.functional import batch_norm, conv2d, cross_entropy, group_norm

images, digits = load_digits(return_X_y=True)
order = torch.randperm(len(digits), generator=torch.Generator().manual_seed(0))
X, y = torch.tensor(images, dtype=torch.float32)[order] / 8 - 1, torch.tensor(digits)[order]
mlp = (64, 1, 1), [(64, 64, 1, 1, 0), (64, 64, 1, 1, 0), (64, 10, 1, 1, 0)]  # 全连接层就是 1×1 图上的卷积
cnn = (1, 8, 8), [(1, 8, 3, 1, 1), (8, 16, 3, 2, 1), (16, 10, 4, 1, 0)]  # 输入、输出、核、步幅、填充
seeds, rates = 5, torch.tensor([0.01, 0.03, 0.1, 0.3])
n, lr = 4 * seeds, rates.repeat_interleave(seeds)  # 20 个网络一起训练，每个占卷积的一组

def net(h, layers, params, stats, norm, training):
    for i, (_, _, k, stride, padding) in enumerate(layers):
        h = conv2d(h.relu() if i else h, params[i], None, stride, padding, groups=n)
        if i < 2 and norm == "批量":
            h = batch_norm(h, *stats[i], params[6 + i], training=training)
        elif i < 2 and norm == "层":
            h = group_norm(h, n, params[6 + i])  # 每个网络一组，正是它的层归一化
        h = h + params[3 + i].view(-1, 1, 1)
    return h.view(len(h), n, 10).transpose(0, 1)

# %% train
def train(model, norm, batch_size, num_steps=400):
    shape, layers = model
    generator = torch.Generator().manual_seed(0)
    Ws = [torch.randn(seeds, o * i * k**2, generator=generator) * (2 / i) ** 0.5 / k for i, o, k, *_ in layers]  # He
    Ws = [W.repeat(4, 1).view(-1, i, k, k) for W, (i, _, k, *_) in zip(Ws, layers)]
    params = Ws + [torch.zeros(len(W)) for W in Ws] + [torch.ones(len(W)) for W in Ws[: 2 * (norm != "不")]]
    params = [p.requires_grad_() for p in params]
    stats = [(torch.zeros(len(W)), torch.ones(len(W))) for W in Ws]  # 移动平均
    for _ in range(num_steps):
        batch = torch.randint(1000, (seeds, batch_size), generator=generator).repeat(4, 1)
        images = X[batch.T].reshape(batch_size, -1, *shape[1:])  # (N, 网络 × 通道, H, W)
        out = net(images, layers, params, stats, norm, True).flatten(0, 1)
        loss = cross_entropy(out, y[batch].flatten(), reduction="sum") / batch_size
        for p, g in zip(params, torch.autograd.grad(loss, params)):
            p.data -= lr.repeat_interleave(len(p) // n).view(-1, *[1] * (p.dim() - 1)) * g
    out = net(X.repeat(1, n).view(len(X), -1, *shape[1:]), layers, params, stats, norm, False)
    right = (out.argmax(2) == y).view(4, seeds, -1).float() * 100
    return right[:, :, 1300:].mean(2)[right[:, :, 1000:1300].mean((1, 2)).argmax()]  # 学习率按验证集选

# %% small caption="多层感知机的测试准确率随批量大小的变化，400 次更新，5 个种子的平均与范围，各用自己的学习率。批量为 2 时批量归一化差得多；到 16 就没有差别了。"
sizes, (fig, ax) = (2, 4, 16), plt.subplots(figsize=(5.2, 2.7))
results = {norm: torch.stack([train(mlp, norm, b) for b in sizes]) for norm in ("不", "批量", "层")}
for (norm, test), style in zip(results.items(), ("o:", "s--", "^-")):
    ax.plot([str(b) for b in sizes], test.mean(1), style, label=norm + "归一化")
    ax.fill_between(range(3), test.min(1).values, test.max(1).values, alpha=0.2)
    print(f"MLP，{norm}归一化：", {b: f"{t.mean():.1f} ± {t.std():.1f}" for b, t in zip(sizes, test)})
ax.legend(), ax.set(title="小批量时的批量归一化", xlabel="批量大小", ylabel="测试准确率 %")
conv = {norm: train(cnn, norm, 2) for norm in ("批量", "层")}
print("CNN，批量为 2：", {norm: f"{t.mean():.1f} ± {t.std():.1f}" for norm, t in conv.items()})
assert results["批量"][0].max() < results["层"][0].min() - 10  # 每个特征只有 2 个数可平均
assert (results["层"] - results["不"]).mean(1).abs().max() < 4  # 层归一化与不归一化差不多
assert abs((results["批量"][2] - results["层"][2]).mean()) < 3 and abs((conv["批量"] - conv["层"]).mean()) < 4
