"""上采样：转置卷积和插值哪个更好？

要检验的说法：转置卷积可以实现插值，还能学到更多，所以更好；它会带来棋盘格。
能推翻它的结果：没有哪个核能凑出双线性插值；或者学出来的核到了另一张照片上总是比固定的插值好；或者学出来的核放大常数图和斜坡都没有格子。
"""

# %% bilinear
import torch
from sklearn.datasets import load_sample_images
from torch.nn import functional as F

images = load_sample_images().images  # china 与 flower
photos = [torch.tensor(image / 255).float().mean(2)[None, None, :426] for image in images]  # 灰度，(1, 1, 426, 640)
small = [F.avg_pool2d(photo, 2) for photo in photos]  # (1, 1, 213, 320)

def upsample(X, mode):
    return F.interpolate(X, scale_factor=2, mode=mode, align_corners=False)
tent = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 4
kernel = (tent.view(-1, 1) * tent).view(1, 1, 4, 4)
by_conv, oracle = F.conv_transpose2d(small[0], kernel, stride=2, padding=1), upsample(small[0], "bilinear")
padded = F.conv_transpose2d(F.pad(small[0], [1] * 4, mode="replicate"), kernel, stride=2, padding=3)
gap = (by_conv - oracle).abs()
print(f"与 F.interpolate 的差：内部不到 1e-5 {bool(gap[..., 1:-1, 1:-1].max() < 1e-5)}，最外一圈最大 {gap.max():.2f}")
print("先复制一圈边再做，处处相同：", torch.allclose(padded, oracle, atol=1e-5))
torch.testing.assert_close(by_conv[..., 1:-1, 1:-1], oracle[..., 1:-1, 1:-1])
torch.testing.assert_close(padded, oracle)
assert gap.max() > 0.2 and by_conv.shape[2:] == (426, 640)

# %% learn
def crop(images):
    return images[0, :, 8:-8, 8:-8].flatten(1)  # 去掉边，(通道, 像素)

def transposed(X, k):
    """输出对核是线性的：第 j 列是只有第 j 个权重为 1 时的输出，(像素, k·k)。"""
    basis = torch.eye(k * k).view(1, k * k, k, k)
    return crop(F.conv_transpose2d(X, basis, stride=2, padding=(k - 1) // 2, output_padding=k % 2)).T

def bilinear_conv(X, k):
    """先双线性插值，再做一次 k×k 卷积。"""
    return crop(F.conv2d(upsample(X, "bilinear"), torch.eye(k * k).view(k * k, 1, k, k), padding=k // 2)).T

methods = {"转置卷积 k=4": (transposed, 4), "转置卷积 k=6": (transposed, 6), "双线性再卷积": (bilinear_conv, 3)}
target, learned, output = [crop(photo).T for photo in photos], {}, {}
for name, i in [(name, i) for name in methods for i in range(2)]:
    method, k = methods[name]
    A, y = method(small[i], k).double(), target[i].double()  # 在第 i 张照片上学
    learned[name, i] = torch.linalg.solve(A.T @ A, A.T @ y).float()  # 最小二乘：训练误差最小的核
    output |= {(name, i, j): method(small[j], k) @ learned[name, i] for j in range(2)}  # 用到第 j 张上
    assert (A.T @ (A @ learned[name, i].double() - y)).abs().max() / len(y) < 1e-6  # 梯度为 0，再训练也不会更好

# %% compare caption="比固定的双线性插值高多少分贝（大于 0 是更好）。左：在学习用的那张照片上，学出来的总是更好，k=6 最好。右：换一张照片，k=4 的转置卷积在 china 上学、用到 flower 上反而不如双线性；学出来的三种里，先双线性再卷积最好；不用学的双三次在 flower 上还要好。"
import matplotlib.pyplot as plt

def psnr(image, j):
    return -10 * torch.log10((image - target[j]).square().mean()).item()
base = [psnr(crop(upsample(X, "bilinear")).T, j) for j, X in enumerate(small)]
cubic = [psnr(crop(upsample(X, "bicubic")).T, j) - base[j] for j, X in enumerate(small)]
gain = {key: psnr(out, key[2]) - base[key[2]] for key, out in output.items()}
fig, axes = plt.subplots(1, 2, figsize=(5.2, 2.8), layout="constrained", sharey=True)
for ax, same, title in ((axes[0], True, "同一张照片"), (axes[1], False, "另一张照片")):
    rows = {name: [gain[name, i, i if same else 1 - i] for i in range(2)] for name in methods}
    rows["双三次插值（不学）"] = cubic if same else cubic[::-1]
    for i, (source, mark) in enumerate((("在 china 上学", "o"), ("在 flower 上学", "s"))):
        ax.plot([v[i] for v in rows.values()], range(4), mark, label=source)
    ax.axvline(0, linestyle="--", color="C3")
    ax.set(title=title, xlabel="比双线性高（dB）", yticks=range(4), yticklabels=list(rows), ylim=(3.5, -0.5))
    print(title + "：", {name: [round(v, 2) for v in values] for name, values in rows.items()})
axes[1].legend(fontsize=7)
assert all(gain[name, i, i] > 0.2 for name in methods for i in range(2))
assert gain["转置卷积 k=4", 0, 1] < -0.05 and gain["转置卷积 k=4", 1, 0] > 0.2
assert all(gain["双线性再卷积", i, 1 - i] > gain["转置卷积 k=6", i, 1 - i] + 0.03 for i in range(2))

# %% contain
merged = F.conv_transpose2d(kernel, learned["双线性再卷积", 0].view(1, 1, 3, 3).flip(2, 3))  # 两个核合成一个 6×6 的
same = transposed(small[1], 6) @ merged.view(36, 1)
torch.testing.assert_close(same, output["双线性再卷积", 0, 1], rtol=0, atol=1e-5)
print(f"“双线性，再 3×3 卷积”合成一个 k=6 的转置卷积，输出相同；核的大小 {tuple(merged.shape[2:])}")

def blocks(name, i):
    """另一张照片切成 10×12 块，每块的 PSNR。"""
    error = (output[name, i, 1 - i] - target[1 - i]).square().view(10, 41, 12, 52)
    return -10 * error.mean((1, 3)).log10().flatten()

for i, source in enumerate(("china", "flower")):
    gap = blocks("双线性再卷积", i) - blocks("转置卷积 k=6", i)
    print(f"在 {source} 上学：比 k=6 好 {gap.mean():.2f} ± {gap.std() / 120**0.5:.2f} dB（120 块，一块算一个样本）")
    assert gap.mean() > 4 * gap.std() / 120**0.5
assert all(gain["转置卷积 k=6", i, i] > gain["双线性再卷积", i, i] for i in range(2))

# %% start
A, y = transposed(small[1], 4).double(), target[1].double()
H, b, scale = A.T @ A / len(y), A.T @ y / len(y), (y**2).mean()
torch.manual_seed(0)
lr = 1 / torch.linalg.eigvalsh(H)[-1]  # 由曲率算出，对任何初始值都一样
starts, trace = {"双线性": kernel}, {}
starts |= {f"随机 {i}": torch.nn.ConvTranspose2d(1, 1, 4).weight.detach() for i in range(5)}
for name in starts:
    w, trace[name] = starts[name].view(16, 1).double(), []
    for step in range(1001):
        if step in (0, 10, 100, 1000):
            trace[name].append(-10 * torch.log10((w.T @ H @ w - 2 * w.T @ b + scale)[0, 0]).item())
        w = w - lr * (H @ w - b)
    print(f"从{name}出发，第 0、10、100、1000 步的 PSNR：", [round(v, 1) for v in trace[name]])
assert abs(trace["双线性"][0] - base[1]) < 1e-2 and trace["双线性"][1] > trace["双线性"][0]
assert all(trace["双线性"][2] > trace[name][2] + 0.5 for name in starts if name != "双线性")
assert all(abs(trace["双线性"][3] - trace[name][3]) < 0.2 for name in starts)

# %% checkerboard caption="china 的一小块，放大 2 倍。左：3×3 的平均核，每个像素被覆盖 1、2 或 4 次，出现格子。中：4×4 的默认随机核，覆盖次数处处相同，格子照样有。右：在 china 上学出来的 4×4 核，明暗相间的格子没有了，斜的边上还看得出 2×2 的小块。"
def grids(w, k):
    """放大常数图：四种位置（行列的奇偶）的相对差别；放大斜坡：相邻两步的相对差别。没有棋盘格时都是 0。"""
    ramp = torch.arange(12.0).expand(1, 1, 12, 12)
    flat, slope = (F.conv_transpose2d(X, w.view(1, 1, k, k), stride=2)[0, 0, k:-k, k:-k] for X in (ramp * 0 + 1, ramp))
    phases = torch.stack([flat[i::2, j::2].mean() for i in (0, 1) for j in (0, 1)])
    a, b = (slope.diff(dim=1)[:, i::2].mean() for i in (0, 1))
    return (phases.std() / phases.abs().mean()).item(), ((a - b) / (a + b)).abs().item()
A = transposed(small[0], 3)
shown = {"平均核 3×3": (torch.ones(9) / 2.25, 3), "随机核 4×4": (starts["随机 0"], 4), "双线性 4×4": (kernel, 4),
         "双线性再卷积": (merged, 6), "学到的 3×3": (torch.linalg.solve(A.T @ A, A.T @ target[0]), 3)}
shown |= {f"学到的 {k}×{k}": (learned[f"转置卷积 k={k}", 0], k) for k in (4, 6)}
fig, axes = plt.subplots(1, 3, figsize=(5.2, 2.1), layout="constrained")
for ax, name in zip(axes, ("平均核 3×3", "随机核 4×4", "学到的 4×4")):
    w, k = shown[name]
    patch = F.conv_transpose2d(small[0][..., 60:78, 100:118], w.view(1, 1, k, k), stride=2, padding=1)
    ax.imshow(patch[0, 0, 2:-2, 2:-2], cmap="gray", interpolation="none")
    ax.set(title=name, xticks=[], yticks=[])
flat, slope = ({name: round(grids(*w)[i], 2) for name, w in shown.items()} for i in (0, 1))
print("放大常数图，四种位置的差别：", flat, "\n放大斜坡，相邻两步的差别：", {name: slope[name] for name in list(shown)[2:]})
assert flat["平均核 3×3"] > 0.3 and all(grids(starts[f"随机 {i}"], 4)[0] > 0.3 for i in range(5))  # 整除也不保证
assert all(flat[name] < 0.01 > slope[name] for name in ("双线性 4×4", "双线性再卷积"))
assert all(flat[f"学到的 {k}×{k}"] < 0.01 for k in (3, 4, 6)) and min(slope["学到的 3×3"], slope["学到的 4×4"]) > 0.5
