"""NiN 最后的全局平均池化后面，为什么没有 softmax？

要检验的说法：nn.CrossEntropyLoss 自己会做 log_softmax，所以网络里不要再放；多放一个，损失降不下去，学得慢、学得差。
能推翻它的结果：CrossEntropyLoss 不等于 LogSoftmax 加 NLLLoss；或者多放一个 softmax，损失照样能到 0、同样快地学会。
"""

# %% head
import torch
from torch import nn
from torch.nn.functional import cross_entropy, log_softmax, nll_loss, softmax

torch.manual_seed(0)
features = torch.randn(200, 384, 5, 5)  # (N, C, H, W)：NiN 最后一个块之前的大小
gap = nn.Sequential(nn.Conv2d(384, 10, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
dense = nn.Sequential(nn.Flatten(), nn.Linear(384 * 5 * 5, 10))
logits, probs = gap(features), softmax(gap(features), 1)
sizes = [sum(p.numel() for p in head.parameters()) for head in (gap, dense)]
print("参数：1×1 卷积 + 全局平均池化", sizes[0], "，展平 + 全连接", sizes[1])
print("池化后一行的和：", round(logits[0].sum().item(), 3), "，最小值：", round(logits[0].min().item(), 3))
print("加不加 softmax，预测相同：", torch.equal(logits.argmax(1), probs.argmax(1)))

assert sizes == [384 * 10 + 10, 384 * 25 * 10 + 10] and not list(gap[1].parameters())
assert logits.min() < 0 and (logits.sum(1) - 1).abs().mean() > 0.1  # 不是概率
assert torch.equal(logits.argmax(1), probs.argmax(1))

# %% equal
z, y = torch.randn(200, 10, dtype=torch.float64) * 5, torch.randint(10, (200,))
by_hand = (z.exp().sum(1).log() - z[range(200), y]).mean()  # -log(e^正确类 / Σ e^各类)
print(f"CrossEntropyLoss(z)：      {nn.CrossEntropyLoss()(z, y):.6f}")
print(f"NLLLoss(LogSoftmax(z))：   {nn.NLLLoss()(nn.LogSoftmax(1)(z), y):.6f}")
print(f"按定义手算：               {by_hand:.6f}")
print(f"CrossEntropyLoss(softmax)：{nn.CrossEntropyLoss()(softmax(z, 1), y):.6f}")
print(f"NLLLoss(softmax)：         {nn.NLLLoss()(softmax(z, 1), y):.6f}，只是负的平均概率")

assert torch.equal(cross_entropy(z, y), nll_loss(log_softmax(z, 1), y))
torch.testing.assert_close(cross_entropy(z, y), by_hand)
assert nll_loss(softmax(z, 1), y) < 0 and nll_loss(z, y) != cross_entropy(z, y)  # NLLLoss 不做 softmax

# %% underflow
far = torch.tensor([[0.0, 200.0]], requires_grad=True)  # float32，正确的是第 0 类
naive = -softmax(far, 1).log()[0, 0]
fused = cross_entropy(far, torch.tensor([0]))
print("先 softmax 再 log：", naive.item(), "，梯度", torch.autograd.grad(naive, far)[0].tolist())
print("CrossEntropyLoss：", fused.item(), "，梯度", torch.autograd.grad(fused, far)[0].tolist())
near = torch.linspace(-3, 3, 10)
torch.testing.assert_close(softmax(near, 0).log(), log_softmax(near, 0))  # 数值不极端时没有差别
assert naive == torch.inf and fused == 200

# %% floor caption="左：正确类的 logit 比其余九类高出多少，对应的损失。多一次 softmax，损失夹在 1.46 和 2.40 之间。右：梯度的长度。多一次 softmax，处处更小；自信地错的时候（最左边）本该最大，却几乎是 0。"
import matplotlib.pyplot as plt

margin = torch.linspace(-10, 10, 201)
z = torch.zeros(201, 10)
z[:, 0] = margin
z.requires_grad_()
target = torch.zeros(201, dtype=torch.long)
fig, axes = plt.subplots(1, 2, figsize=(5.2, 2.7), layout="constrained")
curves = []
for name, output, style in (("一次 softmax", z, "-"), ("两次", softmax(z, 1), "--")):
    losses = cross_entropy(output, target, reduction="none")
    slope = torch.autograd.grad(losses.sum(), z, retain_graph=True)[0].norm(dim=1)
    curves.append((losses.detach(), slope))
    for ax, values in zip(axes, curves[-1]):
        ax.plot(margin, values, style, label=name)
axes[0].set(title="损失", xlabel="正确类高出多少"), axes[1].set(title="梯度的长度", xlabel="正确类高出多少")
axes[0].legend()
bound = torch.log(torch.e + torch.tensor(9.0)) - 1  # 概率全给正确类时：log(e + C - 1) - 1
print(f"两次 softmax 的最低损失：算出 {bound:.4f}，曲线最低 {curves[1][0].min():.4f}")
print("正确类低 10 时的梯度：", [f"{s[0]:.4f}" for _, s in curves])
assert bound < curves[1][0].min() < bound + 1e-3 and curves[1][0].max() < bound + 1
assert (curves[1][1] < curves[0][1]).all() and curves[1][1][0] < 1e-4 and curves[0][1][0] > 1

# %% net
from sklearn.datasets import load_digits
from torch.func import functional_call, grad, stack_module_state, vmap

images, digits = load_digits(return_X_y=True)  # 训练 1000 张，验证 300 张，测试 497 张
order = torch.randperm(len(digits), generator=torch.Generator().manual_seed(0))
X, y = torch.tensor(images, dtype=torch.float32).view(-1, 1, 8, 8)[order] / 8 - 1, torch.tensor(digits)[order]
seeds, rates = 5, torch.tensor([0.03, 0.1, 0.3, 1.0]).repeat_interleave(5)  # 每个模型自己的学习率


def nin(seed):
    torch.manual_seed(seed)
    convs = [nn.Conv2d(1, 16, 3, 2, 1), nn.Conv2d(16, 16, 1), nn.Conv2d(16, 32, 2), nn.Conv2d(32, 10, 1)]
    for conv in convs:
        nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    layers = [layer for conv in convs for layer in (conv, nn.ReLU())][:-1]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())

net, start = nin(0), stack_module_state([nin(s) for s in range(seeds)] * 4)[0]

def loss(params, X, y, twice):
    out = functional_call(net, params, (X,))
    return cross_entropy(softmax(out, 1) if twice else out, y)

# %% train
def train(twice, num_steps=300, every=30):
    params, speed = {k: v.detach().clone() for k, v in start.items()}, dict.fromkeys(start, 0)
    generator, history = torch.Generator().manual_seed(1), []
    for step in range(1, num_steps + 1):
        batch = torch.randint(1000, (seeds, 32), generator=generator).repeat(4, 1)
        grads = vmap(grad(loss), in_dims=(0, 0, 0, None))(params, X[batch], y[batch], twice)
        for k, g in grads.items():
            speed[k] = 0.9 * speed[k] + g
            params[k] = params[k] - rates.view(-1, *[1] * (g.dim() - 1)) * speed[k]
        if step % every == 0:
            right = vmap(lambda p: functional_call(net, p, (X[1000:],)))(params).argmax(2) == y[1000:]
            history.append(torch.stack([part.float().mean(1) for part in right.split((300, 497), 1)]) * 100)
    val, test = torch.stack(history, 1).view(2, -1, 4, seeds)  # (记录, 学习率, 种子)
    best = val[-1].mean(1).argmax()
    return val[:, best], test[-1, best], rates[best * seeds].item()

# %% curves caption="验证集上的准确率，5 个种子的平均与范围，两种做法各用自己最好的学习率。多一次 softmax 也在学，但同样的更新次数下落后很多。"
fig, ax = plt.subplots(figsize=(5.2, 2.7))
final = []
for twice, name, style in ((False, "一次 softmax（只在损失里）", "-"), (True, "两次", "--")):
    val, test, lr = train(twice)
    final.append(test)
    ax.plot(range(30, 301, 30), val.mean(1), style, label=name)
    ax.fill_between(range(30, 301, 30), val.min(1).values, val.max(1).values, alpha=0.2)
    print(f"{name}：学习率 {lr:g}，测试准确率 {test.mean():.1f} ± {test.std():.1f} %")
ax.set(title="网络里再放一个 softmax", xlabel="更新次数", ylabel="验证准确率 %")
ax.legend()
assert final[0].min() > final[1].max() + 3 and final[1].min() > 30  # 差得多，但在学
