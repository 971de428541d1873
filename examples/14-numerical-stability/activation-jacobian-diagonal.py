"""为什么激活函数的导数是对角矩阵？

要检验的说法：逐元素的激活函数对它自己的输入求导是对角矩阵；对上一层的输出求导则不是，还要乘上权重。
能推翻它的结果：σ(z) 对 z 的雅可比矩阵有非零的非对角元；或者 σ(Wh) 对 h 的雅可比矩阵是对角的。
"""

# %% diagonal
import torch
from torch.autograd.functional import jacobian

torch.manual_seed(0)
h = torch.randn(6)  # 上一层的输出 h^(t-1)
W = torch.randn(6, 6) / 6**0.5
z = W @ h  # 激活函数的输入


def is_diagonal(J):
    return torch.equal(J, torch.diag(torch.diag(J)))


J = {name: jacobian(f, z) for name, f in [("sigmoid", torch.sigmoid), ("tanh", torch.tanh), ("relu", torch.relu)]}
print("σ(z) 对 z 是对角矩阵：", {name: is_diagonal(value) for name, value in J.items()})
print("relu 的对角线：", torch.diag(J["relu"]).tolist())
assert all(map(is_diagonal, J.values()))
torch.testing.assert_close(torch.diag(J["tanh"]), 1 - torch.tanh(z) ** 2)  # 对角线就是逐元素的导数
assert set(torch.diag(J["relu"]).tolist()) == {0.0, 1.0}
assert not jacobian(torch.relu, torch.zeros(3)).any()  # 恰在 0 处，PyTorch 取 0

# %% times-weight
full = jacobian(lambda h: torch.tanh(W @ h), h)
print("σ(Wh) 对 h 是对角矩阵：", is_diagonal(full))
print("非零元的个数：", int((full != 0).sum()), "/", full.numel())

rectified = jacobian(lambda h: torch.relu(W @ h), h)
print("换成 relu：", ["W 的一行" if kept else "全是 0" for kept in (z > 0).tolist()])
assert not is_diagonal(full) and (full != 0).all() and not is_diagonal(rectified)
assert torch.equal(rectified, W * (z > 0)[:, None])
torch.testing.assert_close(full, torch.diag(1 - torch.tanh(z) ** 2) @ W)  # 对角矩阵 × W

# %% not-elementwise
softmax = jacobian(lambda z: torch.softmax(z, 0), z)
norm = jacobian(lambda z: torch.nn.functional.layer_norm(z, (6,)), z)
print("softmax 的雅可比矩阵是对角的：   ", is_diagonal(softmax))
print("layer_norm 的雅可比矩阵是对角的：", is_diagonal(norm))

p = torch.softmax(z, 0)
torch.testing.assert_close(softmax, torch.diag(p) - torch.outer(p, p))
assert not is_diagonal(softmax) and not is_diagonal(norm)

# %% pictures caption="每格是一个输出对一个输入的导数，颜色越远离中间绝对值越大。只有逐元素函数对自己的输入求导才只剩对角线；乘上权重、或者用 softmax，整个矩阵都不为零。"
import matplotlib.pyplot as plt

fig, axes = plt.subplots(1, 3, figsize=(5.2, 2.1))
panels = {"tanh(z) 对 z": J["tanh"], "tanh(Wh) 对 h": full, "softmax(z) 对 z": softmax}
for ax, (title, matrix) in zip(axes, panels.items()):
    bound = matrix.abs().max()
    ax.imshow(matrix, cmap="RdBu", vmin=-bound, vmax=bound)
    ax.set(title=title, xticks=[], yticks=[])
    ax.grid(False)
off = {title: int((m - torch.diag(torch.diag(m))).count_nonzero()) for title, m in panels.items()}
print("非零的非对角元：", off)
assert list(off.values()) == [0, 30, 30]

# %% never-built
n = 4096
big = torch.randn(n, requires_grad=True)
saved = []
with torch.autograd.graph.saved_tensors_hooks(lambda t: saved.append(t.numel()) or t, lambda t: t):
    out = torch.tanh(big)
v = torch.randn(n)
(grad,) = torch.autograd.grad(out, big, v)
x = h.clone().requires_grad_()
(back,) = torch.autograd.grad(torch.tanh(W @ x), x, v[:6])  # 一直传回上一层
torch.testing.assert_close(back, W.T @ ((1 - torch.tanh(z) ** 2) * v[:6]))
print(f"为反向留下 {sum(saved)} 个数；对角矩阵有 {n * n} 个")

assert sum(saved) == n  # 只留下了 tanh 的结果
torch.testing.assert_close(grad, v * (1 - torch.tanh(big) ** 2).detach())  # 乘对角矩阵 = 逐元素相乘
