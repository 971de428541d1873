"""池化层的作用是什么？为什么用得越来越少？

要检验的说法：池化减少计算量、减轻对位置的敏感；步幅卷积可以替代它，数据增广淡化了它。
能推翻它的结果：后面的层计算量不变；平移后池化的特征改变得不比步幅采样少；增广后移动测试图，仍是池化掉分最少。
"""
# %% cost
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

flops = {}
for name, stride, down in (("不下采样", 1, nn.Identity()), ("池化，步幅 1", 1, nn.MaxPool2d(3, stride=1, padding=1)),
                           ("池化，步幅 2", 1, nn.MaxPool2d(2)), ("卷积，步幅 2", 2, nn.Identity())):
    net = nn.Sequential(nn.Conv2d(3, 32, 3, stride, 1), down, nn.Conv2d(32, 64, 3, padding=1))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net(torch.zeros(1, 3, 32, 32))
    counts = counter.get_flop_counts()
    flops[name] = [sum(counts[f"Sequential.{i}"].values()) / 1e6 for i in (0, 2)]
    print(f"{name}：第一层卷积 {flops[name][0]:.2f}，第二层 {flops[name][1]:.2f}（百万次）")
none, keep, pooled, strided = flops.values()
assert pooled[1] == strided[1] == none[1] / 4 and keep == none  # 省下的是后面的层；步幅为 1 则什么也不省
assert pooled[0] == none[0] and strided[0] == none[0] / 4  # 步幅放在卷积上，这一层自己也省

# %% layers
from torch.nn.functional import avg_pool2d, conv2d, cross_entropy, max_pool2d, pad

torch.manual_seed(0)
a, b = torch.randn(2, 5, 8, 8)
kernel = torch.full((5, 1, 2, 2), 1 / 4)  # 每个通道一个 2×2 的核，值固定
torch.testing.assert_close(avg_pool2d(a, 2), conv2d(a, kernel, stride=2, groups=5))
linear = (max_pool2d(a + b, 2) - max_pool2d(a, 2) - max_pool2d(b, 2)).abs().max()
print(f"最大池化不是线性的：max(a+b) 与 max(a)+max(b) 最多相差 {linear:.2f}")
assert linear > 0.1  # 所以没有哪个卷积等于最大池化
try:
    nn.MaxPool2d(2)(torch.zeros(1, 16, 1, 1))  # 特征图已经比窗口小
except RuntimeError as error:
    message = str(error)
print("RuntimeError:", message)
assert "Output size is too small" in message
# %% shift caption="china.jpg 里的 300 块，取景框移动几个像素后，特征改变了多少（0 是不变）。两种池化都改变得少一些，但移动一个像素就已改变一半以上。"
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits, load_sample_images

photo = torch.tensor(load_sample_images().images[0], dtype=torch.float32).mean(2) / 255  # (427, 640)
corners = [(torch.randint(395, ()).item(), torch.randint(600, ()).item()) for _ in range(300)]
K = torch.randn(32, 1, 3, 3)
K -= K.mean((2, 3), keepdim=True)  # 随机的核，只看明暗的差别
maps = [conv2d(torch.stack([photo[i : i + 32, j + s : j + s + 32] for i, j in corners])[:, None], K).relu()
        for s in range(7)]  # 取景框移动 0 到 6 个像素
downs = {"步幅 2": lambda h, _: h[..., ::2, ::2], "平均池化": avg_pool2d, "最大池化": max_pool2d}
small = {name: [down(h, 2) for h in maps] for name, down in downs.items()}
change = {name: torch.stack([(h - hs[0]).norm() / hs[0].norm() for h in hs]) for name, hs in small.items()}
fig, ax = plt.subplots(figsize=(5.2, 2.7))
for (name, values), style in zip(change.items(), ("s--", "^:", "o-")):
    ax.plot(values, style, label=name)
ax.set(title="取景框移动后，特征改变了多少", xlabel="移动的像素数", ylabel="相对改变")
ax.legend(loc="lower right")
print("移动 1 个像素：", {name: round(v[1].item(), 2) for name, v in change.items()})
assert (torch.maximum(change["最大池化"], change["平均池化"])[1:] < 0.9 * change["步幅 2"][1:]).all()
assert change["最大池化"][1] > 0.4 and change["平均池化"][1] > 0.4  # 少了，但远不是不变

# %% equivariant
for name, hs in small.items():  # 移动 s 个像素后的特征，是不是原来的特征整格移动的结果？
    apart = [[(hs[s][..., :10] - hs[0][..., k : k + 10]).norm() for k in range(4)] for s in range(1, 5)]
    moved = torch.tensor(apart).amin(1) / hs[0].norm()
    print(f"{name}：移动 1 到 4 个像素，与最像的整格移动相差", [round(v, 2) for v in moved.tolist()])
    torch.testing.assert_close(hs[2][..., :-1], hs[0][..., 1:])  # 步幅的整数倍：整格移动，一点不差
    assert moved[0] > 0.3 and moved[2] > 0.3  # 奇数个像素：取到的是别的位置

# %% train
data, seeds, num_steps = load_digits(), 5, 400
order = torch.randperm(1797, generator=torch.Generator().manual_seed(0))
images, y = torch.tensor(data.images, dtype=torch.float32)[order] / 16, torch.tensor(data.target)[order]
images = pad(images, (6, 6, 6, 6))
def place(dy, dx):
    return images[:, 4 - dy : 16 - dy, 4 - dx : 16 - dx]  # 12×12 的画布，数字离正中 (dy, dx)
shifted = torch.stack([place(dy, dx) for dy in range(-2, 3) for dx in range(-2, 3)])  # 第 12 个是正中

def train(augment, lr, strides, *pool):
    torch.manual_seed(0)
    net = nn.Sequential()
    for stride in strides:
        conv = nn.Conv2d(seeds * (8 if len(net) else 1), seeds * 8, 3, stride, 1, groups=seeds)
        nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
        net.extend([conv, nn.ReLU(), *pool])  # 每个种子一组通道，互不相干
    net.append(nn.Conv2d(seeds * 8, seeds * 10, 3, groups=seeds))  # 3×3 的特征图 → 10 类
    optimizer = torch.optim.Adam(net.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=num_steps)
    for _ in range(num_steps):
        i, where = torch.randint(1000, (32, seeds)), torch.randint(25, (32, seeds)) if augment else 12
        loss = cross_entropy(net(shifted[where, i]).view(-1, 10), y[i].flatten()) * seeds
        optimizer.zero_grad(), loss.backward(), optimizer.step(), schedule.step()
    return net

# %% robust caption="5 个种子的平均与范围。训练图都在正中时（左），测试图移动一个像素就认错许多，池化挽回一部分，步幅卷积不能。训练时随机平移 2 个像素以内（右），移动一个像素几乎不掉分，两个也只掉几个百分点。"
@torch.no_grad()
def accuracy(net, k):  # 测试图向四个方向移动 k 个像素，返回 (种子,)
    moved = torch.cat([place(*at)[1300:] for at in ((k, 0), (-k, 0), (0, k), (0, -k))])[:, None]
    guess = net(moved.expand(-1, seeds, -1, -1)).view(4, 497, seeds, 10).argmax(3)
    return (guess == y[1300:, None]).float().mean((0, 1)) * 100

arms = {"最大池化": (0.04, (1, 1), nn.MaxPool2d(2)), "换成步幅卷积": (0.02, (1, 2, 1, 2)), "步幅改成 2": (0.04, (2, 2))}
scores = {}  # 学习率在验证集（第 1000 到 1299 张，正中）上从 0.01 到 0.08 里选，平手取大的；右图沿用
fig, axes = plt.subplots(1, 2, figsize=(5.2, 2.9), sharey=True, layout="constrained")
for ax, title in zip(axes, ("训练图都在正中", "训练时随机平移")):
    for (kind, arm), style in zip(arms.items(), ("o-", "s--", "^:")):
        net = train(title == "训练时随机平移", *arm)
        scores[title, kind] = v = torch.stack([accuracy(net, k) for k in range(4)])
        ax.plot(v.mean(1), style, label=kind)
        ax.fill_between(range(4), v.amin(1), v.amax(1), alpha=0.2)
        print(f"{title}，{kind}：正中 {v[0].mean():.1f}，移动一个像素 {v[1].mean():.1f} ± {v[1].std():.1f}")
    ax.set(title=title, xlabel="测试图移动的像素数", xticks=range(4))
axes[0].set_ylabel("测试正确率 %"), axes[1].legend(loc="lower left", fontsize=7)
centre, moved = (torch.stack([v[k].mean() for v in scores.values()]).view(2, 3) for k in (0, 1))
assert centre[0].max() - centre[0].min() < 2  # 都在正中：不分高下
assert moved[0, 0] > moved[0, 1:].max() + 6 and moved[0, 0] < centre[0, 0] - 20  # 池化挽回一部分
assert (centre[1] - moved[1] < 5).all() and (centre[0] - moved[0] > 20).all()  # 增广以后谁都不再掉分
assert all(v[3].mean() < v[2].mean() - 15 for (title, _), v in scores.items() if title == "训练时随机平移")

# %% models
from torchvision import models
counts = {}
for name in ("alexnet", "vgg16", "resnet50", "mobilenet_v2", "convnext_tiny"):  # 2012、2014、2015、2018、2022 年
    with torch.device("meta"):  # 只要结构，不分配权重
        halving = [m for m in models.get_model(name).modules() if getattr(m, "stride", 1) not in (1, (1, 1))]
    counts[name] = [sum(isinstance(m, kind) for m in halving) for kind in (nn.MaxPool2d, nn.Conv2d)]
    print(f"{name}：下采样的池化 {counts[name][0]} 层，步幅大于 1 的卷积 {counts[name][1]} 层")
assert [pools for pools, _ in counts.values()] == [3, 5, 1, 0, 0]
