"""MLP 和 SVM 有什么区别？

要检验的说法：区别在特征——SVM 的由核固定，MLP 的是学出来的；谁更准取决于数据，不只取决于样本的多少。
能推翻它的结果：换掉损失函数就消除了差别；学出来的特征不比随机的好；两份数据上都是样本少时 SVM 好、样本多时 MLP 好。
"""

# %% data
import numpy as np
from sklearn.datasets import load_digits, load_sample_images

photos = np.stack(load_sample_images().images).mean(3) / 128 - 1  # china.jpg 和 flower.jpg，灰度 (2, 427, 640)
windows = np.lib.stride_tricks.sliding_window_view(photos, (7, 7), (1, 2))  # (2, 421, 634, 7, 7)
i, j = np.indices(windows.shape[1:3])
inside, white = np.maximum(i % 32, j % 32) <= 25, (i // 32 + j // 32) % 2 == 1

def patches(keep, n=None):  # n 个 7×7 的小块和标签：它来自哪一张照片
    rows = np.random.default_rng(0).permutation(2 * keep.sum())[:n]
    photo, which = np.divmod(rows, keep.sum())
    return windows[photo, i[keep][which], j[keep][which]].reshape(-1, 49), photo

(X, y), (V, v) = patches(inside & ~white), patches(inside & white, 4000)  # 按棋盘格分开，没有一个像素重叠
digits, digit = load_digits(return_X_y=True)
D, d = (a[np.random.default_rng(0).permutation(1797)] for a in (digits / 16, digit))
data = {"照片小块": (X, y, V, v), "手写数字": (D[:1000], d[:1000], D[1000:], d[1000:])}
for name, (A, a, B, b) in data.items():
    print(f"{name}：训练可用 {len(A)}，留出 {len(B)}，每个样本 {A.shape[1]} 维，{a.max() + 1} 类")

# %% mlp
import torch
from torch.nn.functional import cross_entropy, multi_margin_loss

def layers(params, X):  # 两个隐藏层；返回最后一个隐藏层的输出和 logits，(种子, 样本, 128) 和 (种子, 样本, 类)
    for W, b in zip(params[:-2:2], params[1:-2:2]):
        X = torch.baddbmm(b, X, W).relu()
    return X, torch.baddbmm(params[-1], X, params[-2])

def train(X, y, rows, lr, num_steps=1200, loss_of=cross_entropy):
    """5 个种子一起训练，每个种子只用 rows (5, n) 里它那一行的样本。"""
    torch.manual_seed(0)
    X, y, rows, params = torch.tensor(X).float(), torch.tensor(y), torch.tensor(rows), []
    for a, b in ((X.shape[1], 128), (128, 128), (128, y.max() + 1)):
        params += [torch.randn(5, a, b) * (2 / a) ** 0.5, torch.zeros(5, 1, b)]
    adam = torch.optim.Adam([p.requires_grad_() for p in params], lr, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, num_steps)
    for _ in range(num_steps):
        batch = rows.gather(1, torch.randint(rows.shape[1], (5, 50)))
        loss = loss_of(layers(params, X[batch])[1].flatten(0, 1), y[batch].flatten(), reduction="sum") / 50
        adam.zero_grad(), loss.backward(), adam.step(), schedule.step()
    return lambda X: [h.detach() for h in layers(params, torch.tensor(X).float().expand(5, -1, -1))]

def predict(m, T):  # MLP 是一个函数，SVM 是 5 个模型；返回预测 (种子, 样本)
    return m(T)[1].argmax(2).numpy() if callable(m) else np.array([svm.predict(T) for svm in m])

# %% curves
from sklearn.svm import SVC, LinearSVC

curves, spread = {}, {}
for name, (A, a, B, b) in data.items():
    for n in (250, 4000, len(A)) if name == "照片小块" else (50, 200, 800):
        rows = np.stack([np.random.default_rng(s).permutation(len(A))[:n] for s in range(5)])
        num_steps = 1200 if name == "照片小块" else 600  # 数字上，600 步与 1,200 步一样
        nets = [train(A, a, rows, lr, num_steps) for lr in (0.001, 0.003)]
        gammas = (0.03, 0.1, 0.3, 1, 3) if n < 4000 else (0.3, 1, 3) if n == 4000 else ()  # 4,000 个时，更小的都差
        svms = [[SVC(C=10, gamma=g).fit(A[r], a[r]) for r in rows] for g in gammas]
        k = len(b) // 3  # 留出的前三分之一用来选学习率或 gamma，其余才是测试
        for model, tried in ("MLP", nets), ("SVM", svms):
            if tried:  # 样本再多，核 SVM 要算很久，没有跑
                e = spread[name, model, n] = np.array([100 * (predict(m, B[:k]) != b[:k]).mean() for m in tried])
                curves[name, model, n] = 100 * (predict(tried[e.argmin()], B[k:]) != b[k:]).mean(1)
for (name, model, n), e in curves.items():
    print(f"{name}，{n} 个样本，{model}：测试误差 {e.mean():.1f} ± {e.std(ddof=1):.1f}")
print("手写数字 800 个样本，SVM 的 gamma 从 0.03 到 3，验证误差：", spread["手写数字", "SVM", 800].round(1))
tile, number = ({k[1:]: e.mean() for k, e in curves.items() if k[0] == name} for name in data)
assert tile["MLP", 4000] < tile["SVM", 4000] - 0.5 and tile["MLP", 250] > tile["SVM", 250] - 1  # 样本多时 MLP 更准
assert tile["MLP", len(X)] < tile["MLP", 4000] - 0.5  # 样本再多，还在变好，而每一步的代价不变
assert number["SVM", 800] < number["MLP", 800] - 0.4  # 这份数据上，样本最多时也是 SVM 更准
assert all(number["SVM", n] < number["MLP", n] + 0.5 for n in (50, 200))
assert np.ptp(spread["照片小块", "SVM", 250]) > 7 and np.ptp(spread["手写数字", "SVM", 800]) > 30  # 只因 gamma 不同

# %% plot caption="留出数据上的测试误差，5 个种子的平均与范围。照片小块：250 个样本时相差不到一个百分点，4,000 个时 MLP 更准，全部十几万个时更准，那里没有跑 SVM。手写数字：三种样本数都是 SVM 不输或更准。"
import matplotlib.pyplot as plt

fig, axes = plt.subplots(1, 2, figsize=(5.2, 2.7), layout="constrained")
for ax, name in zip(axes, data):
    for model, style in (("SVM", "o-"), ("MLP", "s--")):
        sizes = [n for title, m, n in curves if (title, m) == (name, model)]
        e = np.stack([curves[name, model, n] for n in sizes])  # (样本数, 种子)
        ax.loglog(sizes, e.mean(1), style, label=model)
        ax.fill_between(sizes, e.min(1), e.max(1), alpha=0.15)
    ax.set(title=name, xlabel="训练样本数", ylabel="测试误差 %", xticks=sizes, xticklabels=sizes, ylim=(0.5, 30))
    ax.set_yticks([1, 2, 5, 10, 20], [1, 2, 5, 10, 20])
    ax.minorticks_off()
    ax.legend(loc="lower left")

# %% same-model
A, a = X[:1000], torch.tensor(2 * y[:1000] - 1).double()  # 标签写成 ±1
svm = LinearSVC(C=0.1, loss="squared_hinge", fit_intercept=False, tol=1e-8).fit(A, a)
w = torch.zeros(49, dtype=torch.float64, requires_grad=True)  # 一个没有偏置的线性层
lbfgs = torch.optim.LBFGS([w], max_iter=500, tolerance_grad=1e-10, line_search_fn="strong_wolfe")

def closure():
    lbfgs.zero_grad()
    loss = w.square().sum() / 2 + 0.1 * (1 - a * (torch.tensor(A) @ w)).relu().square().sum()
    loss.backward()
    return loss

lbfgs.step(closure)
print("LinearSVC 的前三个权重：   ", svm.coef_[0, :3].round(3).tolist())
print("线性层 + 合页损失平方 + L2：", [round(x, 3) for x in w.tolist()[:3]])
torch.testing.assert_close(w.detach(), torch.tensor(svm.coef_[0]), rtol=1e-3, atol=1e-4)  # 49 个都相同

# %% features
rows, T, t = np.tile(np.arange(4000), (5, 1)), V, v  # 5 个种子用同样的 4,000 个小块
net, margin = (train(X, y, rows, 0.003, loss_of=f) for f in (cross_entropy, multi_margin_loss))

def svm_on(net):  # 隐藏层的输出当作固定的特征，上面放一个线性的 SVM
    fits = [LinearSVC(C=0.1, dual=False).fit(H, y[:4000]) for H in net(X[:4000])[0]]
    return np.array([m.predict(H) for m, H in zip(fits, net(T)[0])])

arms = {"交叉熵的 MLP": predict(net, T), "合页损失的 MLP": predict(margin, T),
        "学到的特征 + 线性 SVM": svm_on(net), "没训练的特征 + 线性 SVM": svm_on(train(X, y, rows, 0, num_steps=0))}
error = {name: 100 * (predicted != t).mean(1) for name, predicted in arms.items()}
for name, e in error.items():
    print(f"{name}：测试误差 {e.mean():.1f} ± {e.std(ddof=1):.1f}")
svms = [SVC(C=10, gamma=1).fit(X[r], y[r]).predict(T) for r in (np.arange(4000), np.arange(3999, -1, -1))]
differ = [100 * (a != b).mean() for a, b in (svms, arms["交叉熵的 MLP"][:2])]
print(f"同样的数据和设置训练两次，预测不同的：SVM（换了样本次序）{differ[0]:.1f}%，MLP（换了种子）{differ[1]:.1f}%")
trained, hinge, learned, untrained = (e.mean() for e in error.values())
assert abs(hinge - trained) < 0.7 and abs(learned - trained) < 1  # 换损失、换成 SVM 的输出层，都差不多
assert untrained > learned + 4 and differ[0] < 0.5 < 2 < differ[1]  # 差别在特征
