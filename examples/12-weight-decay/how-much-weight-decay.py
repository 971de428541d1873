"""权重衰减一般取多少？为什么有时感觉没有效果？

要检验的说法：合适的值取决于有多少噪声可以过拟合；标签干净时几乎没有作用，标签有噪声时作用很大，但值要比 1e-3 大。
能推翻它的结果：干净标签上衰减明显降低误差；或者噪声标签上 1e-3 就已经足够；或者宽的网络从中得不到好处。
"""

# %% setup
import torch
from sklearn.datasets import load_digits
from torch.nn.functional import cross_entropy

images, digits = load_digits(return_X_y=True)
generator = torch.Generator().manual_seed(0)
order = torch.randperm(len(digits), generator=generator)
X, y = torch.tensor(images, dtype=torch.float32)[order] / 16, torch.tensor(digits)[order]
X_train, y_train, X_test, y_test = X[:300], y[:300], X[300:], y[300:]  # 真实的 8×8 数字；前 500 张测试图用作验证
wrong = torch.rand(300, generator=generator) < 0.3  # 30% 的训练标签换成随机的
noisy = torch.where(wrong, torch.randint(10, (300,), generator=generator), y_train)
decays, seeds = torch.tensor([0, 1e-4, 1e-3, 1e-2, 3e-2, 1e-1]), 5
print(f"训练 300 张，验证 500 张，测试 {len(y_test) - 500} 张；噪声版里标签被改错的有 {(noisy != y_train).float().mean():.0%}")
assert 0.2 < (noisy != y_train).float().mean() < 0.35

# %% train
def train(labels, width, num_steps=1000, lr=0.1):
    """同时训练 6 种衰减 × 5 个种子，同一种子的初始值与批次相同，返回验证与测试误差 (2, 6, 5)。"""
    torch.manual_seed(0)
    n = len(decays) * seeds
    W1, W2 = ((torch.randn(seeds, a, b) * (2 / a) ** 0.5).repeat(len(decays), 1, 1).requires_grad_()
              for a, b in ((64, width), (width, 10)))
    b1, b2 = (torch.zeros(n, 1, k, requires_grad=True) for k in (width, 10))
    decay = decays.repeat_interleave(seeds).view(n, 1, 1)
    for _ in range(num_steps):
        batch = torch.randint(300, (seeds, 50)).repeat(len(decays), 1)  # 每个种子自己的批次，各种衰减都相同
        out = torch.baddbmm(b2, torch.baddbmm(b1, X_train[batch], W1).relu(), W2)  # (n, 50, 10)
        loss = cross_entropy(out.flatten(0, 1), labels[batch].flatten(), reduction="sum") / 50
        with torch.no_grad():
            for p, grad in zip((W1, W2, b1, b2), torch.autograd.grad(loss, (W1, W2, b1, b2))):
                p -= lr * (grad + decay * p if p.shape[1] > 1 else grad)  # 偏置不衰减
    out = torch.baddbmm(b2, torch.baddbmm(b1, X_test.expand(n, -1, -1), W1).relu(), W2)
    wrong = (out.argmax(2) != y_test).float().view(len(decays), seeds, -1) * 100
    return torch.stack([wrong[..., :500].mean(2), wrong[..., 500:].mean(2)])


results = {"干净标签，宽 256": train(y_train, 256), "30% 噪声，宽 32": train(noisy, 32), "30% 噪声，宽 256": train(noisy, 256)}
errors = {name: test for name, (_, test) in results.items()}
for name, error in errors.items():
    print(name, "：测试误差 %", [round(e, 1) for e in error.mean(1).tolist()])
assert all(error[0].mean() < 40 for error in errors.values())

# %% plot caption="测试误差与权重衰减，300 张训练图，5 个种子的平均与范围。标签干净时 1e-3 以内没有差别，再大就变差；标签有噪声时 1e-3 只有一点点作用，1e-2 到 3e-2 大幅降低误差，宽的网络也一样。太大（1e-1）都学不动。"
import matplotlib.pyplot as plt

fig, ax = plt.subplots(figsize=(5.2, 2.9))
positions = torch.arange(len(decays))
for (name, error), style in zip(errors.items(), ("o-", "s--", "^:")):
    ax.plot(positions, error.mean(1), style, label=name)
    ax.fill_between(positions, error.min(1).values, error.max(1).values, alpha=0.15)
ax.set(title="权重衰减取多少", xlabel="weight_decay", ylabel="测试误差 %", ylim=(0, 58))
ax.set_xticks(positions, [f"{d:g}" for d in decays.tolist()])
ax.legend(loc="upper left")

# %% verdicts
gain = {name: error[0] - error for name, error in errors.items()}  # 与不衰减配对，同种子同批量 (6, 5)
best = {name: int(val.mean(1).argmin()) for name, (val, _) in results.items()}  # 按验证集选
for name, g in gain.items():
    i = best[name]
    print(f"{name}：选出 {decays[i]:g}，误差降低 {g[i].mean():.1f} ± {g[i].std():.1f}；1e-3 降低 {g[2].mean():.1f}")
clean, narrow, wide = gain.values()
_, narrow_best, wide_best = (g[best[name]] for name, g in gain.items())
assert clean[1:3].abs().mean(1).max() < 0.5 and clean[3].mean() < 0.5  # 干净：小的没有作用，1e-2 也没有好处
assert narrow_best.min() > 2 and wide_best.min() > 5  # 噪声：每个种子都有大的好处
assert wide_best.mean() > narrow_best.mean()  # 宽的网络好处并不更小
assert wide_best.mean() > 0.3 * errors["30% 噪声，宽 256"][0].mean()  # 误差少三成以上
assert wide[2].mean() < 0.3 * wide_best.mean() and narrow[2].mean() < 0.4 * narrow_best.mean()  # 1e-3 远远不够
assert all(error[5].mean() > error[3].mean() + 10 for error in errors.values())  # 1e-1 都学不动

# %% optimisers
from inspect import signature

defaults = {o.__name__: signature(o).parameters["weight_decay"].default for o in
            (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW)}
print("weight_decay 的默认值：", defaults)
moved, kept = {}, {}
for name in defaults:
    w = torch.tensor([1.0, 10.0], requires_grad=True)
    w.grad = torch.zeros(2)  # 没有来自数据的梯度，只看衰减
    getattr(torch.optim, name)([w], lr=0.1, weight_decay=0.1).step()
    moved[name] = [round(v, 3) for v in (torch.tensor([1.0, 10.0]) - w.detach()).tolist()]
    ends = []
    for decay in (0, 0.1):  # 两个权重都是 1；数据的梯度来回摆动，平均为 0，一个小一个大
        w = torch.ones(2, requires_grad=True)
        optimizer = getattr(torch.optim, name)([w], lr=0.01, weight_decay=decay)
        for step in range(200):
            w.grad = torch.tensor([0.1, 10.0]) * (-1) ** step
            optimizer.step()
        ends.append(w.detach())
    kept[name] = [round(v, 2) for v in (ends[0] - ends[1]).tolist()]
print("没有数据的梯度，一步之后 [1, 10] 各减少：", moved)
print("梯度 [小, 大]，200 步里因衰减各减少：", kept)
assert defaults == {"SGD": 0, "Adam": 0, "AdamW": 0.01}
assert moved["SGD"] == moved["AdamW"] == [0.01, 0.1] and moved["Adam"] == [0.1, 0.1]
assert kept["Adam"][0] > 5 * kept["Adam"][1] and abs(kept["AdamW"][0] - kept["AdamW"][1]) < 0.02
