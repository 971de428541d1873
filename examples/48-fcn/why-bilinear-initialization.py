"""FCN 的转置卷积为什么用双线性插值初始化？

要检验的说法：它只是一个不错的初始值；随机初始化也行，只是要多迭代几轮。
能推翻它的结果：训练到底以后随机初始化仍明显更差；或者双线性一开始并不更快；或者冻结的双线性核与学出来的一样好。
"""

# %% step0
import torch
from sklearn.datasets import load_digits
from torch.nn import ConvTranspose2d, functional as F

def bilinear(channels, k):
    """k 为偶数时的双线性核：只有通道自己到自己，(C, C, k, k)。"""
    tent = 1 - (torch.arange(k) - (k - 1) / 2).abs() / (k // 2)
    return torch.eye(channels).view(channels, channels, 1, 1) * tent.view(-1, 1) * tent

torch.manual_seed(0)
digits = torch.tensor(load_digits().images, dtype=torch.float32).unsqueeze(1) / 16  # (1797, 1, 8, 8)
scores = digits[:21].view(1, 21, 8, 8)  # 当作 21 个通道的得分
with torch.no_grad():
    random = ConvTranspose2d(21, 21, 64, stride=32, padding=16, bias=False)(scores)
smooth = F.conv_transpose2d(scores, bilinear(21, 64), stride=32, padding=16)
oracle = F.interpolate(scores, scale_factor=32, mode="bilinear", align_corners=False)
gap = (smooth - oracle).abs()
inside, edge = gap[..., 16:-16, 16:-16].max(), gap.max()  # 边上一圈两者的补法不同
print(f"与 F.interpolate 的最大差：内部不到 1e-4 {bool(inside < 1e-4)}，边上 {edge:.2f}")
print(f"标准差：输入 {scores.std():.3f}，双线性 {smooth.std():.3f}，默认随机 {random.std():.4f}")
assert inside < 1e-4 and edge > 0.05 and random.std() < smooth.std() / 10

# %% picture caption="还没有训练时，课程里那一层（21 个通道，核 64，步长 32）的输出。中：双线性核把第 0 个通道平滑地放大 32 倍。右：PyTorch 默认的随机核把 21 个通道混成了噪声，数值也小得多（每 6 个像素画 1 个，颜色各自拉伸）。"
import matplotlib.pyplot as plt
fig, axes = plt.subplots(1, 3, figsize=(5.2, 2.1), layout="constrained")
for ax, image, name in zip(axes, (scores, smooth, random), ("输入 8×8", "双线性 256×256", "随机 256×256")):
    ax.imshow(image[0, 0] if image is scores else image[0, 0, ::6, ::6], interpolation="none")
    ax.set(title=name, xticks=[], yticks=[])

# %% data
def scenes(source, n, seed, size=24):
    """真实数字放大 2 倍，放在随机的位置，加噪声；标签：每个像素属不属于数字。"""
    g = torch.Generator().manual_seed(seed)
    big = F.interpolate(source, scale_factor=2, mode="bilinear")
    X, y = torch.zeros(n, 1, size, size), torch.zeros(n, size, size, dtype=torch.long)
    for i in range(n):
        image = big[torch.randint(len(big), (), generator=g), 0]
        r, c = torch.randint(size - 15, (2,), generator=g).tolist()
        X[i, 0, r:r + 16, c:c + 16], y[i, r:r + 16, c:c + 16] = image, image > 0.4
    return F.unfold(X + 0.3 * torch.randn(X.shape, generator=g), 12, padding=4, stride=4).transpose(1, 2), y

train_X, train_y = scenes(digits[:1000], 500, seed=0)  # (N, 36, 144)：步长 4、核 12 的卷积看到的每一块
(val_X, val_y), (test_X, test_y) = scenes(digits[1000:1300], 60, 1), scenes(digits[1300:], 200, 2)  # 三份不重叠
print(f"输入 {tuple(train_X.shape)}，逐像素标签 {tuple(train_y.shape)}，前景占 {train_y.float().mean():.0%}")

# %% arms
default = (3 * 2 * 8 * 8) ** -0.5  # nn.ConvTranspose2d(2, 2, 8) 默认初始化的标准差
stds = {"双线性": 0, "冻结的双线性": 0, "默认随机": default, "随机 ÷10": default / 10, "随机 ×10": default * 10}
lrs, seeds, hidden = [0.1, 0.3], 5, 16
n = len(arms := [(name, lr, seed) for name in stds for lr in lrs for seed in range(seeds)])

def initial(name, seed):
    """同一个种子的主干相同，只有转置卷积的核不同。"""
    g = torch.Generator().manual_seed(seed)
    sizes = ((144, hidden, 2 / 144), (hidden, hidden, 2 / hidden), (hidden, 2, 2 / (hidden + 2)))
    layers = [torch.randn(a, b, generator=g) * var**0.5 for a, b, var in sizes]
    kernel = torch.randn(2, 2, 8, 8, generator=g) * stds[name] if stds[name] else bilinear(2, 8)
    return [*layers, kernel, torch.zeros(1, hidden), torch.zeros(1, hidden), torch.zeros(1, 2)]

def net(params, X):
    """n 个 FCN 一起算：卷积（核 12，步长 4）→ 1×1 → 1×1（2 类）→ 转置卷积（核 8，步长 4）。"""
    out, num = X.reshape(1, -1, 144).expand(n, -1, -1), len(X)
    for i in range(3):
        out = torch.baddbmm(params[4 + i], out.relu() if i else out, params[i])
    out = out.view(n, num, 36, 2).permute(1, 0, 3, 2).reshape(num, n * 2, 6, 6)
    out = F.conv_transpose2d(out, params[3].flatten(0, 1), stride=4, padding=2, groups=n)
    return out.view(num, n, 2, 24, 24).transpose(0, 1)  # (n, N, 2, 24, 24)

params = [torch.stack(p).requires_grad_() for p in zip(*(initial(a, s) for a, _, s in arms))]
print(f"{len(stds)} 种初始值 × {len(lrs)} 种学习率 × {seeds} 个种子；默认随机的标准差 {default:.3f}")

# %% train
def evaluate(X, y):
    """每个网络的损失与前景的 IoU，形状 (初始值, 学习率, 种子)。"""
    with torch.no_grad():
        out, y = net(params, X), y.expand(n, -1, -1, -1)
        loss = F.cross_entropy(out.flatten(0, 1), y.flatten(0, 1), reduction="none").view(n, -1).mean(1)
        hit = out[:, :, 1] > out[:, :, 0]
        iou = (hit & y).flatten(1).sum(1) / (hit | y).flatten(1).sum(1)
    return loss.view(-1, len(lrs), seeds), iou.view(-1, len(lrs), seeds)

def train(num_steps, every, momentum=0.9):
    history, speed = [], [torch.zeros_like(p) for p in params]
    rate, learn = torch.tensor([(lr, name != "冻结的双线性") for name, lr, _ in arms]).T
    for step in range(1, num_steps + 1):
        batch = torch.randint(500, (8,), generator=torch.Generator().manual_seed(step))  # 大家用同样的批次
        out, target = net(params, train_X[batch]), train_y[batch].repeat(n, 1, 1)
        loss = F.cross_entropy(out.flatten(0, 1), target, reduction="sum") / target[:8].numel()
        for i, (p, v, g) in enumerate(zip(params, speed, torch.autograd.grad(loss, params))):
            v.mul_(momentum).add_(g)
            p.data -= v * (rate * learn if i == 3 else rate).view(-1, *[1] * (p.dim() - 1))
        if step % every == 0 or (step <= 100 and step % 5 == 0):
            history.append((step, evaluate(val_X, val_y)[0]))
    return history

# %% curves caption="验证损失，5 个种子的平均与范围，各用自己的学习率。左：前 100 次更新，双线性领先，默认随机几十次后追上。右：之后两者重合；冻结的双线性停在高处，×10 的随机一直落后一些。"
history = train(num_steps=500, every=50)
steps, val = torch.tensor([s for s, _ in history]), torch.stack([v for _, v in history])
chosen = val[-1].mean(-1).argmin(1)  # 按最后的验证损失选学习率
own = val[:, range(len(stds)), chosen]  # (时刻, 初始值, 种子)
fig, axes = plt.subplots(1, 2, figsize=(5.2, 2.8), layout="constrained")
for ax, first, last in ((axes[0], 0, 100), (axes[1], 100, 500)):
    part = (steps >= first) & (steps <= last)
    for i, style in ((0, "o-"), (1, "s--"), (2, "^:"), (4, "-.")):
        line = own[part, i]
        ax.plot(steps[part], line.mean(1), style, markersize=3, label=list(stds)[i])
        ax.fill_between(steps[part], *torch.aminmax(line, dim=1), alpha=0.15)
    ax.set(title=f"第 {first}–{last} 次更新", xlabel="更新次数", ylabel="验证损失")
axes[0].legend()
assert (own[3, 0] < own[3, 2]).all() and own[3, 2].mean() - own[3, 0].mean() > 0.03  # 第 20 次更新

# %% final
loss, iou = evaluate(test_X, test_y)
reached = steps[(val < 0.2).int().argmax(0)].float()  # 第一次降到 0.2 以下，(初始值, 学习率, 种子)
loss, iou, needed = (t[range(len(stds)), chosen] for t in (loss, iou, reached))
for i, name in enumerate(stds):
    print(f"{name}：lr {lrs[chosen[i]]}，降到 0.2 要 {needed[i].mean():.0f} 次更新（lr 0.1 时 {reached[i, 0].mean():.0f}），"
          f"测试损失 {loss[i].mean():.3f}±{loss[i].std():.3f}，IoU {iou[i].mean():.2f}")
assert needed[2].mean() > 1.3 * needed[0].mean() and needed[2:4].max() < 500 / 8  # 慢一些，但不到一轮
assert reached[2:4, 0].mean() > 1.5 * reached[0, 0].mean()  # 小学习率时多花的次数更多
assert ((loss[2:4] - loss[0]).mean(1) < 0.01).all()  # 随机的最后不比双线性差
assert (loss[1] > loss[0] + 0.02).all()  # 冻结的每个种子都更差
assert reached[4, 0].mean() > 2.5 * reached[0, 0].mean() and loss[4].mean() > loss[0].mean() + 0.003
