"""核大小、填充、步幅，哪个最重要？

要检验的说法：填充取核大小 - 1；步幅通常取 1，不取 1 是因为计算量太大；核大小最关键。
能推翻它的结果：padding = k - 1 时大小不变；现成的网络大多不是这样取的；换一个输出层，或不让步幅漏看像素，核就不再最要紧。
"""

# %% formula
import functools, itertools, warnings
import torch
from torch import nn
from torch.nn.functional import conv2d, cross_entropy, fold, unfold
def size(n, k, p=0, s=1, d=1):  # ⌊(n + 2p - d(k - 1) - 1) / s⌋ + 1
    return (n + 2 * p - d * (k - 1) - 1) // s + 1
grid = itertools.product(range(5, 11), range(1, 8), range(4), (1, 2, 3, 4), (1, 2, 3))
grid = [(n, k, p, s, d) for n, k, p, s, d in grid if n + 2 * p > d * (k - 1)]  # 核放得下
for n, k, p, s, d in grid:
    out = nn.Conv2d(1, 1, k, s, p, d, device="meta")(torch.empty(1, 1, n, n, device="meta"))
    assert out.shape[2:] == (size(n, k, p, s, d),) * 2
print(len(grid), "种组合，nn.Conv2d 的输出大小都与公式相同")
rows = (8, 3, 0, 1, 1), (8, 3, 1, 1, 1), (8, 3, 2, 1, 1), (8, 3, 1, 2, 1), (7, 3, 1, 2, 1), (8, 3, 2, 1, 2)
for n, k, p, s, d in rows:
    print(f"输入 {n}，核 {k}，每边填充 {p}，步幅 {s}，空洞 {d} → 输出 {size(n, k, p, s, d)}")
assert len(grid) > 1000 and size(8, 3, 1, 2) == size(7, 3, 1, 2) == 4  # 除不尽时向下取整

# %% same
warnings.filterwarnings("ignore", message="Using padding='same' with even kernel")  # 只是提醒会多一次复制
needed = {k: [2 * p for p in range(k) if size(32, k, p) == 32] for k in range(1, 12)}
print("两边一样多、大小不变所需的总填充：", {k: needed[k] for k in (1, 2, 3, 4, 5, 7)})
print("每边都填 k - 1，输入 32，输出：", {k: size(32, k, p=k - 1) for k in (1, 3, 5, 7)})
impulse = torch.tensor([[[[0.0, 0, 0, 1, 0, 0, 0]]]])
for k in (3, 2, 4):
    out = conv2d(impulse, torch.ones(1, 1, 1, k), padding="same").int().flatten()
    print(f"核 {k}，padding='same'，第 3 格是 1，输出：", out.tolist())
    assert torch.equal(out, out.flip(0)) == (k % 2 == 1)  # 偶数的核不对称
for k in needed:  # 偶数的核，两边填一样多总差一格
    assert needed[k] == ([k - 1] if k % 2 else []) and size(32, k, p=k - 1) == 32 + k - 1

# %% models
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import get_model
names = ("alexnet", "vgg16", "resnet50", "densenet121", "mobilenet_v2", "efficientnet_b0", "convnext_tiny")
with torch.device("meta"):  # 只有形状，没有权重
    nets = {name: get_model(name) for name in names}
convs = [m for net in nets.values() for m in net.modules() if isinstance(m, nn.Conv2d)]
k, p, s = (torch.tensor([getattr(m, a)[0] for m in convs]) for a in ("kernel_size", "padding", "stride"))
for name, values in (("核大小", k), ("步幅", s)):
    print(name, "→ 层数：", dict(zip(*(v.tolist() for v in values.unique(return_counts=True)))))
half, full = ((k > 1) & (p == q) for q in ((k - 1) / 2, k - 1))
print(f"核大于 1 的 {(k > 1).sum()} 层里，每边填充 (k-1)/2 的 {half.sum()} 层，每边填充 k-1 的 {full.sum()} 层")
flops = {}
for name in ("原样", "3×3 换成 5×5", "步幅全取 1"):
    for m in [m for m in nets["resnet50"].modules() if isinstance(m, nn.Conv2d)]:
        if m.kernel_size == (3, 3):
            n = 5 if "5×5" in name else 3
            m.weight, m.padding = nn.Parameter(m.weight[..., :1, :1].repeat(1, 1, n, n)), (n // 2, n // 2)
        m.stride = (1, 1) if "步幅" in name else m.stride
    with FlopCounterMode(display=False) as counter:
        nets["resnet50"](torch.empty(1, 3, 224, 224, device="meta"))
    flops[name] = counter.get_total_flops() / 1e9
print("ResNet-50 的 GFLOPs：", {name: round(f, 1) for name, f in flops.items()})
assert half.sum() > 0.9 * (k > 1).sum() and not full.any() and (s == 1).sum() > 0.9 * len(s)
assert (s == 2).sum() > (s > 2).sum() > 0 and flops["步幅全取 1"] > 10 * flops["3×3 换成 5×5"] > 10 * flops["原样"]

# %% train
from sklearn.datasets import load_digits
torch.manual_seed(0)
images, digits = load_digits(return_X_y=True)
X, y = torch.tensor(images, dtype=torch.float32).view(-1, 1, 8, 8) / 8, torch.tensor(digits)
order = torch.stack([torch.randperm(1797) for _ in range(5)])  # 5 个种子各自划分：200 训练，400 验证，其余测试
@functools.cache
def train(k, p, s, pooled, C, num_steps=400):  # 卷积、平均或展平、线性层，5 个种子一起 → 测试准确率 (5,)
    cols = unfold(X, k, padding=p, stride=s).transpose(0, 1) - 1  # (k², 图, 位置)：-1 到 1，填的也是背景 -1
    def net(i):  # 卷积就是权重乘每个窗口
        windows = cols[:, i].transpose(0, 1).flatten(2)  # (5, k², 批量 × 位置)
        H = torch.baddbmm(b, W, windows).relu().unflatten(2, (-1, cols.shape[2])).transpose(1, 2)
        return (H.mean(3) * 8 if pooled else H.flatten(2)) @ V
    torch.manual_seed(0)
    batches = order[torch.arange(5)[:, None], torch.randint(200, (num_steps, 5, 16))]  # 各种设置的批次相同
    W, b = (torch.randn(5, C, k * k) * 2**0.5 / k).requires_grad_(), torch.zeros(5, C, 1, requires_grad=True)
    V = torch.zeros(5, C * (1 if pooled else cols.shape[2]), 10, requires_grad=True)
    optimizer, peak = torch.optim.Adam([W, b, V]), 0.1 if pooled else 0.01  # 验证集（第 200 到 599 张）上选的
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, peak, total_steps=num_steps)
    for i in batches:
        loss = cross_entropy(net(i).flatten(0, 1), y[i].flatten()) * 5
        optimizer.zero_grad(), loss.backward(), optimizer.step(), schedule.step()
    with torch.no_grad():
        return torch.cat([net(i).argmax(2) == y[i] for i in order[:, 600:].split(200, 1)], 1).float().mean(1) * 100

# %% visited
arms = {"核": [(k, k // 2, 1) for k in (1, 3, 5)],  # 填充跟着改，输出大小不变
        "填充": [(3, p, 1) for p in (0, 1, 2)], "步幅": [(3, 1, s) for s in (1, 2, 3)],
        "漏看": [(3, 1, 1), (3, 1, 4)], "不漏": [(4, 0, 1), (4, 0, 4)]}  # 步幅 4：窗口 3×3 有缝，4×4 没有
def visited(k, p, s):  # 8×8 的 64 个像素里，进过至少一个窗口的
    return (fold(unfold(torch.ones(1, 1, 8, 8), k, 1, p, s), 8, k, 1, p, s) > 0).sum().item()
print("看得到的像素：", {a: [visited(*v) for v in settings] for a, settings in arms.items()})
assert visited(3, 1, 3) == visited(4, 0, 4) == 64 and visited(3, 1, 4) == 25

# %% sweep
test, cost = {}, {"同宽": lambda k, L, h: 1, "同计算": lambda k, L, h: k * k * L + 10 * h}  # 每个通道的乘加
for pooled, budget in itertools.product((True, False), cost):
    for name, (k, p, s) in ((name, setting) for name in arms for setting in arms[name]):
        L = size(8, k, p, s) ** 2  # 输出的位置数；h 是线性层在每个通道上看到几个数
        C = 16 * cost[budget](3, 64, 1 if pooled else 64) / cost[budget](k, L, 1 if pooled else L)
        test.setdefault((pooled, budget, name), []).append(train(k, p, s, pooled, round(C)))
    rows = (f"{name} " + " ".join(f"{r.mean():.1f}" for r in test[pooled, budget, name]) for name in arms)
    print("全局平均" if pooled else "展平", budget, *rows)

# %% ranking caption="三个超参数各取三个常见的值（核 1、3、5，填充 0、1、2，步幅 1、2、3），最好与最差的测试准确率之差，5 个种子的平均与标准差；漏看、不漏：步幅从 1 到 4，窗口之间有缝（3×3）与没有缝（4×4）。左右的纵轴不同：接全局平均时核最高；接展平时，漏看像素最高，其余都只有几个百分点。"
import matplotlib.pyplot as plt
effect, (fig, axes) = {}, plt.subplots(1, 2, figsize=(5.2, 2.7), layout="constrained")
for ax, pooled in zip(axes, (True, False)):
    for (x, budget), (i, name) in itertools.product(enumerate(cost), enumerate(arms)):
        worst, *_, best = sorted(test[pooled, budget, name], key=torch.mean)
        d = best - worst  # 逐个种子相减
        ax.bar(x + i / 6 - 1 / 3, d.mean(), 0.16, yerr=d.std(), color=f"C{i}" if i < 4 else "0.6", label="_" * x + name)
        effect.setdefault((pooled, budget), {})[name] = round(d.mean().item(), 1)
    ax.set(title="接全局平均" if pooled else "接展平", xticks=range(2), xticklabels=cost)
axes[0].set_ylabel("最好与最差之差（百分点）"), axes[1].legend(), axes[0].set_ylim(0, 90), axes[1].set_ylim(0, 20)
for (pooled, budget), e in effect.items():
    print("全局平均" if pooled else "展平", budget, e)
    assert e["核" if pooled else "漏看"] > sorted(e.values())[-2] + (20 if pooled else 4)  # 它是第一
narrow, even, (_, k3, k5) = effect[True, "同宽"], effect[True, "同计算"], test[True, "同宽", "核"]  # 不算 1×1
assert narrow["步幅"] > 4 + max(narrow["填充"], (k5 - k3).mean().abs()) and abs(even["步幅"] - even["填充"]) < 4

# %% error raises="ValueError"
try:
    conv2d(torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 7, 7))
except RuntimeError as error:
    print(error)
nn.Conv2d(1, 8, kernel_size=3, stride=2, padding="same")
