"""线性回归为什么用平方损失，而不用绝对值？

要检验的说法：绝对值在 0 点不可导，但这不妨碍训练；两者估计的是不同的东西（均值与中位数），各有适用的噪声。
能推翻它的结果：绝对值损失训练不下去；高斯噪声下绝对值损失更准；有离群点时平方损失更准。
"""

# %% gradient
import torch

slopes = {}
for value in (-2.0, -0.001, 0.0, 0.001, 2.0):
    e = torch.tensor(value, requires_grad=True)
    slopes[value] = [torch.autograd.grad(f(e), e)[0].item() for f in (torch.abs, torch.square)]
    print(f"误差 {value:6}：|e| 的梯度 {slopes[value][0]:4}，e² 的梯度 {slopes[value][1]:6.3f}")

assert slopes[-0.001][0] == -1 and slopes[0.001][0] == 1  # 左右导数不等：0 点确实不可导
assert slopes[0.0][0] == 0  # 但 PyTorch 在那里取次梯度 0，不会报错
assert abs(slopes[0.001][1]) < 0.01  # 平方的梯度随误差变小，绝对值的不会

# %% train
from sklearn.datasets import load_diabetes

X, y = (torch.tensor(a, dtype=torch.float64) for a in load_diabetes(return_X_y=True))
X, y = (X - X.mean(0)) / X.std(0), (y - y.mean()) / y.std()


def descend(loss, y, lr=0.2, num_steps=4000, decay=1):
    w, b = (torch.zeros(n, dtype=torch.float64, requires_grad=True) for n in (10, 1))
    for step in range(num_steps):
        value = loss(X @ w + b - y).mean()
        grads = torch.autograd.grad(value, (w, b))
        with torch.no_grad():
            for p, g in zip((w, b), grads):
                p -= lr * g * (1 - decay * step / num_steps)  # 绝对值的梯度不会变小，步长要自己减小
    return value.item(), torch.cat([w, b]).detach()


from scipy.optimize import linprog

A, I = torch.cat([X, torch.ones(442, 1, dtype=torch.float64)], 1), torch.eye(442, dtype=torch.float64)
program = torch.cat([A, -A, -I, I], 1).numpy()  # 线性规划给出绝对值损失的精确最小值，作为对照
exact = linprog([0] * 22 + [1] * 884, A_eq=program, b_eq=y.numpy()).fun / 442
reached = descend(torch.abs, y)[0]
print(f"绝对值损失：梯度下降得到 {reached:.4f}，精确的最小值 {exact:.4f}")
assert exact - 1e-9 <= reached < 1.001 * exact  # 一点不可导，照样训练到底

lowest = (A @ torch.linalg.pinv(A) @ y - y).square().mean().item()
stuck = {name: max(descend(loss, y, num_steps=n, decay=0)[0] - low for n in (3998, 3999, 4000))
         for name, loss, low in (("绝对值", torch.abs, exact), ("平方", torch.square, lowest))}
print("固定学习率，4,000 步后离最小值：", {k: f"{v:.0e}" for k, v in stuck.items()})
assert stuck["绝对值"] > 1e-5 and stuck["平方"] < 1e-9  # 绝对值停在半空来回跳，平方的继续下降

# %% estimates
data = torch.tensor([1.0, 2, 3, 4, 100], dtype=torch.float64)
grid = torch.linspace(0, 100, 10001, dtype=torch.float64)
gaps = data - grid[:, None]
best = {"平方": grid[gaps.square().mean(1).argmin()], "绝对值": grid[gaps.abs().mean(1).argmin()]}
print("数据 1、2、3、4、100 的最佳常数：", {k: round(v.item(), 2) for k, v in best.items()})
assert abs(best["平方"] - data.mean()) < 0.01 and abs(best["绝对值"] - data.median()) < 0.01

# %% noise caption="估计一个常数（50 个样本，真值 0），2,000 次重复的误差分布。高斯噪声下平方损失（均值）更准；长尾噪声（自由度 2 的 t 分布）下绝对值损失（中位数）更准。"
import matplotlib.pyplot as plt

torch.manual_seed(0)
gauss = torch.randn(2000, 50)
tail = torch.distributions.StudentT(2.0).sample((2000, 50))
spread = {}
fig, axes = plt.subplots(1, 2, figsize=(5.2, 2.5), sharey=True, layout="constrained")
for ax, (name, noise) in zip(axes, {"高斯噪声": gauss, "长尾噪声": tail}.items()):
    for label, estimate, style in (("平方", noise.mean(1), "-"), ("绝对值", noise.quantile(0.5, dim=1), "--")):
        ax.hist(estimate, bins=torch.linspace(-1, 1, 41).tolist(), histtype="step", linestyle=style, label=label)
        spread[name, label] = estimate.square().mean().sqrt().item()
    ax.set(title=name, xlabel="估计值")
axes[0].legend()
print("均方根误差：", {f"{n}，{k}": round(v, 2) for (n, k), v in spread.items()})
assert spread["高斯噪声", "平方"] < 0.9 * spread["高斯噪声", "绝对值"]
assert spread["长尾噪声", "绝对值"] < 0.8 * spread["长尾噪声", "平方"]

# %% outlier
def huber(e):
    return torch.nn.functional.huber_loss(e, torch.zeros_like(e), reduction="none")


dirty = y.clone()
dirty[:4] += 50  # 442 个标签里写错了 4 个
shift = {}
for name, loss in (("平方", torch.square), ("绝对值", torch.abs), ("Huber", huber)):
    before, after = (descend(loss, labels, num_steps=2000)[1] for labels in (y, dirty))
    shift[name] = (before - after).norm().item()
print("4 个写错的标签使参数移动：", {k: round(v, 2) for k, v in shift.items()})
assert shift["平方"] > 5 * shift["绝对值"] and shift["平方"] > 5 * shift["Huber"]
