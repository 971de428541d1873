"""为什么用 3×3 的卷积核，不是很小吗？

要检验的说法：3×3 在第一层看得很小，但深层看得很远；两个 3×3 顶一个 5×5，更省，还多一个非线性。
能推翻它的结果：深层的输出只依赖输入的一小块；通道一样时两个 3×3 并不更省；一样多的权重，一个 3×3 比看得更远的 5×5 差。
"""

# %% reach
import itertools
import torch
from torch import nn
from torch.nn.functional import conv1d, conv2d, cross_entropy, max_pool2d
from torchvision.models import get_model
with torch.device("meta"):  # 只要结构，不要最后的池化
    vgg = [m for m in get_model("vgg16").features if isinstance(m, (nn.Conv2d, nn.MaxPool2d))][:-1]
nets = {"VGG16": [(3, 1) if isinstance(m, nn.Conv2d) else (2, 2) for m in vgg], "只有 3×3": [(3, 1)] * 13}
seen = {name: [] for name in nets}
for name, layers in nets.items():
    h = X = torch.zeros(1, 1, 1001, dtype=torch.float64, requires_grad=True)  # 行与列互不相干，一维就够
    formula, jump = 1, 1
    for k, s in layers:
        h = conv1d(h, torch.ones(1, 1, k).double(), stride=s)  # 权重是正数，梯度不会抵消；池化看的范围也一样
        (grad,) = torch.autograd.grad(h[0, 0, h.shape[2] // 2], X, retain_graph=True)
        formula, jump = formula + (k - 1) * jump, jump * s
        assert grad.count_nonzero() == formula
        seen[name] += [formula] * (k == 3)
    print(f"{name}，每层 3×3 看到的边长：", seen[name])
print("不下采样，看到 224 格要", next(L for L in itertools.count() if 2 * L + 1 >= 224), "层 3×3")
assert seen["VGG16"][0] == 3 and seen["VGG16"][-1] == 196 and seen["只有 3×3"][-1] == 27

# %% effective caption="左：VGG16 最后一个 3×3 正中的一个输出，对照片各处的梯度大小，10 组随机权重的平均；外框是理论感受野 196×196，内框装下一半的梯度能量。右：每过一次池化，后面的 3×3 就走得更快；没有池化，13 层只有 27 格。"
import matplotlib.pyplot as plt
from sklearn.datasets import load_sample_image
photo = torch.tensor(load_sample_image("china.jpg"))[100:324, 200:424].permute(2, 0, 1)[None] / 255
energy = torch.zeros(224, 224)
for seed in range(10):
    torch.manual_seed(seed)
    h = X = ((photo - photo.mean()) / photo.std()).requires_grad_()
    for m in vgg:  # VGG16 的每一层，随机的权重，通道数取八分之一
        a, b = (max(m.in_channels // 8, 3), m.out_channels // 8) if isinstance(m, nn.Conv2d) else (0, 0)
        h = conv2d(h, torch.randn(b, a, 3, 3) * (2 / 9 / a) ** 0.5, padding=1).relu() if a else max_pool2d(h, 2)
    grad = torch.autograd.grad(h[0, :, 7, 7].sum(), X)[0].square().sum((0, 1))  # 最后一层正中的一个位置
    energy += grad / grad.sum() / 10
boxes = {2 * r: energy[120 - r : 120 + r, 120 - r : 120 + r].sum().item() for r in range(1, 99)}  # 边长 → 能量
half, most = (next(w for w, e in boxes.items() if e > share) for share in (0.5, 0.95))
print(f"理论 196×196；一半的梯度能量在 {half}×{half}（面积的 {half**2 / 196**2:.0%}），95% 在 {most}×{most}")
fig, axes = plt.subplots(1, 2, figsize=(5.2, 2.6), layout="constrained")
axes[0].imshow(energy.sqrt()[::4, ::4], cmap="magma", extent=(0, 224, 224, 0), interpolation="none")
for w in (196, half):
    axes[0].add_patch(plt.Rectangle((120 - w / 2,) * 2, w, w, fill=False, edgecolor="C1"))
axes[0].set(title="最后一层的一个位置", xlabel="列", ylabel="行"), axes[0].grid(False)
for (name, v), style in zip(seen.items(), ("o-", "^:")):
    axes[1].plot(range(1, 14), v, style, label=name)
axes[1].set(title="理论感受野", xlabel="第几层 3×3", ylabel="边长（像素）"), axes[1].legend()
assert half**2 < 0.12 * 196**2 and most**2 < 0.5 * 196**2

# %% cost
from torch.utils.flop_counter import FlopCounterMode
def cost(k, *channels):
    """核 k×k、依次这些通道数的几层：参数个数与 56×56 上的百万次乘加。"""
    pairs = itertools.pairwise(channels)
    net = nn.Sequential(*(nn.Conv2d(a, b, k, padding=k // 2, bias=False, device="meta") for a, b in pairs))
    with FlopCounterMode(display=False) as counter:
        net(torch.empty(1, channels[0], 56, 56, device="meta"))
    return sum(p.numel() for p in net.parameters()), counter.get_total_flops() / 2e6
ratio = {}
for c, (n, k) in itertools.product((64, 3), ((2, 5), (3, 7))):
    small, big = cost(3, c, *[64] * n), cost(k, c, 64)
    ratio[c, k] = small[0] / big[0]
    assert abs(small[1] / big[1] / ratio[c, k] - 1) < 1e-6  # 乘加与参数同比例
    print("{} → 64 通道：{} 层 3×3 参数 {:,}，乘加 {:.0f} M；一层 {}×{} {:,}，{:.0f} M".format(c, n, *small, k, k, *big))
assert ratio[64, 5] == 18 / 25 and ratio[64, 7] == 27 / 49 and min(ratio[3, 5], ratio[3, 7]) > 8

# %% compose
def merge(a, b):  # 先 M 个 3×3，再 M 个 3×3，中间没有激活：合成一个 5×5
    return conv2d(a[None], b.flip(1, 2)[None], padding=2)
torch.manual_seed(0)
jacobian, rank, free = torch.autograd.functional.jacobian, torch.linalg.matrix_rank, {}
for M in (1, 2, 4):
    J = [j.view(25, -1) for j in jacobian(merge, tuple(torch.randn(2, M, 3, 3).double()))]
    free[M] = rank(torch.cat(J, 1)).item()
print("中间 M 个通道，合成的 5×5 有几个自由度（一共 25 个）：", free)
a, b, x = torch.randn(4, 3, 3).double(), torch.zeros(4, 3, 3).double(), torch.randn(1, 1, 9, 9).double()
b[range(4), [0, 0, 2, 2], [0, 2, 0, 2]] = 1  # 第二层的四个核固定：各移到一个角
every = rank(jacobian(lambda a: merge(a, b), a).view(25, -1)).item()
print("M = 4，第二层只移到四个角，第一层能凑出的 5×5 的维数：", every)
both = [conv2d(conv2d(x, a[:, None], padding=p), b[None], padding=p) for p in (0, 1)]
equal = [torch.allclose(both[p], conv2d(x, merge(a, b), padding=2 * p)) for p in (0, 1)]
print("两层 3×3 与合成的 5×5 处处相等：不填充", equal[0], "，填充", equal[1])
assert free[1] == 17 and every == 25 and equal == [True, False]

# %% train
from sklearn.datasets import load_digits
images, digits = load_digits(return_X_y=True)
X, y, seeds, C = torch.tensor(images, dtype=torch.float32).view(-1, 8, 8) / 8 - 1, torch.tensor(digits), 8, 8
order = torch.stack([torch.randperm(1797) for _ in range(seeds)], 1)  # 各种子自己的划分：300 训练，300 验证，其余测试

def train(lr, layers, C=C, num_steps=800, every=200):
    """3×3 的第一层、要比较的几层、全局平均、线性层；8 个种子各占一组通道。返回测试准确率 (次, 8)。"""
    torch.manual_seed(0)
    draws, net, history = torch.randint(300, (num_steps, 16, seeds)), nn.Sequential(), []  # 批次都一样
    for k, a, c in zip([3, *layers], (1, 8, C), (8, C, C)):  # 逐通道归一化，种子之间仍互不相干
        conv = nn.Conv2d(seeds * a, seeds * c, abs(k), padding=abs(k) // 2, groups=seeds)
        net.extend([conv, nn.BatchNorm2d(seeds * c), nn.ReLU() if k > 0 else nn.Identity()])
    net.extend([nn.AdaptiveAvgPool2d(1), nn.Conv2d(seeds * C, seeds * 10, 1, groups=seeds)])
    optimizer = torch.optim.Adam(net.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=num_steps)
    for step, i in enumerate((order.gather(0, i) for i in draws), 1):  # (批量, 种子)
        loss = cross_entropy(net(X[i]).view(-1, 10), y[i].flatten()) * seeds
        optimizer.zero_grad(), loss.backward(), optimizer.step(), schedule.step()
        if step % every == 0:
            with torch.no_grad():
                hit = net.eval()(X[order[600:]]).view(1197, seeds, 10).argmax(2) == y[order[600:]]
            history.append(hit.float().mean(0) * 100), net.train()
    return torch.stack(history)

# %% compare caption="8×8 数字，300 张训练图，8 个种子的平均与标准差。一层 3×3 只有 8 个通道时最低；加到 22 个通道，权重与一层 5×5 一样多，就一样准。中间不激活的两层 3×3 没有画。"
arms = {"一层 3×3": ([3],), "一层 3×3，22 个通道": ([3], 22), "一层 5×5": ([5],), "两层 3×3": ([3, 3],)}
history, (fig, ax) = [train(0.1, *how) for how in arms.values()], plt.subplots(figsize=(5.2, 2.9))  # 0.1：验证集上选的
for i, ((name, (layers, *c)), h, style) in enumerate(zip(arms.items(), history, ("s--", "D:", "o-", "^-."))):
    ax.errorbar(torch.arange(200, 801, 200) + 8 * i, h.mean(1), h.std(1), fmt=style, label=name)
    weights = sum(a * b * k * k for k, a, b in zip(layers, (C, C), c or (C, C)))
    print(f"{name}：{weights} 个权重，测试准确率 {h[-1].mean():.1f} ± {h[-1].std():.1f}")
ax.set(title="权重一样多，一层 3×3 与一层 5×5 一样准", xlabel="更新次数", ylabel="测试准确率 %", ylim=(70, 100)), ax.legend()
(near, wide, big, two), flat = history, train(0.1, [-3, 3])  # 负数：不激活
gaps = {"一层 5×5 减一层 3×3": big - near, "一层 5×5 减 22 个通道的": big - wide, "两层 3×3 减一层 5×5": two - big,
        "两层 3×3，激活减中间不激活": two - flat}
for name, d in gaps.items():
    print(f"{name}：最后 {d[-1].mean():+.1f} ± {d[-1].std() / seeds**0.5:.1f}（标准误）")
reach, size, pair, active = (d[-1].mean() for d in gaps.values())
assert min(reach, (wide - near)[-1].mean()) > 1 > abs(size) and max(abs(pair), abs(active)) < 1.5
