"""SVM 和神经网络各有什么优缺点？

要检验的说法：神经网络更容易过拟合、更难调、训练更久、是黑箱，但表达能力强、什么数据都适应、不用处理特征。
能推翻它的结果：不加约束的 SVM 遇到噪声不变差；RBF 核拟合不了随机标签；RBF 核的 SVM 读得出特征的作用。
"""

# %% models
import numpy as np
import torch
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.svm import SVC
from torch import nn


def train_mlps(X, y, settings, num_steps=400, width=64):
    """同一份数据 X (n, d)、y (n,)，每组 (lr, wd) 一个 MLP，一起训练；带动量的 SGD，学习率线性降到 0。"""
    X, y, shapes = torch.tensor(X).float(), torch.tensor(y), ((X.shape[1], width), (width, int(y.max()) + 1))
    lr, wd = torch.tensor(settings).float().view(-1, 2, 1, 1).unbind(1)
    W = [(torch.randn(len(settings), a, b) * (2 / a) ** 0.5).requires_grad_() for a, b in shapes]
    V = [torch.zeros_like(w) for w in W]
    for step in range(num_steps):
        rows = torch.randint(len(X), (len(settings), 64))
        out = (X[rows] @ W[0]).relu() @ W[1]  # (组数, 64, 类数)
        loss = nn.functional.cross_entropy(out.flatten(0, 1), y[rows].flatten(), reduction="sum") / 64
        with torch.no_grad():
            for w, v, g in zip(W, V, torch.autograd.grad(loss, W)):
                v.mul_(0.9).add_(g).addcmul_(wd, w)
                w.addcmul_(lr * (1 - step / num_steps), v, value=-1)
    return lambda X: ((torch.tensor(X).float() @ W[0]).relu() @ W[1]).argmax(2).numpy()


# %% compare
SVMS = [(C, g) for C in (1, 10, 1000) for g in (0.1, 0.3, 1, 3)]  # gamma 以 1 / (d · 方差) 为单位
MLPS = [(lr, wd) for wd in (0.0, 0.003, 0.01, 0.03) for lr in (0.03, 0.3)]


def split(X, seed, sizes):
    return np.split(np.random.default_rng(seed).permutation(len(X))[: sum(sizes)], np.cumsum(sizes)[:-1])


def errors(X, y, noisy, seed, sizes, mlps=MLPS, scale=False):
    """测试误差 %：按验证集选的 SVM、不加约束的 SVM（C=1000）、按验证集选的 MLP、不加约束的 MLP（wd=0）。"""
    torch.manual_seed(seed)
    train, valid, test = split(X, seed, sizes)
    X = (X - X[train].mean(0)) / X[train].std(0) if scale else X
    unit = 1 / (X.shape[1] * X[train].var())
    svms = [SVC(C=C, gamma=g * unit).fit(X[train], noisy[train]).predict for C, g in SVMS]
    network, result = train_mlps(X[train], noisy[train], mlps), []
    of_svms = np.array([s(X[valid]) for s in svms]), lambda k: svms[k](X[test]), range(8, 12)
    of_mlps = network(X[valid]), network(X[test]).__getitem__, [1]
    for on_valid, on_test, free in (of_svms, of_mlps):
        wrong = (on_valid != noisy[valid]).mean(1)
        result += [(on_test(k) != y[test]).mean() * 100 for k in (wrong.argmin(), min(free, key=wrong.take))]
    return result


# %% noise caption="8×8 数字，300 张训练，5 次划分的平均与标准差。实线：约束（C、权重衰减）按验证集选；虚线：不加约束。不加约束时两者都过拟合；选好以后 SVM 更准，标签有噪声时差得更多。"
import matplotlib.pyplot as plt

images, digit = load_digits(return_X_y=True)
images, levels = images / 16, (0.0, 0.2, 0.4)
table = np.zeros((3, 5, 4))
for i, seed in np.ndindex(3, 5):
    rng = np.random.default_rng(100 + seed)
    noisy = np.where(rng.random(len(digit)) < levels[i], rng.integers(0, 10, len(digit)), digit)
    table[i, seed] = errors(images, digit, noisy, seed, (300, 200, 1200))
mean, std = table.mean(1), table.std(1, ddof=1)
fig, ax = plt.subplots(figsize=(5.2, 2.9))
names = ("SVM", "SVM，不加约束", "MLP", "MLP，不加约束")
for name, j, style in zip(names, range(4), ("C0o-", "C0o:", "C1s-", "C1s:")):
    ax.errorbar(levels, mean[:, j], std[:, j], fmt=style, capsize=3, label=name)
    print(f"{name}：", mean[:, j].round(1), "±", std[:, j].round(1))
ax.set(title="标签噪声下的测试误差", xlabel="训练标签被乱写的比例", ylabel="测试误差 %", xticks=levels)
ax.legend()
assert ((table[:, :, 2] - table[:, :, 0]).mean(1) > 1).all()  # 小数据上，选好的 SVM 更准
assert (mean[1:, 1] - mean[1:, 0] > 3).all() and (mean[1:, 3] - mean[1:, 2] > 3).all()  # 有噪声时都会过拟合
assert (abs(mean[0, [1, 3]] - mean[0, [0, 2]]) < 1.5).all()  # 标签干净时，不加约束也没有变差

# %% datasets
wide, table = [(lr, wd) for wd in (0.0, 0.01) for lr in (1e-6, 1e-4, 1e-2, 0.1)], {}
for name, load, n in (("breast cancer", load_breast_cancer, (300, 100, 169)), ("wine", load_wine, (80, 40, 58))):
    X, y = load(return_X_y=True)
    for kind in ("原样", "标准化"):
        scale = kind == "标准化"
        table[name, kind] = np.array([errors(X, y, y, s, n, wide, scale)[::2] for s in range(10)])  # (10, 2)
    harm, gap = table[name, "原样"] - table[name, "标准化"], table[name, "标准化"] @ [-1, 1]
    for kind in ("标准化", "原样"):
        print(f"{name}，{kind}：SVM、MLP 的误差 %", table[name, kind].mean(0).round(1))
    print(f"标准化之后，MLP 减 SVM：{gap.mean():.1f} ± {gap.std(ddof=1) / 10**0.5:.1f} 个百分点")
    assert abs(gap.mean()) < 2 and (harm.mean(0) > 1).all()  # 分不出谁更准；两者都离不开标准化

# %% draws
rng, share = np.random.default_rng(0), []
train, test = split(images, 0, (300, 600))
C, gamma, lr, wd = (10 ** rng.uniform(a, a + 5, 120) for a in (-2, -4, -4, -5))  # 每个都跨 5 个数量级
svms = [SVC(C=c, gamma=g).fit(images[train], digit[train]).predict(images[test]) for c, g in zip(C, gamma)]
torch.manual_seed(0)
networks = train_mlps(images[train], digit[train], [*zip(lr, wd)])(images[test])
for name, predicted in (("SVM（C、gamma）", svms), ("MLP（学习率、权重衰减）", networks)):
    e = (np.array(predicted) != digit[test]).mean(1) * 100
    share.append((e < e.min() + 3).mean())
    print(f"{name}随机取 120 次：最好 {e.min():.0f}%，中位数 {np.median(e):.0f}%，好用的占 {share[-1]:.0%}")
assert abs(share[0] - share[1]) < 0.25 and max(share) < 0.6  # 都有一大半不能用，比例差得不多

# %% capacity-and-cost
X, y = images[:300], np.random.default_rng(0).integers(0, 10, 300)  # 标签是乱写的
svm, network = SVC(C=1000, gamma=0.3).fit(X, y), train_mlps(X, y, [(0.3, 0.0)], num_steps=3000, width=128)
fitted = svm.score(X, y), (network(X)[0] == y).mean()
print(f"300 个随机标签的训练准确率：SVM {fitted[0]:.0%}，MLP {fitted[1]:.0%}")
svm = SVC(C=10, gamma=0.1).fit(images[:300], digit[:300])
work = svm.n_iter_.sum() * 2 * 60 * 64, 400 * 64 * (64 * 64 + 64 * 10) * 3  # 乘加次数，前向算 1 份，反向算 2 份
print(f"正常训练 300 张图的乘加次数：MLP 约是 SVM 的 {work[1] / work[0]:.0f} 倍")
assert min(fitted) == 1 and work[1] > 10 * work[0]

# %% black-box raises="AttributeError"
X, y = load_breast_cancer(return_X_y=True)
print("线性核，每个特征一个权重：", SVC(kernel="linear").fit(X / X.std(0), y).coef_.shape)
SVC(kernel="rbf").fit(X / X.std(0), y).coef_
