"""为什么一般对标量求导，而不是对向量或矩阵？

要检验的说法：反向传播一遍给出一个标量对全部参数的梯度；输出有 m 个，完整的导数就要 m 遍、m 倍的存储。
能推翻它的结果：一遍反向就能得到完整的雅可比矩阵；或者它的大小与输出的个数无关。
"""

# %% shapes
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

# %% passes
def backward_passes(m):
    """让 PyTorch 自己求 m 个输出的完整导数，数一数它反向传播了几遍。"""
    passes = []

    def f(h):
        hidden = torch.tanh(h)
        hidden.register_hook(lambda grad: passes.append(tuple(grad.shape)))  # 梯度每传回这里就记一次
        return torch.ones(m, 3) @ hidden

    shape = jacobian(f, torch.randn(3)).shape
    return len(passes), tuple(shape), passes[0]


for m in (1, 10, 50):
    print(f"{m} 个输出：反向传播 {backward_passes(m)[0]} 遍，完整导数的形状 {backward_passes(m)[1]}")
assert [backward_passes(m)[0] for m in (1, 10, 50)] == [1, 10, 50]
assert backward_passes(50)[2] == (3,)  # 一遍只带回一行

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
ax.set(title="导数要占多少内存（虚线是推算）", xlabel="层的宽度 n", ylabel="字节")
ax.legend()
assert measured["标量损失的梯度"] == (4 * sizes**2).tolist()
assert measured["向量输出的完整导数"] == (4 * sizes**3).tolist()

# %% depth
def jacobian_of_chain(depth):
    """链再长，∂y/∂w 仍是三阶：链式法则每一步都收缩掉中间的轴。"""
    W = torch.eye(4).requires_grad_()
    return jacobian(lambda W: torch.linalg.multi_dot([W] * depth) @ torch.ones(4), W)


ranks = {depth: jacobian_of_chain(depth).dim() for depth in (2, 4, 8)}
print("层数 → 导数的阶：", ranks)
assert set(ranks.values()) == {3}  # 不随深度增加

# %% error raises="RuntimeError"
torch.tanh(X @ w).backward()
