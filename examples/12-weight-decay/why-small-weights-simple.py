"""为什么参数不太大，模型复杂度就低？

要检验的说法：在固定的特征和结构下，限制权重的大小会让函数更平滑；但权重大小本身不决定复杂度。
能推翻它的结果：衰减变强，曲线反而更弯；或者不改变函数就无法改变权重的大小。
"""

# %% fits caption="15 个带噪声的点，14 次多项式。λ 很小时曲线紧追每个点、剧烈摆动；λ 大了趋于平坦。参数始终是 15 个，变的只是它们的大小。"
import matplotlib.pyplot as plt
import torch

torch.manual_seed(0)
x = torch.linspace(-1, 1, 15, dtype=torch.float64)
y = torch.sin(3 * x) + 0.3 * torch.randn(15, dtype=torch.float64)  # 演示用的数据
grid = torch.linspace(-1, 1, 400, dtype=torch.float64)
powers = torch.arange(15)


def fit(lam, y):
    A = x[:, None] ** powers  # (15, 15)
    return torch.linalg.solve(A.T @ A + lam * torch.eye(15, dtype=torch.float64), A.T @ y)


fig, ax = plt.subplots(figsize=(5.2, 2.8))
for lam, style in ((1e-9, ":"), (1e-2, "-"), (1e2, "--")):
    ax.plot(grid, (grid[:, None] ** powers) @ fit(lam, y), style, label=f"λ = {lam:g}")
ax.plot(x, y, "o", color="C3", label="数据")
ax.set(title="同样的参数个数，不同的 λ", xlabel="x", ylabel="y", ylim=(-2.5, 2.5))
ax.legend(loc="upper left", ncols=2)

# %% smooth
noisy = torch.sin(3 * x)[:, None] + 0.3 * torch.randn(15, 200, dtype=torch.float64)  # 同样的点，200 份噪声
lams = [1e-9, 1e-6, 1e-3, 1e-1, 10.0, 1e3]
ws = torch.stack([fit(lam, noisy) for lam in lams])  # (λ, 参数, 份)
norms = ws.norm(dim=1)
bends = ((grid[:, None] ** powers) @ ws).diff(n=2, dim=1).norm(dim=1) * 400  # 弯曲程度：二阶差分的大小
print("λ：              ", lams)
print("权重的长度，中位数：", [f"{n:.2g}" for n in norms.median(1).values.tolist()])
print("弯曲程度，中位数： ", [f"{b:.2g}" for b in bends.median(1).values.tolist()])
print(f"λ 每增大一档，权重都变短：{(norms.diff(dim=0) < 0).all(0).float().mean():.0%} 的数据；"
      f"曲线都变平：{(bends.diff(dim=0) < 0).all(0).float().mean():.0%}")
room = noisy.norm(dim=0) / (2 * torch.tensor(lams)[:, None].sqrt())  # ‖y‖ / (2√λ)，每份数据一个上界
print(f"y 放大 10 倍，权重的长度变成 {(fit(0.1, 10 * noisy).norm() / fit(0.1, noisy).norm()):.1f} 倍；"
      f"长度不超过上界：{(norms <= room).all().item()}")
torch.testing.assert_close(fit(0.1, 10 * noisy), 10 * fit(0.1, noisy))  # 没有固定的边界
assert (norms <= room).all() and (norms.diff(dim=0) < 0).all() and (bends[-1] < 0.01 * bends[0]).all()
assert (bends.median(1).values.diff() < 0).all() and not (bends.diff(dim=0) < 0).all()  # 大体如此，不是逐档必然
assert (ws != 0).all()  # 没有少一个参数

# %% degrees
from sklearn.datasets import load_diabetes

X = torch.tensor(load_diabetes().data, dtype=torch.float64)
X = (X - X.mean(0)) / X.std(0)
s = torch.linalg.eigvalsh(X.T @ X)
freedom = [(s / (s + lam)).sum().item() for lam in (0.0, 10.0, 100.0, 1000.0)]
print("diabetes，10 个特征，λ = 0、10、100、1000 的有效自由度：", [round(f, 1) for f in freedom])
assert round(freedom[0], 6) == 10 and freedom == sorted(freedom, reverse=True) and freedom[-1] < 5

# %% rescale
relu = torch.relu
W1, W2 = torch.randn(32, 1, dtype=torch.float64), torch.randn(1, 32, dtype=torch.float64)
batch = torch.randn(1, 500, dtype=torch.float64)
same = W2 @ relu(W1 @ batch)
rescaled = (W2 / 100) @ relu(100 * W1 @ batch)  # ReLU：正数倍可以穿过去
ratio = ((100 * W1).square().sum() + (W2 / 100).square().sum()) / (W1.square().sum() + W2.square().sum())
print(f"权重平方和变成 {ratio:.0f} 倍，函数的最大改变：{(same - rescaled).abs().max():.0e}")
slope = ((same[0, 1:] - same[0, :-1]) / (batch[0, 1:] - batch[0, :-1])).abs().max()
print(f"函数最陡处的斜率 {slope:.1f}，不超过两层权重长度的乘积 {W1.norm() * W2.norm():.1f}")
torch.testing.assert_close(same, rescaled)
assert ratio > 1000 and slope <= W1.norm() * W2.norm()

# %% batchnorm
from torch import nn

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 1))
inputs = torch.randn(64, 4)
before = net(inputs)
with torch.no_grad():
    net[0].weight *= 0.1
    net[0].bias *= 0.1
after = net(inputs)
print("批量归一化之前的权重缩小 10 倍，输出最大改变：", f"{(before - after).abs().max():.0e}")
assert (before - after).abs().max() < 1e-2 * before.std()  # 只剩归一化里 eps 的影响
