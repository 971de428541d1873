"""为什么一般对标量求导，而不是对向量或矩阵？

要检验的说法：反向传播一遍给出一个标量对全部参数的梯度；输出有 m 个，完整的导数就要 m 遍、m 倍的存储。
能推翻它的结果：完整的导数（循环或成批）的运算量不是一遍的 m 倍；带权重 v 的反向比标量的贵；阶数随深度增加。
"""

# %% shapes
import functools

import torch
from torch.autograd.functional import jacobian

torch.manual_seed(0)
W, x = torch.randn(4, 3), torch.randn(3)
by_loss = jacobian(lambda W: (W @ x).sum(), W)
by_vector = jacobian(lambda W: W @ x, W)
by_matrix = jacobian(lambda W: W @ W.T, W)
print("标量对矩阵 (4, 3)：  ", tuple(by_loss.shape))
print("向量 (4,) 对矩阵：   ", tuple(by_vector.shape))
print("矩阵 (4, 4) 对矩阵： ", tuple(by_matrix.shape))

assert by_loss.shape == W.shape  # 与参数形状相同，才能写 W -= lr * grad
assert by_vector.shape == (4, 4, 3)  # 三阶，不是矩阵
assert by_matrix.shape == (4, 4, 4, 3)

# %% choice
from sklearn.datasets import load_digits

digits, labels = (torch.tensor(part) for part in load_digits(return_X_y=True))
digits = digits.float() / 16  # (1797, 64)


def losses(theta):
    return torch.nn.functional.cross_entropy(digits @ theta.T, labels, reduction="none")


theta = torch.zeros(10, 64)
each = jacobian(losses, theta, vectorize=True)
mean_grad = jacobian(lambda theta: losses(theta).mean(), theta)
print("每个样本一个损失：", tuple(losses(theta).shape), "，它的导数：", tuple(each.shape))
print("平均成一个标量后的导数：", tuple(mean_grad.shape), "，占用只有前者的 1 /", each.numel() // mean_grad.numel())

assert losses(theta).shape == (1797,) and losses(theta).mean().dim() == 0  # 标量是平均出来的
assert each.shape == (1797, 10, 64) and mean_grad.shape == (10, 64)
torch.testing.assert_close(each.mean(0), mean_grad)  # 平均的导数就是导数的平均

# %% vjp
w = torch.randn(3, requires_grad=True)
X = torch.randn(5, 3)
y = torch.tanh(X @ w)  # (5,)
v = torch.randn(5)
y.backward(v)  # 向量也能 backward：给出每个分量的权重
J = jacobian(lambda w: torch.tanh(X @ w), w.detach())  # (5, 3)
print("y.backward(v) 的 w.grad 等于 v @ J：", torch.allclose(w.grad, v @ J))

scalar = torch.autograd.grad((v * torch.tanh(X @ w)).sum(), w)[0]
print("也等于先加权求和成标量再求导：     ", torch.allclose(w.grad, scalar))

torch.testing.assert_close(w.grad, v @ J)
torch.testing.assert_close(w.grad, scalar)

diagonal = torch.autograd.grad(torch.tanh(w).sum(), w)[0]  # 逐元素运算是例外：一遍就是全部
torch.testing.assert_close(jacobian(torch.tanh, w.detach()), torch.diag(diagonal))

# %% passes
from torch.func import jacrev
from torch.utils.flop_counter import FlopCounterMode


def flops(run):
    with FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()


W, X = torch.randn(64, 64, requires_grad=True), torch.randn(32, 64)
for m in (1, 8, 64):
    head = torch.randn(m, 64)

    def f(W):
        return (torch.tanh(X @ W.T) @ head.T).sum(0)  # (m,)

    out, forward = f(W), flops(lambda: f(W))
    one = flops(lambda: out.sum().backward(retain_graph=True))
    weighted = flops(lambda: out.backward(torch.randn(m)))
    loop = flops(lambda: jacobian(f, W)) - forward  # 一个输出一遍
    batched = flops(lambda: jacrev(f)(W)) - forward  # 成批，只调用一次
    print(f"{m:2} 个输出：加权一遍 {weighted / one:.0f}，循环 {loop / one:.0f}，成批 {batched / one:.0f}")
    assert weighted == one and loop == batched == m * one

# %% size caption="一层 n→n 的线性层，批量为 1：标量损失的梯度与参数一样大（n²），n 维输出的完整导数是 n³。n=1000 时前者 4 MB，后者 4 GB。两条线的斜率是 2 和 3。"
import matplotlib.pyplot as plt

sizes = torch.tensor([2, 4, 8, 16, 32])
measured = {"标量损失的梯度": [], "向量输出的完整导数": []}
for n in sizes.tolist():
    layer, one = torch.randn(n, n), torch.randn(n)
    for label, out in zip(measured, (lambda W: (W @ one).sum(), lambda W: W @ one)):
        measured[label].append(4 * jacobian(out, layer).numel())  # float32 每个数 4 字节
fig, ax = plt.subplots(figsize=(5.2, 2.8))
for (label, values), style in zip(measured.items(), ("o-", "s-")):
    ax.loglog(sizes, values, style, label=label)
    extended = [values[-1] * (n / 32) ** (2 if style == "o-" else 3) for n in (32, 1000)]
    ax.loglog([32, 1000], extended, ":", color=ax.lines[-1].get_color())
ax.set(title="导数要占多少内存（点线是推算）", xlabel="层的宽度 n", ylabel="字节")
ax.legend()
assert measured["标量损失的梯度"] == (4 * sizes**2).tolist()
assert measured["向量输出的完整导数"] == (4 * sizes**3).tolist()  # n=1000：4 MB 对 4 GB


# %% depth
def net(Ws):
    return functools.reduce(lambda h, W: torch.tanh(W @ h), Ws, torch.ones(4))


orders = {}
for depth in (2, 4, 8):
    Ws = list(torch.randn(depth, 4, 4))
    J = jacobian(lambda W: net([W]), Ws[0])  # 第一层：(4, 4, 4)
    orders[depth] = [J.dim()]
    for k in range(1, depth):  # 手工逐层乘上雅可比矩阵
        J_layer = (1 - net(Ws[: k + 1]) ** 2)[:, None] * Ws[k]  # (4, 4)
        J = torch.tensordot(J_layer, J, dims=1)  # (4, 4) 乘 (4, 4, 4)：中间的轴消掉了
        orders[depth].append(J.dim())
    torch.testing.assert_close(J, jacobian(lambda W: net([W, *Ws[1:]]), Ws[0]))  # 与自动求导相同
print("层数 → 逐层的阶：", orders)
assert all(set(steps) == {3} for steps in orders.values())  # 不随深度增加

# %% error raises="RuntimeError"
y.backward()
