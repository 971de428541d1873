"""为什么不该看那么远？感受野不是越大越好吗？

要检验的说法：看得越远越贵；大核丢失局部信息；大核会过拟合。
能推翻它的结果：大感受野并不更贵；大核的矩阵不可逆；同样的宽度或同样多的参数，大核测试得更差。
"""

# %% cost
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

C = 64
designs = {  # 每层：核、步幅、填充、空洞、分组
    "一层 3×3": [(3, 1, 1)], "一层 7×7": [(7, 1, 3)], "三层 3×3": [(3, 1, 1)] * 3, "一层 3×3，空洞 3": [(3, 1, 3, 3)],
    "两层 3×3，步幅 2": [(3, 2, 1)] * 2, "逐通道 7×7，再 1×1": [(7, 1, 3, 1, C), (1,)]}
reach, flops = [], []
for name, layers in designs.items():
    net = nn.Sequential(*(nn.Conv2d(C, C, *layer, bias=False) for layer in layers))
    for p in net.parameters():
        nn.init.ones_(p)  # 全是正数，梯度不会互相抵消
    X = torch.randn(1, C, 33, 33, requires_grad=True)
    out = net(X)
    (grad,) = torch.autograd.grad(out[0, 0, out.shape[2] // 2, out.shape[3] // 2], X)
    columns = grad.abs().sum((0, 1, 2)).nonzero()  # 中间的一个输出像素依赖哪些列
    reach.append((columns.max() - columns.min() + 1).item())
    with FlopCounterMode(display=False) as counter:
        net.to("meta")(torch.empty(1, C, 56, 56, device="meta"))
    flops.append(counter.get_total_flops() / 1e6)
    print(f"{name}：感受野 {reach[-1]}，参数 {sum(p.numel() for p in net.parameters()):,}，{flops[-1]:.0f} MFLOPs")
assert reach == [3, 7, 7, 7, 7, 7]
assert flops[1] > 1.8 * flops[2] > 5 * flops[0] and max(flops[3:]) <= flops[0]

# %% effective caption="左：16 层随机的 3×3 卷积，中心的一个输出对输入各处的梯度大小，50 次平均；整幅图就是 33×33 的理论感受野。右：装下 95% 梯度能量的方框按深度的平方根变宽，理论感受野按深度变宽。"
import matplotlib.pyplot as plt

depths, energies, std, width = (1, 2, 4, 8, 16, 32), {}, [], []
for depth in depths:
    energy = torch.zeros(2 * depth + 1, 2 * depth + 1)
    for seed in range(50):
        torch.manual_seed(seed)
        h = X = torch.randn(1, 8, *energy.shape, requires_grad=True)
        for _ in range(depth):  # 不填充：最后只剩中心的一个像素
            h = nn.functional.conv2d(h, torch.randn(8, 8, 3, 3) / 6).relu()
        power = torch.autograd.grad(h.sum(), X)[0].square().sum((0, 1))  # 梯度的平方
        energy += power / power.sum().clamp(min=1e-30)
    energies[depth] = energy = energy / energy.sum()
    std.append((energy.sum(0) * torch.arange(-depth, depth + 1) ** 2).sum().sqrt().item())
    boxes = [energy[depth - r : depth + r + 1, depth - r : depth + r + 1].sum() for r in range(depth + 1)]
    width.append(2 * next(r for r, box in enumerate(boxes) if box > 0.95) + 1)
print("深度：", depths, "，标准差：", [round(s, 1) for s in std])
print("√(2 × 深度 / 3)：", [round((2 * d / 3) ** 0.5, 1) for d in depths], "，装下 95% 的方框有多宽：", width)
fig, axes = plt.subplots(1, 2, figsize=(5.2, 2.6), layout="constrained")
axes[0].imshow(energies[16].sqrt(), cmap="magma", extent=(-16.5, 16.5, -16.5, 16.5))
axes[0].set(title="16 层的梯度", xlabel="横向距离", ylabel="纵向距离"), axes[0].grid(False)
for values, style, label in (([2 * d + 1 for d in depths], "s--", "理论"), (width, "o-", "95% 的梯度")):
    axes[1].plot(depths, values, style, label=label)
axes[1].set(title="感受野的宽度", xlabel="层数", ylabel="像素"), axes[1].legend()
assert all(abs(s / (2 * d / 3) ** 0.5 - 1) < 0.15 for d, s in zip(depths, std)) and width[-1] < 0.5 * 65

# %% information
from sklearn.datasets import load_digits
from torch.nn.functional import conv2d, cross_entropy, unfold

images, digits = load_digits(return_X_y=True)
torch.manual_seed(0)
unit, pictures = torch.eye(64).double().view(64, 1, 8, 8), torch.tensor(images)[:100]
kernels = {f"随机的 {k}×{k}": (torch.randn(k, k), 1) for k in (1, 3, 5, 7)}
kernels |= {"3×3 的平均": (torch.ones(3, 3), 1), "随机的 3×3，步幅 2": (torch.randn(3, 3), 2)}
for name, (K, stride) in kernels.items():
    M = conv2d(unit, K.double()[None, None], stride=stride, padding=len(K) // 2).flatten(1).T  # 卷积写成矩阵
    back = torch.linalg.lstsq(M, M @ pictures.T, driver="gelsd").solution.T  # 只看输出，反求输入
    lost, rank = ((back - pictures).norm() / pictures.norm()).item(), torch.linalg.matrix_rank(M).item()
    print(f"{name}：秩 {rank}，从输出复原数字图，相对误差 {lost:.2f}")
    assert (rank < 64 and lost > 0.05) if "平均" in name or stride == 2 else (rank == 64 and lost < 1e-6)

# %% train
X, y = torch.tensor(images, dtype=torch.float32).view(-1, 1, 8, 8) / 8 - 1, torch.tensor(digits)
order = torch.randperm(len(y))
X, y = X[order], y[order]  # 前 200 张训练，接着 400 张验证，其余 1,197 张测试


def train(k, C, num_steps=400):
    """k×k 卷积，全局平均，线性层；5 个种子一起，各自按验证集选学习率。返回训练、测试准确率 (5, 2)。"""
    cols, scores = unfold(X, k, padding=k // 2), []  # (图, k², 64)：卷积就是权重乘每个窗口

    def net(cols):  # (5, 批量, k², 64) → (5, 批量, 10)
        return (W[:, None] @ cols + b[:, None]).relu().mean(3) * 8 @ V

    for lr in (1e-2, 3e-2):
        torch.manual_seed(0)
        W = (torch.randn(5, C, k * k) * 2**0.5 / k).requires_grad_()
        b, V = torch.zeros(5, C, 1, requires_grad=True), torch.zeros(5, C, 10, requires_grad=True)
        optimizer = torch.optim.Adam([W, b, V], lr)
        for _ in range(num_steps):
            batch = torch.randint(200, (5, 16))
            loss = cross_entropy(net(cols[batch]).flatten(0, 1), y[batch].flatten())
            optimizer.zero_grad(), loss.backward(), optimizer.step()
        with torch.no_grad():
            hit = torch.cat([net(c.expand(5, -1, -1, -1)) for c in cols.split(200)], 1).argmax(2) == y
        scores.append(torch.stack([part.float().mean(1) * 100 for part in hit.split((200, 400, 1197), 1)], 1))
    return torch.where((scores[0][:, 1] >= scores[1][:, 1])[:, None], *scores)[:, [0, 2]]


# %% result caption="一层卷积加全局平均，200 张训练图，5 个种子的平均与标准差。测试准确率没有随核变大而下降，把 7×7 加宽到三倍参数也没有。只看一个像素的 1×1 只有百分之十几，不在图上。"
arms = {"1×1": (1, 64), "3×3": (3, 64), "5×5": (5, 36), "7×7": (7, 21), "7×7 加宽": (7, 64)}
result = torch.stack([train(*arm) for arm in arms.values()])  # (核, 种子, 训练与测试)
for (name, (k, C)), r in zip(arms.items(), result):
    mean, std = r.mean(0).tolist(), r.std(0).tolist()
    print(f"{name}：{C * (k * k + 11)} 个参数，训练 {mean[0]:.1f}，测试 {mean[1]:.1f} ± {std[1]:.1f}")
fig, ax = plt.subplots(figsize=(5.2, 2.8))
for i, (label, style) in enumerate((("训练", "s--"), ("测试", "o-"))):
    r = result[1:, :, i]  # 1×1 不画
    ax.errorbar(range(4), r.mean(1), r.std(1), fmt=style, capsize=3, label=label)
ax.set(title="核的大小与准确率", ylabel="准确率 %")
ax.set_xticks(range(4), [f"{n}\n{C * (k * k + 11)} 参数" for n, (k, C) in list(arms.items())[1:]])
ax.legend(loc="lower right")
test = result[:, :, 1]
assert (test[0] < 30).all() and (test[2:] > test[1] - 1).all() and (test[4] - test[1]).mean() > 1
assert (test[2] - test[1]).mean() > 2 and (test[3] - test[2]).mean() < 1.5  # 5 到 7，没有再变好
