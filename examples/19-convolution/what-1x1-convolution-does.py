"""1×1 卷积有什么用？

要检验的说法：它变换通道数、混合通道，放在大核之前能减少参数和计算量。
能推翻它的结果：它与每个像素上的 nn.Linear 不相等；它的输出依赖邻居；瓶颈总是（或从不）比直接卷积省。
"""

# %% linear
import torch
from sklearn.datasets import load_sample_image
from torch import nn

torch.manual_seed(0)
image = torch.tensor(load_sample_image("china.jpg")).double() / 255  # (H, W, 3)
photo = image.permute(2, 0, 1)[None, :, ::4, ::4]  # (1, 3, H, W)
conv, linear = nn.Conv2d(3, 8, kernel_size=1).double(), nn.Linear(3, 8).double()
linear.weight.data, linear.bias.data = conv.weight.data[:, :, 0, 0], conv.bias.data
out = conv(photo)
pixels = photo.permute(0, 2, 3, 1)  # (1, H, W, 3)：通道放到最后，nn.Linear 只看最后一维
print("形状：", tuple(photo.shape), "→", tuple(out.shape))
print("权重 (输出通道, 输入通道, 1, 1)：", tuple(conv.weight.shape))
torch.testing.assert_close(out, linear(pixels).permute(0, 3, 1, 2))
torch.testing.assert_close(out[0, 5], (conv.weight[5] * photo[0]).sum(0) + conv.bias[5])  # 通道的加权和
torch.testing.assert_close(conv(photo[..., :1, :1]).flatten(), linear(photo[0, :, 0, 0]))  # 只剩一个像素
whole = nn.Linear(photo.numel(), out.numel(), device="meta").weight.numel()
print(f"1×1 卷积的参数 {sum(p.numel() for p in conv.parameters())} 个；整幅图的全连接要 {whole:.0e} 个")
assert out.shape[2:] == photo.shape[2:] and conv.weight.shape == (8, 3, 1, 1) and whole > 1e9

# %% neighbours caption="中间一个输出像素对输入各处的梯度（绝对值，各通道之和）。1×1 只依赖自己这一个像素，接多少层都一样；3×3 依赖 9 个，两层 3×3 依赖 25 个。"
import matplotlib.pyplot as plt

stacks = {"三层 1×1": [1, 1, 1], "一层 3×3": [3], "两层 3×3": [3, 3]}
fig, axes = plt.subplots(1, 3, figsize=(5.2, 2.1), layout="constrained")
for ax, (name, kernels) in zip(axes, stacks.items()):
    net = nn.Sequential(*[m for k in kernels for m in (nn.Conv2d(16, 16, k, padding=k // 2), nn.GELU())])
    X = torch.randn(1, 16, 9, 9, requires_grad=True)
    (grad,) = torch.autograd.grad(net(X)[0, :, 4, 4].sum(), X)
    seen = grad.abs().sum((0, 1))
    ax.imshow(seen, cmap="magma")
    ax.grid(False)
    ax.set(title=name, xlabel="列", ylabel="行", xticks=(0, 4, 8), yticks=(0, 4, 8))
    print(f"{name}：依赖 {seen.count_nonzero()} 个像素、{grad[0, :, 4, 4].count_nonzero()} 个通道")
    assert seen.count_nonzero() == (1 + sum(k - 1 for k in kernels)) ** 2
    assert grad[0, :, 4, 4].count_nonzero() == 16

# %% bottleneck caption="256 个通道、14×14 的特征图。先降到 r 个通道、做 3×3、再升回来：r 小时省很多；r 超过通道数的约九成，反而比直接做 3×3 贵。"
from torch.utils.flop_counter import FlopCounterMode

C = 256


def cost(*layers):
    """几层（输入通道, 输出通道, 核）的参数个数与 MFLOPs；meta 设备上只有形状。"""
    net = nn.Sequential(*(nn.Conv2d(a, b, k, padding=k // 2, bias=False) for a, b, k in layers)).to("meta")
    with FlopCounterMode(display=False) as counter:
        net(torch.empty(1, layers[0][0], 14, 14, device="meta"))
    return sum(p.numel() for p in net.parameters()), counter.get_total_flops() / 1e6


rs = (16, 32, 64, 128, 192, 224, 240, 256)
direct, bottleneck = cost((C, C, 3)), [cost((C, r, 1), (r, r, 3), (r, C, 1)) for r in rs]
print("直接 3×3：参数 {:,}，{:.0f} MFLOPs".format(*direct))
print("降到 64 的瓶颈：参数 {:,}，{:.0f} MFLOPs".format(*bottleneck[2]))
for k in (1, 3, 5):
    limit = max(r for r in range(1, C) if 2 * C * r + r * r * k * k < C * C * k * k)
    only = max(r for r in range(1, C) if C * r + k * k * r * C < C * C * k * k)  # 只降不升
    print(f"{k}×{k}：r 至多 {limit} 才省，是通道数的 {limit / C:.2f}；只降不升，至多 {only}")
fig, ax = plt.subplots(figsize=(5.2, 2.7))
ax.plot(rs, [f for _, f in bottleneck], "o-", label="1×1 → 3×3 → 1×1")
ax.axhline(direct[1], color="C1", linestyle="--", label="直接 3×3")
ax.set(title="瓶颈什么时候省", xlabel="中间的通道数 r", ylabel="MFLOPs")
ax.legend()
assert bottleneck[2][0] * 8 < direct[0] and bottleneck[2][1] * 8 < direct[1]
assert [b[1] < direct[1] for b in bottleneck] == [r <= 229 for r in rs]
assert cost((C, 230, 1), (230, C, 3))[0] < direct[0] < cost((C, 231, 1), (231, C, 3))[0]  # 只降不升的门槛

# %% collapse
down, wide = nn.Conv2d(64, 8, 1).double(), nn.Conv2d(8, 64, 3, padding=1, bias=False).double()
merged = nn.Conv2d(64, 64, 3, padding=1).double()  # 把两层乘成一层
merged.weight.data = torch.einsum("orhw,ri->oihw", wide.weight, down.weight[:, :, 0, 0]).detach()
merged.bias.data = torch.einsum("orhw,r->o", wide.weight, down.bias).detach()
X = torch.randn(2, 64, 10, 10).double()
two, one, between = wide(down(X)), merged(X), wide(down(X).relu())
inner = (..., slice(1, -1), slice(1, -1))  # 边界上填充的 0 没有经过 1×1 的偏置
ranks = [torch.linalg.matrix_rank(W.transpose(0, 1).flatten(1)).item()
         for W in (merged.weight, nn.Conv2d(64, 64, 3).weight)]  # (输入通道, 输出通道 × 9)
print("没有激活：两层 = 一层 3×3（边界以内）：", torch.allclose(two[inner], one[inner]))
print("中间有 ReLU：", torch.allclose(between[inner], one[inner]))
print("输入通道方向上的秩：合并出来的", ranks[0], "，任意的 3×3", ranks[1])
torch.testing.assert_close(two[inner], one[inner])
down.bias.data.zero_(), merged.bias.data.zero_()
torch.testing.assert_close(wide(down(X)), merged(X))  # 没有偏置，处处相等
assert ranks == [8, 64] and not torch.allclose(two, one)  # 边界不同
assert not torch.allclose(between[inner], one[inner], atol=0.1)

# %% redundancy caption="用 1×1 把 64 个通道降到 r 个，至多能保留多少方差。照片上的特征（64 个随机的 7×7 滤波器加 ReLU）彼此很像，很少几个通道就保留了大部分；滤波器不看亮度时（点划线）少得多；对照是互相独立的噪声，降掉多少就丢多少。"
filters = torch.randn(64, 3, 7, 7).double()
flat = filters - filters.mean((1, 2, 3), keepdim=True)  # 均匀的一片得 0：不看亮度
features, contrast = (nn.functional.conv2d(image.permute(2, 0, 1)[None] - image.mean(), K, stride=4)
                      .relu()[0].flatten(1).T for K in (filters, flat))  # (像素, 64)
kept = {}
for name, A in (("照片的特征", features), ("不看亮度", contrast), ("独立的噪声", torch.randn_like(features))):
    values = torch.linalg.eigvalsh(torch.cov(A.T)).flip(0)  # 最好的 1×1 就是前 r 个主成分
    kept[name] = values.cumsum(0) / values.sum() * 100
    print(name, "降到 r 个通道，保留的方差 %：", {r: round(kept[name][r - 1].item()) for r in (2, 8, 16, 32)})
fig, ax = plt.subplots(figsize=(5.2, 2.7))
for (name, curve), style in zip(kept.items(), ("-", "-.", "--")):
    ax.plot(range(1, 65), curve, style, label=name)
ax.set(title="64 个通道里有多少是重复的", xlabel="保留的通道数 r", ylabel="保留的方差 %")
ax.legend()
assert kept["照片的特征"][7] > 85 and 50 < kept["不看亮度"][7] < 75 and kept["独立的噪声"][7] < 20
