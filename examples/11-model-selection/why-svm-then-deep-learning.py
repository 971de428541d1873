"""为什么 SVM 打败了 MLP，深度学习又打败了 SVM？

要检验的说法：SVM 简单、不用怎么调参、有数学理论；深度学习没有理论但效果好；核心没有变：数据、过拟合、看误差。
能推翻它的结果：默认的 SVM 远不如调过的；支持向量的界不成立；小数据上 MLP 不输 SVM；有平移时卷积网络不比 SVM 好。
"""

# %% defaults
import warnings
import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
warnings.simplefilter("ignore")  # MLPClassifier 默认的 200 轮会提醒还没收敛
grid = {"svc__C": [1, 10, 100], "svc__gamma": [1e-3, 1e-2, 1e-1]}
arms = {"默认 SVM": SVC(), "调过的 SVM": None, "C=0.01 的 SVM": SVC(C=0.01), "默认 MLP": MLPClassifier(random_state=0)}
arms = {name: make_pipeline(StandardScaler(), m) for name, m in arms.items()} | {"默认 SVM，不标准化": SVC()}
arms["调过的 SVM"] = GridSearchCV(arms["默认 SVM"], grid, cv=3)
print("误差 %：", "、".join(arms))
for load, n in ((load_digits, 300), (load_breast_cancer, 300), (load_wine, 90)):
    A, b = load(return_X_y=True)
    splits = [np.split(np.random.default_rng(s).permutation(len(b)), [n]) for s in range(5)]
    e = np.array([[100 - 100 * m.fit(A[i], b[i]).score(A[j], b[j]) for m in arms.values()] for i, j in splits])
    print(f"{load.__name__[5:]}：", e.mean(0).round(1))
    assert (abs(e.mean(0)[[1, 3]] - e.mean(0)[0]) < 3).all() and e.mean(0)[2] > 20  # 默认就接近调过的；取坏了不能用
assert e[:, 4].mean() > 15  # wine 不标准化

# %% theory
A, b = load_breast_cancer(return_X_y=True)
keep = np.random.default_rng(0).permutation(len(b))[:200]
A, b = StandardScaler().fit_transform(A[keep]), b[keep]
for C in (1, 10, 100):
    is_sv = np.isin(np.arange(200), SVC(C=C, gamma=0.03).fit(A, b).support_)
    others = [np.delete(np.arange(200), i) for i in range(200)]  # 留一法：去掉第 i 个，训练，再预测它
    wrong = [SVC(C=C, gamma=0.03).fit(A[o], b[o]).predict(A[[i]])[0] != b[i] for i, o in enumerate(others)]
    loo, bound, outside = np.mean(wrong), is_sv.mean(), np.array(wrong)[~is_sv].sum()
    print(f"C={C}：留一法误差 {loo:.1%}，上界（支持向量的比例）{bound:.1%}；错的里不是支持向量的：{outside} 个")
    assert outside == 0 and bound > 3 * loo  # 定理：去掉不是支持向量的样本，解不变；但是很松
f, g = (SVC(C=10, gamma=0.03, tol=1e-8).fit(A[::k], b[::k]).decision_function(A) for k in (1, -1))
print("样本倒过来再训练，决策函数还是同一个：", np.allclose(f, g, atol=1e-5))
assert np.allclose(f, g, atol=1e-5)  # 凸问题，只有一个解：没有初始值可选

# %% depth caption="把同样两个单元的一层套 1、2、3 次。每套一次，直线的段数翻一倍，单元只多两个。"
import matplotlib.pyplot as plt
def pieces(y):  # 等距取点的函数值，数一数有几段直线
    slope = np.diff(y)
    return 1 + int((~np.isclose(slope[1:], slope[:-1], atol=1e-12)).sum())
x, rng = np.arange(2**12 + 1) / 2**12, np.random.default_rng(0)
deep, counts = x, []
fig, ax = plt.subplots(figsize=(5.2, 2.4))
for layer in range(1, 9):
    deep = 2 * np.maximum(deep, 0) - 4 * np.maximum(deep - 0.5, 0)  # 每层只有两个 ReLU
    counts.append(pieces(deep))
    if layer <= 3:
        ax.plot(x[::512], deep[::512], ("-", "--", ":")[layer - 1], label=f"{layer} 层")
ax.set(title="层数加一，段数翻倍", xlabel="输入", ylabel="输出")
ax.legend(loc="upper right")
hidden = [np.maximum((x[:, None] - rng.choice(x, 16)) * rng.normal(size=16), 0) for _ in range(200)]
shallow = [pieces(h @ rng.normal(size=16)) for h in hidden]
slopes = np.r_[256, 512 * (-1.0) ** np.arange(1, 256)]  # 一层 256 个 ReLU，各管一个拐点
wide = np.maximum(x[:, None] - np.arange(256) / 256, 0) @ slopes
print("1 到 8 层、每层 2 个单元，直线的段数：", counts)
print(f"1 层、16 个单元，随机 200 个网络，最多 {max(shallow)} 段；1 层、256 个单元得到同一个函数：{np.allclose(wide, deep)}")
assert counts == [2**k for k in range(1, 9)] and np.allclose(wide, deep) and max(shallow) <= 17  # 至多 16 + 1 段

# %% tasks
import torch
from torch.nn.functional import conv2d, cross_entropy, max_pool2d, pad
(images, digits), S = load_digits(return_X_y=True), 5
y = torch.tensor(digits)
plain = pad(torch.tensor(images).float().view(-1, 8, 8) / 16, (2, 2, 2, 2))  # (1797, 12, 12)
moves = torch.randint(-2, 3, (len(y), 2), generator=torch.Generator().manual_seed(0)).tolist()
shifted = torch.stack([image.roll(move, (0, 1)) for image, move in zip(plain, moves)])  # 每张随机平移至多两格
order = torch.stack([torch.randperm(len(y), generator=torch.Generator().manual_seed(s)) for s in range(S)])
VALID, TEST, POOL = order[:, :300], order[:, 300:797], order[:, 797:]
def mlp(X, W1, b1, W2, b2):  # X (S, n, 12, 12)，S 个网络一起算
    return torch.baddbmm(b2, torch.baddbmm(b1, X.flatten(2), W1).relu(), W2)
def cnn(X, W1, b1, W2, b2, W3, b3):  # S 个网络排在通道里，分组卷积：(n, S·C, H, W)
    X = X.transpose(0, 1).contiguous(memory_format=torch.channels_last)  # 通道放在最后，池化快几倍
    h = max_pool2d(conv2d(X, W1.flatten(0, 1), b1.flatten(), padding=1, groups=S), 2).relu()
    h = max_pool2d(conv2d(h, W2.flatten(0, 1), b2.flatten(), padding=1, groups=S), 2).relu()
    return torch.baddbmm(b3, h.reshape(len(h), S, -1).transpose(0, 1), W3)
NETS = {"MLP": (mlp, ((144, 64), (64, 10))), "卷积网络": (cnn, ((8, 1, 3, 3), (16, 8, 3, 3), (144, 10)))}

# %% train
def fit(name, X, n, lr, num_steps=400):
    """各用自己的前 n 张训练；返回验证、测试、训练（至多 300 张）误差 %，(3, S)。"""
    (net, shapes), generator, params = NETS[name], torch.Generator().manual_seed(0), []
    for shape in shapes:
        fan_in, *out = (shape[1] * 9, shape[0]) if len(shape) == 4 else (shape[0], 1, shape[1])
        params += [torch.randn(S, *shape, generator=generator) * (2 / fan_in) ** 0.5, torch.zeros(S, *out)]
    adam = torch.optim.Adam([p.requires_grad_() for p in params], lr, fused=True)
    for _ in range(num_steps):
        rows = POOL.gather(1, torch.randint(n, (S, 32), generator=generator))
        loss = cross_entropy(net(X[rows], *params).flatten(0, 1), y[rows].flatten(), reduction="sum") / 32
        adam.zero_grad(), loss.backward(), adam.step()
    with torch.no_grad():
        wrong = [net(X[r], *params).argmax(2) != y[r] for r in (VALID, TEST, POOL[:, : min(n, 300)])]
    return torch.stack([w.float().mean(1) * 100 for w in wrong])
def svm(X, n):  # gamma 也在验证集上选；三种 gamma 共用距离，所以自己算核矩阵
    result, A = [], X.flatten(1).double()
    for valid, test, train in zip(VALID, TEST, POOL[:, :n]):
        D = torch.cdist(A[torch.cat((train, valid, test, train[:300]))], A[train]).square() / (144 * A[train].var())
        parts = [np.split((-gamma * D).exp().numpy(), [n, n + 300, n + 797]) for gamma in (0.3, 1, 3)]  # 各 (·, n)
        fits = [(SVC(C=10, kernel="precomputed").fit(K, digits[train]), rest) for K, *rest in parts]
        best, rest = max(fits, key=lambda fit: fit[0].score(fit[1][0], digits[valid]))
        result.append([100 - 100 * best.score(K, digits[r]) for K, r in zip(rest, (valid, test, train[:300]))])
    return torch.tensor(result).T

# %% curves caption="测试误差，5 次划分的平均与标准误。左：数字都在正中，SVM 一直最好。右：每张随机平移至多两格，SVM 和 MLP 不知道平移不影响结果，卷积网络在样本少时好得多。样本多了，谁都变好。"
best = {name: min((0.01, 0.03), key=lambda lr: fit(name, plain, 300, lr, 200)[0].mean()) for name in NETS}
sizes, errors = (100, 300, 1000), {}
fig, axes = plt.subplots(1, 2, figsize=(5.2, 2.8), layout="constrained")
for ax, task, X in zip(axes, ("原样", "随机平移"), (plain, shifted)):
    arms = {"SVM": svm} | {name: lambda X, n, name=name: fit(name, X, n, best[name]) for name in NETS}
    for (name, arm), style in zip(arms.items(), ("o-", "s--", "^:")):
        e = errors[task, name] = torch.stack([arm(X, n) for n in sizes])  # (3, 3, S)
        ax.errorbar(sizes, e[:, 1].mean(1), e[:, 1].std(1) / S**0.5, fmt=style, capsize=3, label=name)
        means = [round(v, 1) for v in e[:, 1].mean(1).tolist()]
        print(f"{task}，{name}：测试误差 % {means}，300 张时训练误差 {e[1, 2].mean():.1f}")
    ax.set(title=task, xlabel="训练样本", ylabel="测试误差 %", xscale="log", ylim=(0, None))
axes[0].legend()
def gap(task, name, rows):  # 与 SVM 之差，同一次划分里配对：是标准误的几倍、平均
    d = (errors[task, name] - errors[task, "SVM"])[rows, 1].mean(0)
    return d.mean() / (d.std() / S**0.5), d.mean()
assert all(t > 3 and d > 0.7 for t, d in (gap("原样", name, [0, 1, 2]) for name in NETS))  # SVM 赢
assert gap("随机平移", "MLP", [0, 1, 2])[0] > 3 and gap("随机平移", "卷积网络", [0, 1])[1] < -8  # 卷积网络赢
assert all((e[0, 1] > e[2, 1]).all() and e[1, 2].mean() < 1 for e in errors.values())  # 数据越多越好；训练误差都近 0
