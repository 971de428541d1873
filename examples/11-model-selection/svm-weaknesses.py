"""SVM 有什么缺点？神经网络在哪里比它强？

要检验的说法：核 SVM 的代价随样本数超线性增长；要调的只有一两个数，但必须调；核也可以编程。
能推翻它的结果：支持向量不随样本增加；几十万个样本的 SVM 不可行；不调参照样准；核里放不进先验知识。
"""

# %% scale caption="样本增加到 16 倍，支持向量和求解的迭代次数都增加到 9、10 倍。每次迭代还要算核矩阵的一整行，所以总代价的增长比样本数快得多。"
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits, load_sample_images
from sklearn.svm import SVC
photos = [image.reshape(-1, 3) / 255 for image in load_sample_images().images]  # china.jpg 和 flower.jpg
rgb, label = np.concatenate(photos), np.repeat([0, 1], len(photos[0]))  # 一个样本是一个像素：它来自哪一张？
order = np.random.default_rng(0).permutation(len(rgb))
rgb, label, sizes = rgb[order], label[order], [500, 1000, 2000, 4000, 8000]
models = [SVC(C=10, gamma=10).fit(rgb[:n], label[:n]) for n in sizes]
vectors, iterations = [int(m.n_support_.sum()) for m in models], [int(m.n_iter_[0]) for m in models]
print(f"支持向量 {vectors}，迭代 {iterations}")
fig, ax = plt.subplots(figsize=(5.2, 2.7))
ax.loglog(sizes, iterations, "s--", label="求解的迭代次数")
ax.loglog(sizes, vectors, "o-", label="支持向量的个数")
ax.set(title="核 SVM：样本越多，模型也越大", xlabel="训练样本数", ylabel="个数")
ax.set_xticks(sizes, sizes)
ax.minorticks_off()
ax.legend()
assert vectors[-1] > 6 * vectors[0] and iterations[-1] > 5 * iterations[0]

# %% half-million
from sklearn.kernel_approximation import RBFSampler
from sklearn.linear_model import SGDClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
n = 500_000
hinge = SGDClassifier(loss="hinge", alpha=1e-6, max_iter=3, tol=None, average=True, random_state=0)
fourier = make_pipeline(RBFSampler(gamma=10, n_components=100, random_state=0), hinge).fit(rgb[:n], label[:n])
mlp = MLPClassifier(32, learning_rate_init=0.03, batch_size=2000, random_state=0)
for i in [*range(0, n, 2000)] * 4:  # 4 轮；每一步的代价与 n 无关
    mlp.partial_fit(4 * rgb[i : i + 2000] - 2, label[i : i + 2000], classes=[0, 1])
X, y = rgb[-10_000:], label[-10_000:]
scores = models[-1].score(X, y), fourier.score(X, y), mlp.score(4 * X - 2, y)
print(f"100 万个样本的核矩阵（float64）要 {1e6**2 * 8 / 1e12:.0f} TB")
for name, score in zip(("核 SVM，8,000 个样本", "近似核的 SVM，50 万", "MLP，50 万"), scores):
    print(f"{name}：在没见过的像素上的准确率 {100 * score:.0f}%")
assert max(scores) - min(scores) < 0.015 and min(scores) > 0.94  # 换一种求解方法，50 万个样本的 SVM 可行

# %% tuning caption="5 折交叉验证的准确率。右边 γ 太大：训练集全对、验证集接近乱猜（过拟合）；左下 γ 和 C 都太小：欠拟合。只有两个数，但差两个数量级就完全不能用。"
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import GridSearchCV
images, digit = load_digits(return_X_y=True)
images = images / 16
grid = {"C": [0.01, 0.1, 1, 10, 100, 1000], "gamma": [0.0001, 0.001, 0.01, 0.1, 1, 10]}
cv = GridSearchCV(SVC(), grid, cv=5, return_train_score=True).fit(images[:300], digit[:300]).cv_results_
valid, train = (100 * cv[f"mean_{part}_score"].reshape(6, 6) for part in ("test", "train"))  # (C, gamma)
fig, ax = plt.subplots(figsize=(4.6, 3.2))
fig.colorbar(ax.imshow(valid, origin="lower", aspect="auto", zorder=3), label="准确率 %")
ax.set(title="RBF 核的 SVM：只有两个超参数，但都要调", xlabel="gamma", ylabel="C")
ax.set(xticks=range(6), xticklabels=grid["gamma"], yticks=range(6), yticklabels=grid["C"])
print(f"验证准确率：最好 {valid.max():.0f}%，最差 {valid.min():.0f}%")
print(f"C=1，gamma 从小到大：训练 {train[2].round()}，验证 {valid[2].round()}")
assert valid.max() > 94 and valid.min() < 20 and valid[-1, 3] - valid[0, 3] > 50  # 两个都要调
assert train[2, 0] < 50 and train[2, 5] > 99 and valid[2, 5] < 50  # gamma 决定欠拟合还是过拟合

# %% kernel
SHIFTS = [(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1)]
padded = np.pad(images.reshape(-1, 8, 8), ((0, 0), (2, 2), (2, 2)))  # (N, 12, 12)，四周留出平移的位置
def kernel(A, B, gamma, shifts):
    """RBF 核对两边的平移取平均（仍然是正定的核）：把“移动一格还是同一个数字”写进核里。"""
    A, B = ([np.roll(M, s, (1, 2)).reshape(len(M), -1) for s in shifts] for M in (A, B))
    return sum(rbf_kernel(a, b, gamma) for a in A for b in B) / len(shifts) ** 2
score = np.zeros((5, 2, 2))  # (种子, 核, gamma)
for seed, i, j in np.ndindex(score.shape):
    gamma, shifts = (0.1, 0.3)[j], ([(0, 0)], SHIFTS)[i]
    a, b = np.split(np.random.default_rng(seed).permutation(len(padded))[:900], [300])
    moved = np.roll(padded[b], SHIFTS[(0, 1, 2, 3, 5)[seed]], (1, 2))
    svm = SVC(C=100, kernel="precomputed").fit(kernel(padded[a], padded[a], gamma, shifts), digit[a])
    score[seed, i, j] = 100 * svm.score(kernel(moved, padded[a], gamma, shifts), digit[b])
for name, s in zip(("RBF 核", "平移取平均的核"), score.mean(0)):
    print(f"{name}：测试图移动一格之后的准确率 {s[0]:.0f}%（gamma 0.1）、{s[1]:.0f}%（gamma 0.3）")
assert (score[:, 1].min(1) - score[:, 0].max(1)).min() > 10  # 每个种子：新的核最差的也好过原来的核最好的

# %% conv-is-linear
import torch
from torch import nn
torch.manual_seed(0)
conv, X = nn.Conv2d(1, 4, 3, bias=False).double(), torch.tensor(images[:100])
W = conv(torch.eye(64, dtype=X.dtype).view(64, 1, 8, 8)).flatten(1).T  # (4*6*6, 64)：等价的全连接层的权重
out, before = conv(X.view(-1, 1, 8, 8)), conv.weight.detach().clone()
torch.testing.assert_close(X @ W.T, out.flatten(1))
out.square().mean().backward()
torch.optim.SGD(conv.parameters(), lr=0.1).step()
changed = (conv.weight != before).sum().item()
print(f"等价的全连接层有 {W.numel()} 个权重，{(W == 0).sum().item()} 个固定为 0")
print(f"其余 {(W != 0).sum().item()} 个只有 {W[W != 0].unique().numel()} 个不同的值；一步 SGD 改变了其中 {changed} 个")
assert (W == 0).sum() > 0.8 * W.numel() and changed == W[W != 0].unique().numel() == 36  # 共享，不是固定

# %% structure
score = np.zeros((5, 2))  # (种子, 有没有卷积)
for seed, i in np.ndindex(score.shape):
    torch.manual_seed(seed)
    dense = nn.Flatten(), nn.Linear(144, 128), nn.ReLU(), nn.Linear(128, 10)
    shared = nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 64, 3, padding=1), nn.ReLU()
    net = nn.Sequential(*((*shared, nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(64, 10)) if i else dense))
    a, b = np.split(np.random.default_rng(seed).permutation(len(padded))[:900], [300])
    X, y = torch.tensor(padded[a]).float().unsqueeze(1), torch.tensor(digit[a])  # (300, 1, 12, 12)
    adam = torch.optim.Adam(net.to(memory_format=torch.channels_last).parameters(), lr=0.003, fused=True)
    for step in range(300):
        rows = torch.randint(300, (32,))
        loss = nn.functional.cross_entropy(net(X[rows]), y[rows])
        adam.zero_grad(), loss.backward(), adam.step()
    moved = torch.tensor(padded[b]).float().unsqueeze(1).roll(SHIFTS[(0, 1, 2, 3, 5)[seed]], (2, 3))
    score[seed, i] = (net(moved).argmax(1) == torch.tensor(digit[b])).float().mean() * 100
print("测试图移动一格之后的准确率：全连接 {:.0f}%，卷积加全局池化 {:.0f}%".format(*score.mean(0)))
assert (score[:, 1] - score[:, 0]).min() > 15  # 换几层，就换了先验

# %% memorise
seeds, m = 5, 500
inputs = torch.tensor(images[:m] - images[:m].mean(0)).float().expand(seeds, m, 64)  # 减去平均，ReLU 才不会全死
random_label, fitted = torch.randint(10, (seeds, m)), {}  # 标签是乱写的
for width in (4, 256):  # 一个隐藏层 64-width-10，5 个种子一起训练
    W1, W2 = (torch.randn(seeds, a, b) * (2 / a) ** 0.5 for a, b in ((64, width), (width, 10)))
    adam = torch.optim.Adam([p.requires_grad_() for p in (W1, W2)], lr=0.01, fused=True)
    for epoch in range(200):
        out = (inputs @ W1).relu() @ W2  # (seeds, m, 10)
        loss = nn.functional.cross_entropy(out.flatten(0, 1), random_label.flatten(), reduction="sum") / m
        adam.zero_grad(), loss.backward(), adam.step()
    fitted[width] = (out.argmax(2) == random_label).float().mean(1) * 100
    print(f"{width} 个隐藏单元，训练准确率 {fitted[width].min():.0f}% 到 {fitted[width].max():.0f}%")
assert len(np.unique(images[:m], axis=0)) == m  # 没有两张图完全相同，否则标签可能自相矛盾
assert (fitted[256] > 99).all() and (fitted[4] < 60).all()
