"""最优解的 w 本来就大，权重衰减会不会有反作用？

要检验的说法：有噪声时，适当的衰减总能更接近真值，w 越大、噪声越小，合适的 λ 就越小；没有噪声时任何衰减都有害。
能推翻它的结果：w 大时任何 λ>0 都比不衰减差；或者没有噪声时衰减反而更接近真值。
"""

# %% problem
import torch
from sklearn.datasets import load_diabetes

X = torch.tensor(load_diabetes().data, dtype=torch.float64)
X = (X - X.mean(0)) / X.std(0)
X = X[:60]  # (60, 10) 真实的特征，彼此相关；标签由已知的 w 加噪声造出来，这样才知道真值
direction = torch.linspace(1, -1, 10, dtype=torch.float64)
direction /= direction.norm()


def ridge(y, lam):  # argmin ‖Xw - y‖² + λ‖w‖²，y 可以有很多列
    return torch.linalg.solve(X.T @ X + lam * torch.eye(10, dtype=torch.float64), X.T @ y)


def error(length, noise, lam, repeats=2000, seed=0):
    torch.manual_seed(seed)
    w = length * direction
    y = (X @ w)[:, None] + noise * torch.randn(60, repeats, dtype=torch.float64)
    return ((ridge(y, lam) - w[:, None]) ** 2).sum(0)  # (repeats,) 到真值的距离平方


plain = error(1, 1.0, 0.0)
print(f"不衰减：估计到真值的距离平方平均 {plain.mean():.2f}（真值的长度是 1）")
assert plain.mean() > 0.5  # 训练损失最小的解离真值很远：它拟合了噪声

# %% curves caption="真实的特征，造出来的标签（噪声标准差 1），每点 2,000 次重复的平均。纵轴是到真值的距离平方除以不衰减时的值：低于 1 说明衰减有用。真值越长，合适的 λ 越小、好处越少，衰减过头越糟；但谷底都在 1 以下。"
import matplotlib.pyplot as plt

lams = torch.logspace(-2, 3, 31).tolist()
fig, ax = plt.subplots(figsize=(5.2, 2.8))
valley = {}
for length, style in ((1, "-"), (3, "--"), (10, "-.")):
    ratio = [(error(length, 1.0, lam).mean() / plain.mean()).item() for lam in lams]
    valley[length] = (lams[ratio.index(min(ratio))], min(ratio), ratio[-1])
    ax.loglog(lams, ratio, style, label=f"真值长度 {length}")
ax.axhline(1, color="gray", linestyle=":")
ax.set(title="衰减多少，离真值最近", xlabel="λ", ylabel="误差 / 不衰减的误差", ylim=(0.08, 50))
ax.legend()
for length, (lam, best, worst) in valley.items():
    print(f"真值长度 {length:2d}：最好的 λ ≈ {lam:.2g}，误差是不衰减的 {best:.2f} 倍；λ=1000 时 {worst:.2g} 倍")
borrowed = (error(10, 1.0, valley[1][0]).mean() / plain.mean()).item()
print(f"真值长度 10，用真值长度 1 的最好的 λ：误差是不衰减的 {borrowed:.2f} 倍")
assert valley[1][0] > valley[3][0] > valley[10][0] and valley[10][2] > 10
assert valley[1][1] < valley[3][1] < valley[10][1] < 0.95  # 真值越长，好处越少，但仍有好处
assert borrowed > 2  # 对一个问题最好的 λ，对另一个有害

# %% significant
gains = {}
for length, (lam, _, _) in valley.items():
    # λ 是在上面的噪声上选的，所以换一批新的噪声来检验；两边用同样的，逐次配对
    gain = error(length, 1.0, 0.0, seed=1) - error(length, 1.0, lam, seed=1)
    gains[length] = (gain.mean() / (gain.std() / len(gain) ** 0.5)).item()
print("不衰减 − 衰减，平均差是它标准误的几倍：", {k: round(v) for k, v in gains.items()})
assert min(gains.values()) > 5  # 真值最长的那条谷底虽浅，也不是偶然

# %% no-noise
clean = [error(1, 0.0, lam, repeats=1).item() for lam in (0.0, 0.1, 1.0, 10.0)]
print("没有噪声，λ = 0、0.1、1、10 的误差：", [f"{value:.1g}" for value in clean])
assert clean[0] < 1e-20 and clean == sorted(clean) and clean[1] > 1e-6

# %% theory
S, U = torch.linalg.eigh(X.T @ X)  # 偏差² + 方差，可以直接写出来
lam = valley[3][0]
w = 3 * direction
bias = ((lam / (S + lam) * (U.T @ w)) ** 2).sum()
variance = (S / (S + lam) ** 2).sum()
measured = error(3, 1.0, lam)
print(f"真值长度 3：偏差² {bias:.2f} + 方差 {variance:.2f} = {bias + variance:.2f}，实测 {measured.mean():.2f}")
print(f"不衰减：    偏差² 0 + 方差 {(1 / S).sum():.2f}")
assert abs(measured.mean() - (bias + variance)) < 5 * measured.std() / 2000**0.5
assert bias > 0.1 and bias + variance < 0.5 * (1 / S).sum()  # 有了偏差，总误差仍小得多
