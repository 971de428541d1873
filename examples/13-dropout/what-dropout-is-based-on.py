"""Dropout 的依据是什么？丢弃率怎么影响拟合？

要检验的说法：dropout 是一种正则化：在线性回归里等于按特征加权的 L2；丢弃率小则过拟合，大则欠拟合。
能推翻它的结果：线性回归里它的期望损失不等于岭回归；或者丢弃率越大训练损失越小；或者有噪声时各种丢弃率没有差别。
"""

# %% linear
import torch
from sklearn.datasets import load_diabetes

A, t = (torch.tensor(a, dtype=torch.float64) for a in load_diabetes(return_X_y=True))
A, t = (A - A.mean(0)) / A.std(0), (t - t.mean()) / t.std()
torch.manual_seed(0)
w, p = torch.randn(10, dtype=torch.float64), 0.4
ridge = ((A @ w - t) ** 2).mean() + p / (1 - p) * (A.square().mean(0) * w**2).sum()
per_sample = torch.stack([((A * (torch.rand(442, 10) > p) / (1 - p)) @ w - t).square().mean() for _ in range(4000)])
error = (per_sample.std() / 4000**0.5).item()
print(f"每个样本各丢各的，损失的平均：{per_sample.mean():.3f} ± {error:.3f}")
print(f"不丢弃的损失 + L2 惩罚：      {ridge:.3f}")
assert abs(per_sample.mean() - ridge) < 5 * error
assert ridge > 1.2 * ((A @ w - t) ** 2).mean()

# %% subnetworks
hidden, classes = 10, 3
h, V, b = torch.randn(hidden), torch.randn(classes, hidden), torch.randn(classes)
every = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * hidden)  # 全部 1024 个子网络
log_probs = torch.log_softmax((every * h) @ V.T + b, 1)  # p = 0.5 时每个子网络同样可能
ensemble = torch.softmax(log_probs.mean(0), 0)  # 归一化的几何平均
scaled = torch.softmax(0.5 * h @ V.T + b, 0)  # 一个网络，激活值乘 1 - p
arithmetic = log_probs.exp().mean(0)
print("1024 个子网络的几何平均：", [round(v, 4) for v in ensemble.tolist()])
print("一个缩放过的网络：      ", [round(v, 4) for v in scaled.tolist()])
print("算术平均：              ", [round(v, 4) for v in arithmetic.tolist()])
torch.testing.assert_close(ensemble, scaled)
assert (arithmetic - scaled).abs().max() > 1e-3

# %% data
from sklearn.datasets import load_digits

images, digits = load_digits(return_X_y=True)
generator = torch.Generator().manual_seed(0)
order = torch.randperm(len(digits), generator=generator)
X, y = torch.tensor(images, dtype=torch.float32)[order] / 16, torch.tensor(digits)[order]
wrong = torch.rand(300, generator=generator) < 0.3  # 300 张真实数字，30% 的训练标签换成随机的
labels = torch.where(wrong, torch.randint(10, (300,), generator=generator), y[:300])
rates, seeds = torch.tensor([0, 0.1, 0.5, 0.8, 0.9]), 5
n, keep = len(rates) * seeds, (1 - rates).repeat_interleave(seeds).view(-1, 1, 1)
print(f"训练标签被改错的有 {(labels != y[:300]).float().mean():.0%}，测试标签都是对的")

# %% train
from torch.nn.functional import cross_entropy


def train(num_steps, every, width=128):
    """5 种丢弃率 × 5 个种子一起训练；每隔 every 步记录训练损失与测试误差 (5, 5)。"""
    torch.manual_seed(0)
    Ws = [(torch.randn(seeds, a, c) * (2 / a) ** 0.5).repeat(len(rates), 1, 1).requires_grad_()
          for a, c in ((64, width), (width, width), (width, 10))]
    optimizer = torch.optim.Adam(Ws, lr=3e-3, fused=True)

    def net(X, drop):
        out = X.expand(n, -1, -1)
        for i, W in enumerate(Ws):
            out = out @ W if i == 0 else (out.relu() * ((torch.rand_like(out) < keep) / keep if drop else 1)) @ W
        return out  # (n, 批量, 10)

    history = []
    for step in range(1, num_steps + 1):
        batch = torch.randint(300, (seeds, 50)).repeat(len(rates), 1)  # 每个种子有自己的批次
        loss = cross_entropy(net(X[batch], True).flatten(0, 1), labels[batch].flatten(), reduction="sum") / 50
        optimizer.zero_grad(), loss.backward(), optimizer.step()
        if step % every == 0:
            with torch.no_grad():
                fit = cross_entropy(net(X[:300], False).transpose(1, 2), labels.expand(n, -1), reduction="none").mean(1)
                miss = (net(X[300:], False).argmax(2) != y[300:]).float().mean(1) * 100
            history.append((step, fit.view(-1, seeds), miss.view(-1, seeds)))
    return history


# %% rates caption="训练标签有 30% 的噪声，1,600 次更新，5 个种子的平均与范围。丢弃率小，训练损失（左）低而测试误差（右）高：背下了错的标签。适中时低得多；丢得太多，连训练集都拟合不了。"
import matplotlib.pyplot as plt

history = train(num_steps=1600, every=200)
_, fit, miss = history[-1]
fig, axes = plt.subplots(1, 2, figsize=(5.2, 2.6), layout="constrained")
for ax, values, name in zip(axes, (fit, miss), ("训练损失", "测试误差 %")):
    ax.plot(values.mean(1), "o-")
    ax.fill_between(range(5), values.min(1).values, values.max(1).values, alpha=0.2)
    ax.set(title=name, xlabel="丢弃率")
    ax.set_xticks(range(5), [f"{r:g}" for r in rates.tolist()])
print("丢弃率：    ", [round(r, 2) for r in rates.tolist()])
print("训练损失：  ", [round(v, 2) for v in fit.mean(1).tolist()])
print("测试误差 %：", [round(v, 1) for v in miss.mean(1).tolist()])
assert fit[0].max() < fit[2].min() < fit[4].min()  # 丢弃率大，训练集拟合得差
assert miss[1].mean() > miss[2].mean() + 2  # 0.1 不够
assert (miss[3] < miss[0]).all() and miss[3].mean() < miss[0].mean() - 5  # 适中的丢弃率，每个种子都更好
assert miss[4].min() > miss[3].max() + 5  # 丢得太多，欠拟合

# %% curves caption="测试误差随训练的变化，5 个种子的平均。不丢弃时越训练越差；0.5 先好得多，后来也变差；0.8 开始学得慢，最后最低。所以哪个丢弃率最好，取决于训练多久。"
fig, ax = plt.subplots(figsize=(5.2, 2.7))
for i, style in ((0, "o-"), (2, "s--"), (3, "^:")):
    ax.plot([s for s, _, _ in history], [m[i].mean() for _, _, m in history], style, label=f"丢弃率 {rates[i]:g}")
ax.set(title="哪个丢弃率好，取决于训练多久", xlabel="更新次数", ylabel="测试误差 %")
ax.legend()
early, late = history[0][2], torch.stack([m for _, _, m in history[-3:]]).mean(0)  # 第 200 次，最后三次记录的平均
print("第 200 次 → 1200 到 1600 次更新，测试误差 %：", {
    f"{rates[i]:g}": f"{early[i].mean():.1f} → {late[i].mean():.1f}" for i in (0, 2, 3)})
assert late[0].mean() > early[0].mean() + 3 and late[2].mean() > early[2].mean() + 3  # 0 和 0.5 都在变差
gap = late[2] - late[3]  # 同一个种子相减
print(f"最后 0.5 比 0.8 高 {gap.mean():.1f} ± {gap.std() / seeds**0.5:.1f}（标准误）")
assert early[2].mean() < early[3].mean() - 10 and gap.mean() > 1  # 先是 0.5 好，后来 0.8 好
