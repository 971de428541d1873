"""为什么深度学习用梯度下降，不用收敛更快的牛顿法？

要检验的说法：牛顿法每步确实快得多，但二阶导数的内存随参数个数平方增长；网络的黑塞矩阵还常常不可逆、不正定。
能推翻它的结果：凸问题上牛顿法不比梯度下降快；黑塞矩阵的大小与参数个数成正比；网络的黑塞矩阵正定。
"""

# %% convex
import torch
from sklearn.datasets import load_breast_cancer
from torch.func import grad, jacrev

A, t = (torch.tensor(a, dtype=torch.float64) for a in load_breast_cancer(return_X_y=True))
A = torch.cat([(A - A.mean(0)) / A.std(0), torch.ones(len(A), 1, dtype=torch.float64)], 1)  # (569, 31)

def loss(w):  # 逻辑回归 + 一点权重衰减：强凸
    return torch.nn.functional.softplus((1 - 2 * t) * (A @ w)).mean() + 0.005 * w @ w

def hessian(f):
    return jacrev(grad(f))  # 对梯度再求一次导

start = torch.zeros(31, dtype=torch.float64)
L = torch.linalg.eigvalsh(A.T @ A / len(A) / 4).max() + 0.01  # 曲率的上界，1/L 是安全的学习率

def iterations(step, tolerance=1e-8, limit=20_000):
    w = start.clone()
    for k in range(limit):
        g = grad(loss)(w)
        if g.norm() < tolerance:
            return k, w
        w = w - step(w, g)
    return limit, w

newton, w_newton = iterations(lambda w, g: torch.linalg.solve(hessian(loss)(w), g))
descent, w_descent = iterations(lambda w, g: g / L)
print(f"到同样的精度：牛顿法 {newton} 步，梯度下降 {descent} 步")
assert newton < 20 and descent > 50 * newton
torch.testing.assert_close(w_newton, w_descent, rtol=1e-4, atol=1e-6)

# %% memory caption="两层网络（64→h→10）的参数个数与导数占的内存。点是真的算出来的，点线是推算：梯度与参数一样大，黑塞矩阵是参数个数的平方，一百万个参数就要 4 TB。"
import matplotlib.pyplot as plt

def bytes_of(h, width=64):
    """真的算出梯度与黑塞矩阵，返回 (参数个数, 梯度的字节, 黑塞矩阵的字节)。"""
    torch.manual_seed(0)
    X, n = torch.randn(4, width), (width + 10) * h

    def f(p):
        return (torch.tanh(X @ p[: width * h].view(width, h)) @ p[width * h :].view(h, 10)).square().sum()
    p = torch.randn(n)
    return n, grad(f)(p).nbytes, hessian(f)(p).nbytes

rows = [bytes_of(h) for h in (1, 2, 4, 8, 16)]
counts, first, second = (torch.tensor(column, dtype=torch.float64) for column in zip(*rows))
fig, ax = plt.subplots(figsize=(5.2, 2.8))
for values, label, style, power in ((first, "梯度", "o-", 1), (second, "黑塞矩阵", "s-", 2)):
    ax.loglog(counts, values, style, label=label)
    further = values[-1] * (1e6 / counts[-1]) ** power
    ax.loglog([counts[-1], 1e6], [values[-1], further], ":", color=ax.lines[-1].get_color())
ax.set(title="二阶导数要多少内存", xlabel="参数个数", ylabel="字节")
ax.legend()
print("参数个数、梯度、黑塞矩阵（字节）：", rows[0], "…", rows[-1])
assert torch.equal(first, 4 * counts) and torch.equal(second, 4 * counts**2)

# %% network
from sklearn.datasets import load_digits

images, digits = load_digits(return_X_y=True)
X, y = torch.tensor(images[:200] / 16), torch.tensor(digits[:200])  # float64，只为了看清特征值

def net_loss(p):  # 64 → 4 → 10，ReLU
    h = torch.relu(X @ p[:256].view(64, 4) + p[256:260])
    return torch.nn.functional.cross_entropy(h @ p[260:300].view(4, 10) + p[300:], y)

torch.manual_seed(0)
points = 0.3 * torch.randn(5, 310, dtype=torch.float64)  # 5 个随机的初始点
spectra = [torch.linalg.eigvalsh(hessian(net_loss)(p)) for p in points]
negative = [int((e < -1e-6).sum()) for e in spectra]
zero = [int((e.abs() <= 1e-10).sum()) for e in spectra]
print("310 个参数，5 个初始点：负特征值", negative, "个，几乎为零的", zero, "个")
p, dead = points[0], int((X == 0).all(0).sum())
print(f"总是 0 的像素 {dead} 个，每个对应 4 个零特征值；softmax 的平移对应 5 个")
assert min(negative) > 3 and min(zero) >= 4 * dead + 5  # 不正定，也不可逆

# %% saddle
def f(v):
    return v[0] ** 2 - v[1] ** 2  # 原点是鞍点，没有最小值

v = torch.tensor([1.0, 1e-3])
step = torch.linalg.solve(hessian(f)(v), grad(f)(v))
after = v - 0.1 * grad(f)(v)
print("从 (1, 0.001) 出发：牛顿一步 →", (v - step).tolist(), "，梯度一步 →", [round(c, 4) for c in after.tolist()])
assert torch.equal(v - step, torch.zeros(2)) and after[1] > v[1]  # 牛顿法被鞍点吸住，梯度下降在离开

# %% unsupported
q = torch.randn(1, 2, 8, 16, requires_grad=True)
first_order = torch.autograd.grad(
    torch.nn.functional.scaled_dot_product_attention(q, q, q).square().sum(), q, create_graph=True)[0]
try:
    torch.autograd.grad(first_order.sum(), q)
    refused = None
except RuntimeError as error:  # 一阶导没有问题，二阶导没有实现
    refused = str(error)
print("注意力的二阶导：", refused)
relu = hessian(lambda x: torch.relu(x).sum())(torch.tensor([-1.0, 2.0]))
print("ReLU 的二阶导处处是 0：", not relu.any())
assert first_order.isfinite().all() and "not implemented" in refused and not relu.any()

# %% product
from torch.utils.flop_counter import FlopCounterMode

def flops(run):
    with FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()

def hvp(v):  # 黑塞矩阵乘向量，不必建出黑塞矩阵
    return torch.func.vjp(grad(net_loss), p)[1](v)[0]

one = flops(lambda: grad(net_loss)(p))
direction = torch.randn(310, dtype=torch.float64)
print(f"运算量（以一次梯度为 1）：黑塞乘向量 {flops(lambda: hvp(direction)) / one:.1f}，"
      f"整个黑塞矩阵 {flops(lambda: hessian(net_loss)(p)) / one:.0f}")
torch.testing.assert_close(hvp(direction), hessian(net_loss)(p) @ direction)
assert flops(lambda: hvp(direction)) < 4 * one and flops(lambda: hessian(net_loss)(p)) > 100 * one
