"""转置卷积是什么？它能把卷积之前的内容还原出来吗？

要检验的说法：转置卷积把特征图放大回原图的大小，从而还原感受野里的内容。
能推翻它的结果：它不等于卷积矩阵的转置；或者它的结果与卷积之前的图一样（那它就真是逆运算）。
"""

# %% matrix
import torch
from torch.nn.functional import conv2d, conv_transpose2d, interpolate

torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
W = torch.randn(3, 2, 3, 3)  # 2 个输入通道，3 个输出通道
def forward(x):
    return conv2d(x.view(1, 2, 7, 7), W, stride=2, padding=1).flatten()
C = torch.autograd.functional.jacobian(forward, torch.zeros(98))  # 卷积是线性的，它的矩阵就是雅可比
x, y = torch.randn(98, requires_grad=True), torch.randn(48)  # y 有 3 × 4 × 4 个数
back = conv_transpose2d(y.view(1, 3, 4, 4), W, stride=2, padding=1).flatten()  # 同一个 W
(gradient,) = torch.autograd.grad(forward(x), x, y)
print("卷积的矩阵 C：", tuple(C.shape), "；转置卷积的输出：", tuple(back.shape))
print(f"与 Cᵀy 最多差 {(back - C.T @ y).abs().max():.6f}，与卷积反向传播的结果最多差 {(back - gradient).abs().max():.6f}")
print(f"⟨Cx, y⟩ = {forward(x) @ y:.6f}，⟨x, Cᵀy⟩ = {x @ back:.6f}")
patch = x.view(2, 7, 7)[:, 3:6, 3:6]  # 第 2 行第 2 列的输出看到的那一块，(2, 3, 3)
torch.testing.assert_close(forward(x).view(3, 4, 4)[:, 2, 2], (W * patch).sum((1, 2, 3)))  # 输出就是内积
torch.testing.assert_close(back, C.T @ y)
torch.testing.assert_close(back, gradient)
torch.testing.assert_close(forward(x) @ y, x @ back)
one = torch.zeros(1, 3, 4, 4)
one[0, 1, 2, 2] = 5.0  # 只有一个元素不是零
spread = conv_transpose2d(one, W, stride=2, padding=1)
torch.testing.assert_close(spread[0, :, 3:6, 3:6], 5 * W[1])  # 它的感受野里出现的就是卷积核，乘上这个数
assert spread.count_nonzero() == W[1].numel()

# %% zeros
def by_convolution(y, W, stride, padding):
    """行列之间插 stride - 1 个零，四周补零，再用翻转的核做普通卷积。"""
    n, c, h, w = y.shape
    wide = torch.zeros(n, c, (h - 1) * stride + 1, (w - 1) * stride + 1)
    wide[:, :, ::stride, ::stride] = y
    return conv2d(wide, W.flip(2, 3).transpose(0, 1), padding=W.shape[2] - 1 - padding)


checked, sizes = 0, {}
for k in range(1, 6):
    for stride in range(1, 4):
        for padding in range(k):
            if 4 * stride + k > 2 * padding:  # 输出不是空的
                W, y = torch.randn(3, 2, k, k), torch.randn(1, 3, 5, 5)
                out = conv_transpose2d(y, W, stride=stride, padding=padding)
                torch.testing.assert_close(by_convolution(y, W, stride, padding), out)
                checked, sizes[k, stride, padding] = checked + 1, out.shape[2]
smaller = [key for key, size in sizes.items() if size < 5]
print(f"{checked} 种核、步幅、填充，插零再卷积与转置卷积都相同")
print("输入 5×5，输出反而更小的（核，步幅，填充）：", *smaller)
assert checked > 40 and smaller and all(stride == 1 for _, stride, _ in smaller)

# %% shapes
W = torch.randn(1, 1, 3, 3)
for size in (7, 8):
    y = conv2d(torch.randn(1, 1, size, size), W, stride=2, padding=1)
    outs = [conv_transpose2d(y, W, stride=2, padding=1, output_padding=p).shape[2] for p in (0, 1)]
    print(f"{size}×{size} 卷积成 {y.shape[2]}×{y.shape[2]}，转置卷积回来：默认 {outs[0]}，output_padding=1 得 {outs[1]}")
    assert y.shape[2] == 4 and outs == [7, 8]
kept = conv2d(torch.randn(1, 1, 8, 8), W, padding=1)
print("填充 1 的 3×3 卷积：8×8 →", *kept.shape[2:], "；插值也能放大：4×4 →", *interpolate(y, size=(8, 8)).shape[2:])
assert kept.shape[2] == interpolate(y, size=(8, 8)).shape[2] == 8
try:
    conv_transpose2d(y, W, stride=2, padding=1, output_padding=2)
except RuntimeError as error:
    message = str(error)
print("报错：", message)
assert "output padding must be smaller than either stride or dilation" in message

# %% inverse caption="两种核，步幅 2。第一列是原图，第二列是卷积以后；第三列是同一个核的转置卷积：大小回来了，内容没有。第四列是伪逆（最小范数解），同样缺很多。"
import matplotlib.pyplot as plt
from sklearn.datasets import load_sample_image

photo = torch.tensor(load_sample_image("china.jpg") / 255).mean(2)[120:152, 300:332]  # 32×32 的屋檐
smooth, slope = torch.tensor([1.0, 2, 1]) / 4, torch.tensor([-1.0, 0, 1])
kernels = {"模糊": smooth.outer(smooth), "边缘": smooth.outer(slope)}
fig, axes = plt.subplots(2, 4, figsize=(5.2, 2.9), layout="constrained")
for row, (name, kernel) in zip(axes, kernels.items()):
    def conv(x):
        return conv2d(x.view(1, 1, 32, 32), kernel.view(1, 1, 3, 3), stride=2, padding=1).flatten()
    C = torch.autograd.functional.jacobian(conv, torch.zeros(1024))
    x, y = photo.flatten(), conv(photo)
    back, best = C.T @ y, torch.linalg.pinv(C) @ y  # Cᵀy 就是转置卷积
    def lost(z):
        return 1 - torch.corrcoef(torch.stack([z, x]))[0, 1].item() ** 2  # 就算替它选好亮度和对比度
    rank = torch.linalg.matrix_rank(C).item()
    print(f"{name}：原图 1024 个数，C 的秩 {rank}；没还原的方差：转置卷积 {lost(back):.0%}，伪逆 {lost(best):.0%}")
    torch.testing.assert_close(conv(best), y)  # 伪逆给的是另一张图，卷积之后却一模一样
    assert lost(back) > lost(best) > 0.02 and rank <= 256
    for ax, picture in zip(row, (x, y, back, best)):
        side = int(len(picture) ** 0.5)
        ax.imshow(picture.view(side, side), cmap="gray", interpolation="none"), ax.set(xticks=[], yticks=[])
    row[0].set_ylabel(name)
for ax, title in zip(axes[0], ("原图", "卷积后", "转置卷积", "伪逆")):
    ax.set_title(title)

# %% overlap caption="每个输出位置由几个输入元素相加而成（步幅 2）。3×3 的核除不尽步幅，次数 1、2、4 交替，成棋盘；4×4 的核除得尽，中间处处是 4。"
fig, axes = plt.subplots(1, 2, figsize=(5.2, 2.6), layout="constrained")
def count(k, stride, n=15):
    return conv_transpose2d(torch.ones(1, 1, n, n), torch.ones(1, 1, k, k), stride=stride)[0, 0]
for ax, k in zip(axes, (3, 4)):
    image = ax.imshow(count(k, 2, 6), vmin=0, vmax=4, interpolation="none")
    ax.grid(False)
    ax.set(title=f"{k}×{k} 的核：几个元素相加", xlabel="列", ylabel="行")
fig.colorbar(image, ax=axes)
for k in range(1, 9):
    for stride in range(1, 4):
        middle = count(k, stride)[k:-k, k:-k]  # 不看边上
        assert (middle.min() == middle.max()).item() == (k % stride == 0)
times = {k: count(k, 2)[k:-k, k:-k].unique().int().tolist() for k in (3, 4)}
print("步幅 2，中间各处是几个元素之和：3×3", times[3], "；4×4", times[4])

# %% orthogonal
haar = torch.tensor([[1.0, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]]).view(4, 1, 2, 2) / 2
features = conv2d(photo.view(1, 1, 32, 32), haar, stride=2)  # (1, 4, 16, 16)：大小减半，通道变 4 个
restored = conv_transpose2d(features, haar, stride=2)[0, 0]
print("4 个正交的 2×2 核，步幅 2：转置卷积与原图最多差", f"{(restored - photo).abs().max():.6f}")
torch.testing.assert_close(restored, photo)  # CᵀC = I，转置就是逆
dull = conv_transpose2d(conv2d(photo.view(1, 1, 32, 32), haar * 1.5, stride=2), haar * 1.5, stride=2)[0, 0]
assert not torch.allclose(dull, photo)  # 核不再是单位长度，转置就不是逆了
