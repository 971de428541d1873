"""批量归一化和权重衰减的作用类似吗？

要检验的说法：不类似。归一化使它前面的权重不论多长，输出都一样；所以衰减这些权重不改变函数，只等于让学习率不断变大。
能推翻它的结果：归一化后缩短权重会改变输出；衰减与“不衰减、学习率按指数增大”走出不同的损失；或者两者同样减轻过拟合。
"""

# %% update
import torch
from torch.nn.functional import batch_norm, cross_entropy

lr, decay = 0.1, 0.01
w = torch.tensor([3.0, -2.0, 1.0], dtype=torch.float64, requires_grad=True)
before, optimizer = w.detach().clone(), torch.optim.SGD([w], lr=lr, weight_decay=decay)
(w * torch.tensor([1.0, 0.0, -1.0])).sum().backward()  # 第 2 个权重的梯度是 0
optimizer.step()
print("更新前：", before.tolist(), "，更新后：", [round(v, 4) for v in w.tolist()])
print(f"梯度为 0 的那个被乘了 {w[1] / before[1]:.4f}，也就是除以 {before[1] / w[1]:.4f}")
torch.testing.assert_close(w.detach(), (1 - lr * decay) * before - lr * w.grad)
assert 1 < before[1] / w[1] < 1.01  # 除的是略大于 1 的数，不是一个小的数

# %% invariant
from sklearn.datasets import load_digits

images, digits = load_digits(return_X_y=True)
order = torch.randperm(len(digits), generator=torch.Generator().manual_seed(0))
X, y = torch.tensor(images)[order] / 8 - 1, torch.tensor(digits)[order]  # float64
torch.manual_seed(0)
W, V = torch.randn(64, 32, dtype=torch.float64), torch.randn(32, 10, dtype=torch.float64)

def step(W, bn):  # 返回输出和 W 的梯度
    W = W.clone().requires_grad_()
    hidden = batch_norm(X[:64] @ W, None, None, training=True, eps=1e-12) if bn else X[:64] @ W
    out = hidden.relu() @ V
    return out.detach(), torch.autograd.grad(cross_entropy(out, y[:64]), W)[0]

for bn, name in ((False, "不归一化"), (True, "归一化  ")):
    (out, g), (out_half, g_half) = step(W, bn), step(0.5 * W, bn)
    cosine = ((W * g).sum(0) / W.norm(dim=0) / g.norm(dim=0)).abs().max()
    change = (out_half - out).abs().max() / out.abs().max()
    print(f"{name}：权重减半，输出变了 {change:.0%}，梯度是原来的 {g_half.norm() / g.norm():.2f} 倍；"
          f"权重与梯度的夹角余弦最大 {cosine:.2f}")
    assert (change < 1e-9 and cosine < 1e-9) if bn else (change > 0.3 and cosine > 0.01)
torch.testing.assert_close(g_half, 2 * g)  # 归一化：梯度与长度成反比，同样的学习率，相对的步子是 4 倍
torch.testing.assert_close((W - g).square().sum(0), W.square().sum(0) + g.square().sum(0))  # 不衰减就只会变长

# %% run
def run(decay, rate, num_steps=300):
    """两个归一化的隐藏层用学习率 rate(t) 和衰减 decay；输出层总是 0.1、不衰减。"""
    generator, history = torch.Generator().manual_seed(0), []
    Ws = [(torch.randn(a, b, dtype=torch.float64, generator=generator) * (2 / a) ** 0.5).requires_grad_()
          for a, b in ((64, 32), (32, 32), (32, 10))]
    for t in range(num_steps):
        batch = torch.randint(1000, (50,), generator=generator)
        h = X[batch]
        for W in Ws[:2]:
            h = batch_norm(h @ W, None, None, training=True, eps=1e-12).relu()
        loss = cross_entropy(h @ Ws[2], y[batch])
        grads = torch.autograd.grad(loss, Ws)
        history.append([loss.item(), Ws[1].norm().item(), (rate(t) * grads[1].norm() / Ws[1].norm()).item()])
        for W, g, hidden in zip(Ws, grads, (1, 1, 0)):
            W.data = (1 - 0.1 * decay * hidden) * W.data - (rate(t) if hidden else 0.1) * g
    return torch.tensor(history, dtype=torch.float64).T  # (损失, 长度, 相对的步子)

# %% same-run caption="左：训练损失（每 10 次更新的平均）。衰减的线，与不衰减、学习率按指数增大的线完全重合，与普通训练不同。右：第二层权重的长度（对数）。损失重合的两条线，权重一个越来越短，一个越来越长。"
import matplotlib.pyplot as plt

def faster(t):
    return 0.1 * (1 - 0.1 * 0.1) ** -(2 * t + 1)  # η / (1 - ηλ)^(2t+1)
runs = {"衰减": run(0.1, lambda t: 0.1), "学习率增大": run(0, faster), "都不": run(0, lambda t: 0.1)}
fig, axes = plt.subplots(1, 2, figsize=(5.2, 2.7), layout="constrained")
for (name, (loss, length, move)), style in zip(runs.items(), ("-", "--", ":")):
    axes[0].plot(range(0, 300, 10), loss.view(-1, 10).mean(1), style, label=name)
    axes[1].semilogy(length, style)
    print(f"{name}：最后的权重长度 {length[-1]:.2f}，最后 50 次每步走过自身长度的 {move[-50:].mean():.2%}")
axes[0].legend(), axes[0].set(title="训练损失", xlabel="更新次数"), axes[1].set(title="权重的长度", xlabel="更新次数")
decayed, growing, plain = runs.values()
same, other = ((decayed[0] - r[0]).abs().max() for r in (growing, plain))
print("损失逐步比较，衰减与学习率增大最多差不到 1e-6：", bool(same < 1e-6), f"；衰减与都不最多差 {other:.2f}")
assert same < 1e-6 and other > 0.05 and decayed[1, -1] < 0.3 * plain[1, -1]  # 同一个函数，逐步相同
assert decayed[2, -50:].mean() > 2 * plain[2, -50:].mean()  # 衰减使相对的变化更大，不是更小

# %% data
pairs = torch.cartesian_prod(torch.tensor([0.01, 0.03]), torch.tensor([0, 0.03, 0.3]))  # 学习率 × 衰减
lr, lam = pairs.repeat_interleave(5, 0).T.reshape(2, -1, 1, 1)  # 各 5 个种子，共 30 个网络一起训练
labels = torch.where(torch.rand(300) < 0.3, torch.randint(10, (300,)), y[:300])  # 300 张训练图，三成标签换成随机的

# %% train
def train(bn, decayed, num_steps=1000, every=200):
    generator, dims, history = torch.Generator().manual_seed(0), ((64, 32), (32, 32), (32, 10)), []
    Ws = [(torch.randn(5, a, b, generator=generator) * (2 / a) ** 0.5).repeat(6, 1, 1) for a, b in dims]
    biases, scales = [0 * W[:, :1] for W in Ws], [0 * W[:, :1] + 1 for W in Ws[: 2 * bn]]
    params = [p.requires_grad_() for p in Ws + biases + scales]

    def net(h):  # 归一化用前 300 行的统计量：训练时是整个批次，测试时是全部训练图
        for i in range(3):
            h = (h.relu() if i else h) @ params[i]
            if bn and i < 2:
                var, mean = torch.var_mean(h[:, :300], 1, correction=0, keepdim=True)
                h = (h - mean) / (var + 1e-5).sqrt() * params[6 + i]
            h = h + params[3 + i]
        return h
    for step in range(1, num_steps + 1):
        batch = torch.randint(300, (5, 50), generator=generator).repeat(6, 1)
        loss = cross_entropy(net(X[batch].float()).flatten(0, 1), labels[batch].flatten(), reduction="sum") / 50
        for i, (p, g) in enumerate(zip(params, torch.autograd.grad(loss, params))):
            p.data = (1 - lr * lam * (i in decayed)) * p.data - lr * g  # 只衰减选中的层的权重
        if step % every == 0:
            wrong = (net(X.float().expand(30, -1, -1)).argmax(2) != y).float() * 100
            history += [torch.stack([wrong[:, 300:800].mean(1), wrong[:, 800:].mean(1)]).view(2, 2, 3, 5)]
    return torch.stack(history, 1)  # (验证与测试, 记录, 学习率, 衰减, 种子)

# %% arms caption="测试误差随训练的变化，训练标签三成是错的，5 个种子的平均与范围，各用验证集选出的学习率和衰减系数。归一化之后，衰减前两层（后面有归一化）没有好处；衰减输出层（后面没有归一化）减轻了过拟合。"
(fig, ax), steps, final = plt.subplots(figsize=(5.2, 2.9)), range(200, 1001, 200), {}
for bn, decayed, prefix, what in ((0, (0, 1, 2), "", "衰减"), (1, (0, 1), "归一化，", "衰减前两层"),
                                  (1, (2,), "归一化，", "衰减输出层")):
    history = train(bn, decayed)
    for which, name in ((slice(0, 1), prefix + "不衰减"), (slice(1, 3), prefix + what)):
        if name in final:  # 同一个做法已经训练过
            continue
        val, test = history[..., which, :].flatten(2, 3)  # (记录, 学习率与衰减, 种子)
        test = test[:, val[-1].mean(1).argmin()]
        final[name] = test[-1]
        if name != "不衰减":
            ax.plot(steps, test.mean(1), ("-", "--", ":", "-.")[len(final) - 2], label=name)
            ax.fill_between(steps, test.min(1).values, test.max(1).values, alpha=0.15)
        print(f"{name}：最后 {test[-1].mean():.1f} ± {test[-1].std():.1f} %")
ax.legend(), ax.set(title="训练标签有噪声时的测试误差", xlabel="更新次数", ylabel="测试误差 %", xticks=steps)
plain, decayed, bn, hidden, output = final.values()
assert (decayed < plain - 1).all() and bn.mean() > plain.mean() - 2  # 衰减减轻过拟合，归一化代替不了它
assert hidden.mean() > bn.mean() - 2 and (output < bn - 1).all()  # 后面有归一化的层，衰减没有好处
