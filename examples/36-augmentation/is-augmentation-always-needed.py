"""样本数量足够多，是不是就不需要增广？

要检验的说法：样本够多就不用增广；要紧的是多样性，不是数量；增广总有好处。
能推翻它的结果：样本加到 1,000 张，增广的好处也不缩小；没见过的变化，只加样本也学得会；转 180° 的增广无害。
"""

# %% pictures caption="同一个 6 经过几种变换，网络看到的就是这些。平移和小角度的旋转不改变它是几；转 180° 就成了 9，标签却还是 6。"
import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torchvision.transforms import v2

images, digits = load_digits(return_X_y=True)
X, y = torch.tensor(images).float().view(-1, 8, 8) / 16, torch.tensor(digits)
canvas = torch.nn.functional.pad(X, (2, 2, 2, 2))  # (1797, 12, 12)
torch.manual_seed(0)
six = canvas[y == 6][:1]  # (1, 12, 12)
views = {"原图": six, "平移": v2.RandomAffine(0, translate=(0.17, 0.17))(six), "旋转": v2.RandomRotation((15, 15))(six),
         "左右翻转": v2.RandomHorizontalFlip(1)(six), "转 180°": v2.RandomRotation((180, 180))(six)}
fig, axes = plt.subplots(1, 5, figsize=(5.2, 1.5), layout="constrained")
for ax, (name, view) in zip(axes, views.items()):
    ax.imshow(view[0], cmap="gray")
    ax.set(title=name, xticks=[], yticks=[])
fig.suptitle("网络看到的图")
print("形状不变，内容变了：", {name: tuple(view.shape) for name, view in views.items() if not torch.equal(view, six)})
assert all(view.shape == six.shape for view in views.values())
assert torch.equal(views["转 180°"], six.flip(1, 2))

# %% warp
from torch.nn.functional import cross_entropy, grid_sample

SEEDS, SIZES = 6, (50, 1000)
order = torch.stack([torch.randperm(1797, generator=torch.Generator().manual_seed(s)) for s in range(SEEDS)])
LIMITS = {"原样": (0, 0, 0, 0), "轻微变形": (15, 0.1, 0.5, 0), "平移": (0, 0, 2, 0), "转 180°": (0, 0, 0, 0.5)}

def warp(pictures, degrees, scale, pixels, turned):
    """每张图各自随机旋转、缩放、平移；turned 是转 180° 的概率。(..., 12, 12) → 同样形状。"""
    n = pictures[..., 0, 0].numel()
    u = torch.rand(4, n) * 2 - 1
    angle = u[0] * torch.pi * degrees / 180 + torch.pi * (torch.rand(n) < turned)
    cos, sin, zoom = angle.cos(), angle.sin(), 1 + scale * u[1]
    shift = (u[2:] * pixels / 6).round(decimals=2)
    row, column = torch.cartesian_prod(*[torch.arange(-11, 12, 2) / 12] * 2).mT[..., None]  # 每个输出像素的坐标，(144, 1)
    a, b = zoom * cos, zoom * sin
    grid = torch.stack([column * a - row * b + shift[0], column * b + row * a + shift[1]])  # (2, 144, n)
    grid = grid.permute(2, 1, 0).reshape(n, 12, 12, 2)
    return grid_sample(pictures.reshape(n, 1, 12, 12), grid, align_corners=False).view(pictures.shape)

# %% train
def train(kind, record, sizes=SIZES, copies=0, batch=32, lr=0.004, hidden=256):
    """样本数 × 6 个种子一起训练，返回各时刻的误差 % (时刻, 原测试图或平移过的, 样本数, 种子)。copies：只用预先变好的几份。"""
    torch.manual_seed(0)
    n, who, errors = torch.tensor(sizes).repeat_interleave(SEEDS)[:, None], order.repeat(len(sizes), 1), []
    params = [(torch.randn(SEEDS, a, b) * (2 / a) ** 0.5).repeat(len(sizes), 1, 1).requires_grad_()
              for a, b in ((144, hidden), (hidden, 10))]
    adam, test = torch.optim.Adam(params, lr, fused=True), who[:, 1000:]
    tests = canvas[test], warp(canvas[test], *LIMITS["平移"])
    stored = warp(canvas.expand(copies, -1, -1, -1), *LIMITS[kind]) if copies else None
    def logits(pictures):  # (网络, 张数, 12, 12)
        return torch.bmm(torch.bmm(pictures.flatten(2), params[0]).relu(), params[1])
    for step in range(1, max(record) + 1):
        rows = who.gather(1, (torch.rand(len(who), batch) * n).long())
        if copies:
            pictures = stored[torch.randint(copies, rows.shape), rows]
        else:
            pictures = canvas[rows] if kind == "原样" else warp(canvas[rows], *LIMITS[kind])
        loss = cross_entropy(logits(pictures).flatten(0, 1), y[rows].flatten(), reduction="sum") / batch
        adam.zero_grad(), loss.backward(), adam.step()
        if step in record:
            with torch.no_grad():
                errors.append(torch.stack([(logits(p).argmax(2) != y[test]).float().mean(1) * 100 for p in tests]))
    return torch.stack(errors).view(len(record), 2, len(sizes), SEEDS)

# %% same caption="测试图与训练图同样放正。6 个种子的平均与标准误。50 张时轻微变形一直有好处；1,000 张时，训练短了反而更差，训练久了才追平：变形让同样的网络要学更多东西。"
RECORD = (300, 600, 1000, 1500, 2000, 2500)
runs = {kind: train(kind, RECORD) for kind in ("原样", "轻微变形")}
curves = {kind: run[:, 0] for kind, run in runs.items()}
fig, axes = plt.subplots(1, 2, figsize=(5.2, 2.6), layout="constrained")
for i, (ax, size) in enumerate(zip(axes, SIZES)):
    for (kind, e), style in zip(curves.items(), ("o-", "s--")):
        ax.errorbar(RECORD, e[:, i].mean(1), e[:, i].std(1) / SEEDS**0.5, fmt=style, capsize=2, label=kind)
    ax.set(title=f"{size:,} 张训练图", xlabel="更新次数", ylabel="测试误差 %", ylim=(0, None))
axes[0].legend()
gain = curves["原样"] - curves["轻微变形"]  # (时刻, 样本数, 种子) 同样的种子配对
mean, se = gain.mean(2), gain.std(2) / SEEDS**0.5
for i, size in enumerate(SIZES):
    print(f"{size:5,} 张，轻微变形让误差低：", {RECORD[t]: f"{mean[t, i]:.1f} ± {se[t, i]:.1f}" for t in (1, 3, 5)})
assert mean[-1, 0] > 3 * se[-1, 0] and mean[-1, 0] > 1.5  # 50 张：有用
assert mean[1, 1] < -3 * se[1, 1] and abs(mean[-1, 1]) < 0.6 and mean[-1, 0] > mean[-1, 1] + 1  # 1,000 张：先差，后平

# %% shifted
plain, (moved, turned) = runs["原样"][RECORD.index(1000)], (train(kind, (1000,))[0] for kind in ("平移", "转 180°"))
for name, e in (("原样", plain), ("平移增广", moved)):
    print(f"{name}，平移过的测试图，误差：", {n: round(v.item(), 1) for n, v in zip(SIZES, e[1].mean(1))})
harm = turned[0] - plain[0]
print("转 180° 的增广让误差高：", {n: f"{h.mean():.1f} ± {h.std() / SEEDS**0.5:.1f}" for n, h in zip(SIZES, harm)})
assert plain[1].min() > 55 and moved[1, 0].mean() < plain[1, 1].mean() / 2  # 没见过的变化，加样本没有用
assert all(h.mean() > 3 * h.std() / SEEDS**0.5 and h.mean() > 0.5 for h in harm)

# %% diversity
for copies in (1, 8):
    stored = train("平移", (1000,), (1000,), copies)[0]
    print(f"1,000 张图，每张预先平移好 {copies} 份，不再增广：平移过的测试图误差 {stored[1].mean():.1f}")
    if copies == 1:
        assert stored[1].mean() > moved[1, 1].mean() + 4 and stored[1].mean() < 0.5 * plain[1, 1].mean()
print(f"1,000 张图，每次都随机平移：{moved[1, 1].mean():.1f}；1,000 张图，都放正：{plain[1, 1].mean():.1f}")
assert abs(stored[1].mean() - moved[1, 1].mean()) < 2  # 数据本身够多样，训练 1,000 次时在线增广没有增加什么
