"""为什么要把权重变形、重新索引？卷积层是特殊的全连接层吗？

要检验的说法：全连接层的权重换个写法，再加上“共享”与“局部”两个限制，就是卷积层。
能推翻它的结果：任何一步的输出与 nn.Linear、nn.Conv2d 对不上；卷积写不成一个矩阵；或者限制去掉一个，参数一样少。
"""

# %% reindex
import torch
from torch import nn
from torch.nn.functional import conv2d, pad

torch.manual_seed(0)
n, far = 8, 7  # 8×8 的图，偏移量 a、b 最远是 ±7
X, dense = torch.randn(n, n, dtype=torch.float64), nn.Linear(n * n, n * n, bias=False).double()
W = dense.weight.detach().view(n, n, n, n)  # (64, 64) → (i, j, k, l)，存储没有动
V = torch.stack([torch.stack([  # 重新索引：V[i, j, a, b] = W[i, j, i + a, j + b]，图外的补 0
    pad(W[i, j], (far, far, far, far))[i : i + 15, j : j + 15] for j in range(n)]) for i in range(n)])


def apply(V, X):
    """每个输出位置 (i, j) 用自己的一份权重 V[i, j]，看以 (i, j) 为中心的窗口。"""
    windows = pad(X, (far, far, far, far)).unfold(0, 15, 1).unfold(1, 15, 1)  # (i, j, a, b)
    return (V * windows).sum((2, 3))


outs = dense(X.flatten()).view(n, n).detach(), torch.einsum("ijkl,kl->ij", W, X), apply(V, X)
print("nn.Linear、四维的 W、重新索引的 V，输出的最大差别 < 1e-12：",
      max((outs[0] - o).abs().max() for o in outs).item() < 1e-12)
print("不为 0 的权重：", W.count_nonzero().item(), "→", V.count_nonzero().item())
torch.testing.assert_close((outs[0], outs[0]), (outs[1], outs[2]))
assert W.data_ptr() == dense.weight.data_ptr() and W.count_nonzero() == V.count_nonzero() == n**4

# %% constraints
local = torch.zeros(15, 15, dtype=torch.bool)
local[6:9, 6:9] = True  # 只看上下左右各 1 个像素
v = torch.randn(15, 15, dtype=torch.float64)  # 一份权重，所有位置共用
shared, both = v.expand(n, n, 15, 15), (v * local).expand(n, n, 15, 15)
inside = V != 0  # 图内的窗口
print("全连接：           ", inside.sum().item(), "个参数")
print("只限制局部：       ", (inside & local).sum().item())
print("只限制各处共享：   ", v.numel())
print("两个限制都加上：   ", local.sum().item())
torch.testing.assert_close(apply(shared, X), conv2d(X[None], v[None, None], padding=far)[0])
conv = nn.Conv2d(1, 1, 3, padding=1, bias=False).double()
conv.weight.data[0, 0] = v[6:9, 6:9]
torch.testing.assert_close(apply(both, X), conv(X[None])[0].detach())
assert (inside & local).sum() > v.numel() > conv.weight.numel() == local.sum()

big = nn.Linear(3 * 32 * 32, 16 * 32 * 32, bias=False, device="meta").weight.numel()  # meta：只有形状，不占内存
small = nn.Conv2d(3, 16, 3, padding=1, bias=False).weight.numel()
print(f"32×32 的彩色图到 16 个通道：全连接 {big:,}，3×3 卷积 {small:,}")
assert big > 100_000 * small

# %% matrix caption="左：全连接层的权重矩阵，每个元素自由。右：同样大小的 3×3 卷积的矩阵。它由 8×8 个小块组成，小块沿对角线重复，块内也沿对角线重复；其余全是 0。"
import matplotlib.pyplot as plt

M = conv(torch.eye(64, dtype=torch.float64).view(64, 1, n, n)).detach().view(64, 64).T  # 逐个输入单位向量
torch.testing.assert_close(M @ X.flatten(), conv(X[None]).detach().flatten())
blocks = M.view(n, n, n, n).transpose(1, 2)  # (块行, 块列, 8, 8)
toeplitz = all(torch.equal(A[1:, 1:], A[:-1, :-1]) for A in [blocks, *blocks.flatten(0, 1)])
print("矩阵 64×64：不为 0 的占", f"{M.count_nonzero().item() / 64**2:.0%}，不同的值有", len(M[M != 0].unique()), "个")
print("块沿对角线重复，块内也沿对角线重复：", toeplitz)
fig, axes = plt.subplots(1, 2, figsize=(5.2, 2.8), layout="constrained")
for ax, A, name in zip(axes, (dense.weight.detach(), M), ("全连接", "3×3 卷积")):
    ax.imshow(A, cmap="RdBu_r", vmin=-A.abs().max(), vmax=A.abs().max(), interpolation="none")
    ax.grid(False)
    ax.set(title=name, xlabel="输入像素", ylabel="输出像素")
assert toeplitz and len(M[M != 0].unique()) == 9

# %% limits
whole = nn.Conv2d(1, 64, n, bias=False).double()  # 核与图一样大，不填充
whole.weight.data = dense.weight.detach().view(64, 1, n, n).clone()
torch.testing.assert_close(whole(X[None]).flatten(), dense(X.flatten()))
free = nn.Linear(64, 64, bias=False).double()
free.weight.data = M.clone()  # 从卷积出发的全连接层
(free(X.flatten()) ** 2).sum().backward()
moved = M - 0.01 * free.weight.grad  # 一步梯度下降
conv(X[None]).square().sum().backward()
tied = torch.stack([free.weight.grad[M == value].sum() for value in conv.weight.detach().flatten()])
print("一步之后，矩阵里不同的非零值：", len(M[M != 0].unique()), "→", len(moved[moved != 0].unique()))
print("卷积核的梯度 = 共享同一权重的各处梯度之和：", torch.allclose(tied, conv.weight.grad.flatten()))
print("同一个卷积用在 20×20 的图上，输出", tuple(conv(torch.randn(1, 20, 20).double()).shape[1:]))
try:
    dense(torch.randn(400).double())
except RuntimeError as error:
    message = str(error)
    print("全连接层：", message)
assert len(moved[moved != 0].unique()) > 4000 and "shapes cannot be multiplied" in message
torch.testing.assert_close(tied, conv.weight.grad.flatten())

# %% flip
from scipy.signal import convolve2d, correlate2d

K, out = conv.weight.detach()[0, 0], conv(X[None])[0].detach()
cross, true = (torch.tensor(f(X, K, mode="same")) for f in (correlate2d, convolve2d))
print("conv2d = 互相关：", torch.allclose(out, cross), "，= 数学上的卷积：", torch.allclose(out, true))
turned = conv2d(X[None, None], K.flip(0, 1)[None, None], padding=1)[0, 0]
print("核上下左右翻转以后 = 数学上的卷积：", torch.allclose(turned, true))
torch.testing.assert_close(out, cross)
assert torch.allclose(turned, true) and not torch.allclose(out, true, atol=0.1)

# %% shift caption="真实的照片移动 s 个像素之后再卷积，与先卷积再移动相比，差了多少。循环填充、步幅 1 时完全一样；补 0 时边界上有差别；步幅 2 时，移动奇数个像素就对不上。"
from sklearn.datasets import load_sample_image

photo = torch.tensor(load_sample_image("china.jpg"), dtype=torch.float64).mean(2)[::4, ::4][:96, :160] / 255
errors = {}
for name, mode, stride in (("循环填充", "circular", 1), ("补 0", "constant", 1), ("循环填充，步幅 2", "circular", 2)):
    moved = torch.stack([photo.roll(s, 1) for s in range(9)])[:, None]  # 移动 0 到 8 个像素 (9, 1, H, W)
    outs = conv2d(pad(moved, (1, 1, 1, 1), mode=mode), K[None, None], stride=stride)[:, 0]
    errors[name] = [min((outs[s] - outs[0].roll(r, 1)).norm() / outs[0].norm() for r in range(s + 1)).item()
                    for s in range(9)]  # 与移动了 r 格的输出比，取最接近的 r
    if name == "补 0":
        torch.testing.assert_close(outs[4][:, 6:-1], outs[0][:, 2:-5])  # 除了边界，处处相等
fig, ax = plt.subplots(figsize=(5.2, 2.8))
for (name, error), style in zip(errors.items(), ("o-", "s--", "^:")):
    ax.plot(error, style, label=name)
ax.set(title="先移动再卷积，与先卷积再移动的差别", xlabel="移动的像素数 s", ylabel="相对误差", ylim=(-0.02, 0.4))
ax.legend(loc="upper right", ncols=2)
assert max(errors["循环填充"]) < 1e-12 and min(errors["补 0"][1:]) > 0.01
strided = errors["循环填充，步幅 2"]
assert max(strided[::2]) < 1e-12 and min(strided[1::2]) > 0.02
