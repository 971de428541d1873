"""MLP 和 SVM 的优缺点，哪些站得住？

要检验的说法：常列出的每一条优点和缺点，各做一个对照。
能推翻它的结果：噪声维多时，没有正则化的 MLP 不比 SVM 差，或加了 L2 仍然更差；手工特征没有用；随便一个分界面和最大间隔的一样准；对偶间隙不为零。
"""

# %% models timeout=300
import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.svm import SVC, LinearSVC
from torch.nn.functional import cross_entropy
def svm(X, y, T, **options):  # 5 份数据 X (5, n, d)、y (5, n) 各训练一个，返回对 T (5, m, d) 的预测
    return [SVC(**{"C": 10, "gamma": 0.1} | options).fit(A, a).predict(B) for A, a, B in zip(X, y, T)]
def mlp(X, y, T, lr=0.003, num_steps=600, sizes=(128,), act=torch.relu, batch=50, l2=0.0):  # 同上
    torch.manual_seed(0)
    (X, T), y, params = (torch.tensor(A).float() for A in (X, T)), torch.tensor(y), []
    for a, b in zip((X.shape[2], *sizes), (*sizes, int(y.max()) + 1)):
        params += [torch.randn(5, a, b) * (2 / a) ** 0.5, torch.zeros(5, 1, b)]
    adam = torch.optim.Adam([p.requires_grad_() for p in params], lr, weight_decay=l2, fused=True)
    schedule, each = torch.optim.lr_scheduler.CosineAnnealingLR(adam, num_steps), torch.arange(5)[:, None]
    def logits(X):
        for W, b in zip(params[:-2:2], params[1:-2:2]):
            X = act(torch.baddbmm(b, X, W))
        return torch.baddbmm(params[-1], X, params[-2])
    for _ in range(num_steps):
        rows = torch.randint(X.shape[1], (5, batch))
        loss = cross_entropy(logits(X[each, rows]).flatten(0, 1), y[each, rows].flatten(), reduction="sum")
        adam.zero_grad(), (loss / batch).backward(), adam.step(), schedule.step()
    return logits(T).argmax(2).numpy()
# %% tasks
def errors(X, y, n):  # 一个任务的 5 次划分：三种做法的测试误差 %，(3, 5)；各自的设置在另外 300 个样本上选
    rows = np.stack([np.random.default_rng(s).permutation(len(y))[: n + 1000] for s in range(5)])
    data, label = (X[rows[:, :n]], y[rows[:, :n]], X[rows[:, n:]]), y[rows[:, n:]]
    tried = ([svm(*data, gamma=g / X.shape[1] / X.var()) for g in (0.1, 0.3, 1)],
             [mlp(*data, lr=0.01)], [mlp(*data, lr=0.01, l2=l2) for l2 in (0.003, 0.03)])
    wrong = [100 * (np.array(predicted) != label) for predicted in tried]  # (设置, 划分, 样本)
    return np.array([w[w[:, :, :300].mean((1, 2)).argmin(), :, 300:].mean(1) for w in wrong])
images, digit = load_digits(return_X_y=True)
images, rng = images / 16, np.random.default_rng(0)
noise, signs = rng.normal(0, images.std(), (1797, 256)), rng.choice([-1.0, 1.0], (3000, 60))
moved = np.stack([np.roll(image, rng.integers(0, 8, 2), (0, 1)) for image in images.reshape(-1, 8, 8)])
tasks = {"数字": (images, digit, 200), "数字 + 256 维噪声": (np.hstack([images, noise]), digit, 200),
         "随机平移的数字": (moved.reshape(-1, 64), digit, 500),
         "随机平移，手工特征": (np.abs(np.fft.fft2(moved)).reshape(-1, 64) / 8, digit, 500),  # 平移不改变它
         "60 维里两维的异或": (signs, (signs[:, 0] * signs[:, 1] > 0).astype(int), 1000)}
table = {name: errors(*task) for name, task in tasks.items()}
for name, t in table.items():
    each = zip(("SVM", "MLP", "MLP + L2"), t)
    print(f"{name}：" + "，".join(f"{model} {e.mean():.1f} ± {e.std(ddof=1):.1f}" for model, e in each))
few, noisy, shifted, crafted, xor = table.values()
gap = noisy - noisy[0]  # 噪声维多，MLP 差得多；加了 L2 就不差
assert 0.5 < (few[1] - few[0]).mean() < 4 and gap[1].min() > 8 and abs(gap[2].mean()) < 3 and xor[1:].max() < 2
assert (shifted - crafted).min() > 30 and shifted.min() > 50 and xor[0].min() > 10

# %% plot caption="五个任务上的测试误差，5 次划分的平均与范围。混进噪声维，没有正则化的 MLP 差得最远，加了 L2 就与 SVM 一样；最后一个任务反过来，MLP 学会了只看有用的两维。随机平移的数字换成手工特征，三者的误差都降到几分之一。"
import matplotlib.pyplot as plt
fig, ax = plt.subplots(figsize=(5.2, 2.8), layout="constrained")
for i, (name, style) in enumerate((("SVM", "o"), ("MLP", "s"), ("MLP + L2", "^"))):
    e = np.array([t[i] for t in table.values()])  # (任务, 划分)
    ax.errorbar(e.mean(1), np.arange(5) + 0.2 * i - 0.2, xerr=np.abs([e.min(1), e.max(1)] - e.mean(1)), fmt=style,
                label=name)
ax.set(title="同样的任务，SVM 与 MLP", xlabel="测试误差 %", yticks=range(5), yticklabels=table)
ax.legend(), ax.invert_yaxis()

# %% tuning
from functools import cache
rows, change = np.stack([np.random.default_rng(s).permutation(1797) for s in range(5)]), {}
data, label = (images[rows[:, :500]], digit[rows[:, :500]], images[rows[:, 500:1200]]), digit[rows[:, 500:1200]]
error = cache(lambda fit, **option: 100 * (fit(*data, **option) != label).mean())  # 默认的设置只算一次
for name, fit, options in (
    ("MLP 学习率", mlp, [{"lr": v} for v in (1e-4, 1e-3, 1e-2, 1e-1)]),
    ("MLP 宽度", mlp, [{"sizes": (8,)}, {"sizes": (32,)}, {}]),
    ("MLP 层数", mlp, [{}, {"sizes": (128,) * 2}, {"sizes": (128,) * 4}]),
    ("MLP 激活函数", mlp, [{}, {"act": torch.tanh}, {"act": torch.sigmoid}]),
    ("MLP 批量", mlp, [{"batch": 10}, {}, {"batch": 250}]),
    ("SVM 的 C", svm, [{"C": 0.01}, {"C": 0.1}, {"C": 1}, {}, {"C": 100}]),
    ("SVM 的 gamma", svm, [{"gamma": 0.001}, {"gamma": 0.01}, {}, {"gamma": 1}]),
    ("SVM 的核，gamma 不变", svm, [{}, {"kernel": "linear"}, {"kernel": "poly"}, {"kernel": "sigmoid"}]),
    ("SVM 的核，gamma 另选", svm, [{}, {"kernel": "linear"}, {"kernel": "poly"}, {"kernel": "sigmoid", "gamma": 0.02}])):
    e = [error(fit, **option) for option in options]  # 一次只改一个
    change[name] = np.ptp(e)
    print(f"{name}：测试误差 {min(e):.1f} 到 {max(e):.1f}")
assert max(change["MLP " + k] for k in ("层数", "批量", "激活函数")) < 3 < 4 < min(change["MLP 学习率"], change["MLP 宽度"])
assert change["SVM 的 C"] > 30 and change["SVM 的核，gamma 不变"] > 6 and change["SVM 的核，gamma 另选"] < 3

# %% margin
from sklearn.linear_model import LogisticRegression, Perceptron
pairs = [[], [], []]
for i, j in ((i, j) for j in range(10) for i in range(j)):
    two = np.random.default_rng(10 * i + j).permutation(np.flatnonzero(np.isin(digit, [i, j])))
    A, a, T, t = images[two[:40]], digit[two[:40]], images[two[40:]], digit[two[40:]]  # 40 个样本，线性可分
    any_plane = [Perceptron(tol=None, random_state=s) for s in range(5)]  # 碰到哪个分界面就是哪个
    for e, models in zip(pairs, ([SVC(kernel="linear", C=1e6)], any_plane, [LogisticRegression()])):
        e.append(np.mean([100 * (m.fit(A, a).predict(T) != t).mean() for m in models]))
widest, plane, logistic = np.array(pairs)
gap = plane - widest
print(f"45 对数字的平均误差：最大间隔 {widest.mean():.1f}，随便一个分界面 {plane.mean():.1f}，逻辑回归 {logistic.mean():.1f}")
assert gap.mean() > 5 * gap.std() / 45**0.5 and abs((logistic - widest).mean()) < 0.4

# %% convex
from sklearn.metrics.pairwise import rbf_kernel, sigmoid_kernel
two = np.isin(digit, [3, 8])
A, a = images[two], np.where(digit[two] == 3, 1, -1)
model = SVC(C=10, gamma=0.1, tol=1e-6).fit(A, a)
alpha = np.bincount(model.support_, np.abs(model.dual_coef_[0]), len(A))  # 不是支持向量的，α 是 0
norm = (alpha * a) @ rbf_kernel(A, gamma=0.1) @ (alpha * a)  # ‖w‖²
slack = 10 * np.maximum(0, 1 - a * model.decision_function(A)).sum()
primal, dual = norm / 2 + slack, alpha.sum() - norm / 2  # 任何 w 的目标值都不低于 dual
rbf, sigmoid = map(np.linalg.eigvalsh, (rbf_kernel(A, gamma=0.1), sigmoid_kernel(A, gamma=0.02, coef0=0)))
print(f"目标值 {primal:.3f}，下界 {dual:.3f}；最小特征值：RBF {rbf[0]:.4f}，sigmoid {sigmoid[0]:.4f}、{sigmoid[1]:.4f}")
assert 0 <= primal - dual < 1e-4 * primal and rbf[0] > 0 > -1e-3 > sigmoid[1]  # 约束 Σ αᵢyᵢ = 0 至多去掉一个负的

# %% limits raises="RuntimeError"
x, order, net, shuffled = torch.tensor(images).float(), torch.randperm(64), *(torch.nn.Linear(64, 32) for _ in "ab")
shuffled.load_state_dict({"weight": net.weight[:, order], "bias": net.bias})
torch.testing.assert_close(shuffled(x[:, order]), net(x))  # 打乱像素，对 MLP 是同样的问题
whole, tiny = (SVC(C=10, gamma=0.1, cache_size=mb).fit(images, digit) for mb in (200, 1))
print(f"整个核矩阵要 {len(images) ** 2 * 8 / 1e6:.0f} MB；只给 1 MB，解相同：", np.array_equal(whole.dual_coef_, tiny.dual_coef_))
joint = LinearSVC(multi_class="crammer_singer", max_iter=20_000, random_state=0).fit(images[::2], digit[::2])
pairwise = len(SVC(decision_function_shape="ovo").fit(images, digit).decision_function(images[:1])[0])
print(f"十类：SVC 内部是 {pairwise} 个二分类；一次优化十类的 LinearSVC 准确率 {joint.score(images[1::2], digit[1::2]):.2f}")
assert np.array_equal(whole.dual_coef_, tiny.dual_coef_) and pairwise == 45
assert joint.coef_.shape == (10, 64) and joint.score(images[1::2], digit[1::2]) > 0.9
net(x[:, :60])  # 输入的长度变了
