"""模型容量是什么？

要检验的说法：容量是模型拟合函数的能力；参数个数就是容量；容量越大越容易过拟合。
能推翻它的结果：参数一样多的模型记住的随机标签一样多；一个参数的模型打不散十个点；容量越过某处之后测试误差只升不降。
"""

# %% shatter
from math import comb
import numpy as np
import torch
from scipy.optimize import linprog
from sklearn.datasets import load_digits

images, digits = load_digits(return_X_y=True)

def separable(points, labels):  # 有没有 w、b，使每个点 label · (w·x + b) ≥ 1？线性规划，精确判定
    A = -labels[:, None] * np.c_[points, np.ones(len(points))]
    return linprog(np.zeros(A.shape[1]), A_ub=A, b_ub=-np.ones(len(A)), bounds=(None, None)).status == 0

def count(points):  # 2^m 种标签里，分得开的有多少种
    m = len(points)
    signs = [np.where(np.arange(m) == 0, 1, 1 - 2 * (k >> np.arange(m) & 1)) for k in range(0, 2**m, 2)]
    return 2 * sum(separable(points, s) for s in signs)  # 全部反过来也一样，只试一半

rng = np.random.default_rng(0)
for d in (1, 2, 3, 4):
    counts = {m: {count(rng.normal(size=(m, d))) for _ in range(3)} for m in (d + 1, d + 2, d + 3)}
    cover = {m: 2 * sum(comb(m - 1, k) for k in range(d + 1)) for m in counts}  # Cover（1965）的公式
    print(f"{d} 维，分得开的标签：", "；".join(f"{m} 个点 {min(counts[m])} / {2**m} 种" for m in counts))
    assert all(counts[m] == {cover[m]} for m in counts) and cover[d + 1] == 2 ** (d + 1) > cover[d + 2] / 2

# %% sine
from itertools import product

def sine_label(omega, i):  # sign sin(π · omega · 10^-i)，用整数算，没有舍入
    return 1 if omega % (2 * 10**i) < 10**i else -1

right = 0
for labels in product((1, -1), repeat=10):  # 10 个点 x = 0.1, 0.01, …；2^10 种标签
    omega = 1 + sum(10**i for i, label in enumerate(labels, 1) if label < 0)
    right += all(sine_label(omega, i) == label for i, label in enumerate(labels, 1))
print(f"sign(sin(ωx)) 只有一个参数，{2**10} 种标签里拟合对了 {right} 种")
assert right == 2**10

# %% train
from torch.nn.functional import cross_entropy

torch.manual_seed(0)
S, n = 5, 300
random_labels, arm = torch.randint(10, (S, n)), torch.arange(3).repeat_interleave(S).view(-1, 1, 1)
X, X_test = torch.tensor((images - images[:n].mean(0)) / 16).float().tensor_split([n])  # 真实的图，乱写的标签：只能死记

def memorised(width, labels=random_labels, num_steps=1000, lr=0.01):
    """64 → width → 10 的网络：ReLU、没有激活函数、ReLU 加权重衰减，各 S 个种子，一起训练。
    返回训练准确率 %，(5, S)；后两行是 ReLU 在第 100 步时、ReLU 在没见过的图上（真的标签）。"""
    W1, W2 = torch.randn(S, 64, width) / 32**0.5, torch.randn(S, width, 10) * (2 / width) ** 0.5
    params = [p.repeat(3, 1, 1).requires_grad_() for p in (W1, W1.new_zeros(S, 1, width), W2, W2.new_zeros(S, 1, 10))]
    adam, history = torch.optim.Adam(params, lr), []
    def net(X):
        h = torch.baddbmm(params[1], X.expand(3 * S, -1, -1), params[0])
        return torch.baddbmm(params[3], torch.where(arm == 1, h, h.relu()), params[2])
    for step in range(1, num_steps + 1):
        rows = torch.randint(n, (100,))
        loss = cross_entropy(net(X[rows]).flatten(0, 1), labels[:, rows].repeat(3, 1).flatten()) * 3 * S
        adam.zero_grad(), loss.backward(), adam.step()
        for p in params:
            p.data *= torch.where(arm == 2, 1 - 0.3 * lr, 1)  # 相当于 AdamW 的 weight_decay=0.3
        if step in (100, num_steps):
            history.append((net(X).argmax(2) == labels.repeat(3, 1)).float().mean(1).view(3, S) * 100)
    unseen = (net(X_test)[:S].argmax(2) == torch.tensor(digits[n:])).float().mean(1) * 100
    return torch.cat((history[1], history[0][:1], unseen[None]))

# %% memorise caption="300 张真实的图，标签是乱写的；各种宽度的网络记住了多少，5 个种子的平均。同样的宽度，参数一样多，记住的差得很远：去掉激活函数停在一半，加权重衰减或只训练 100 步也少得多。"
import matplotlib.pyplot as plt

widths = (2, 4, 8, 16, 32)
kept = torch.stack([memorised(width) for width in widths]).transpose(0, 1)  # (5, 5, S)
fig, ax = plt.subplots(figsize=(5.2, 2.9))
for name, values, style in zip(("ReLU", "没有激活函数", "权重衰减", "只训练 100 步"), kept, ("o-", "s--", "^-.", "x:")):
    ax.plot(widths, values.mean(1), style, label=name)
    print(f"{name}：宽 2 到 32，记住 %", [round(v) for v in values.mean(1).tolist()])
ax.set(title="能记住多少乱写的标签", xlabel="隐藏层宽度", ylabel="训练准确率 %", xscale="log", ylim=(0, 105))
ax.set_xticks(widths, [f"{w}\n{75 * w + 10} 个参数" if w in (2, 8, 32) else str(w) for w in widths])
ax.minorticks_off(), ax.legend(fontsize=9)
real = memorised(32, torch.tensor(digits[:n]).expand(S, -1))  # 对照：同一个网络，真的标签
print(f"ReLU，宽 32，换成真的标签：训练准确率 {real[0].mean():.0f}，没见过的图 {real[4].mean():.0f}")
relu, linear, decayed, early, _ = kept
assert real[0].min() > 99 and real[4].min() > 80  # 记得住乱写的，也照样泛化
assert relu[-1].min() > 99 and (relu.mean(1).diff() > 0).sum() >= 3  # 越宽记得越多，直到全部记住
assert linear[3:].max() < 65 and relu[3].min() > 90  # 参数一样多，容量不同
assert (relu[2] - decayed[2]).min() > 5 and decayed[-1].min() > 90  # 衰减使它记得少，够宽时又挡不住
assert (relu - early)[2:].min() > 20  # 同一个网络，训练得短就记得少

# %% features
sizes, n = (5, 10, 20, 50, 100, 150, 200, 250, 300, 500, 1000, 3000), 200
result = torch.zeros(5, len(sizes), 4)
for s in range(5):
    generator = torch.Generator().manual_seed(s)
    order = torch.randperm(len(digits), generator=generator)
    A, b = torch.tensor(images)[order] / 16, torch.tensor(digits)[order]
    wrong = torch.rand(n, generator=generator) < 0.2
    noisy = torch.where(wrong, torch.randint(10, (n,), generator=generator), b[:n])
    features = (A @ torch.randn(64, sizes[-1], generator=generator).double()).relu() / 8
    target = torch.eye(10).double()[noisy] - 0.1
    for j, size in enumerate(sizes):
        F = features[:, :size]
        w = torch.linalg.lstsq(F[:n], target, driver="gelsd").solution  # 最小二乘；有许多解时取范数最小的
        ridge = torch.linalg.solve(F[:n].T @ F[:n] + torch.eye(size), F[:n].T @ target)
        result[s, j, 0] = ((F[:n] @ w).argmax(1) != noisy).float().mean() * 100
        result[s, j, 1] = ((F[n:] @ w).argmax(1) != b[n:]).float().mean() * 100
        result[s, j, 2] = ((F[n:] @ ridge).argmax(1) != b[n:]).float().mean() * 100
        result[s, j, 3] = w.norm()

# %% descent caption="随机特征的线性模型，200 张训练图，两成标签是乱写的；5 次划分的平均。特征太少，训练和测试都差；特征数接近样本数（竖线）时测试误差最高；再多，训练误差一直是 0，测试误差却降下来。加一点岭惩罚，尖峰就没有了。"
train, test, ridged, norm = result.unbind(2)  # 各 (5, 12)
fig, ax = plt.subplots(figsize=(5.2, 2.9))
for name, values, style in (("训练", train, "o-"), ("测试", test, "s--"), ("测试，岭惩罚", ridged, "^:")):
    ax.plot(sizes, values.mean(0), style, label=name)
ax.axvline(n, color="gray", linestyle="--")
ax.set(title="特征越来越多", xlabel="特征个数", ylabel="误差 %", xscale="log")
ax.legend()
for size in (5, 50, 200, 3000):
    e = result[:, sizes.index(size)].mean(0)
    print(f"{size} 个特征：训练误差 {e[0]:.0f}，测试误差 {e[1]:.0f}，加岭惩罚的测试误差 {e[2]:.0f}；权重的范数 {e[3]:.0f}")
peak = sizes.index(n)
assert (train[:, 0] > 50).all() and (test[:, 0] > 50).all()  # 太小：训练集也拟合不了
assert (test[:, peak] > test[:, 3] + 20).all() and (test[:, peak] > test[:, -1] + 20).all()  # 尖峰在中间
assert (train[:, -1] == 0).all() and (norm[:, peak] > 20 * norm[:, -1]).all()  # 最大的那个，范数反而小
assert (ridged[:, peak] < test[:, peak] - 30).all() and ridged.mean(0).min() < test.mean(0).min() - 3
