"""样本数量足够多，是不是就不需要增广？

要检验的说法：样本够多就不用增广；要紧的是多样性，不是数量；增广总有好处。
能推翻它的结果：样本加到 1,000，增广的好处也不缩小；没见过的变化，只加样本也学得会；转 180° 的增广无害。
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
from torch.nn.functional import affine_grid, cross_entropy, grid_sample

SEEDS, SIZES = 12, (50, 200, 1000)
order = torch.stack([torch.randperm(1797, generator=torch.Generator().manual_seed(s)) for s in range(SEEDS)])
LIMITS = {"原样": (0, 0, 0, 0), "轻微变形": (15, 0.1, 0.5, 0), "平移": (0, 0, 2, 0), "转 180°": (0, 0, 0, 0.5)}

def warp(pictures, degrees, scale, pixels, turned):
    """每张图各自随机旋转、缩放、平移；turned 是转 180° 的概率。(..., 12, 12) → 同样形状。"""
    n = pictures[..., 0, 0].numel()
    u = torch.rand(4, n) * 2 - 1
    angle = u[0] * torch.pi * degrees / 180 + torch.pi * (torch.rand(n) < turned)
    cos, sin, zoom = angle.cos(), angle.sin(), 1 + scale * u[1]
    shift = (u[2:] * pixels / 6).round(decimals=2)
    theta = torch.stack([zoom * cos, -zoom * sin, shift[0], zoom * sin, zoom * cos, shift[1]], 1).view(n, 2, 3)
    grid = affine_grid(theta, (n, 1, 12, 12), align_corners=False)
    return grid_sample(pictures.reshape(n, 1, 12, 12), grid, align_corners=False).view(pictures.shape)

# %% train
def train(kind, sizes=SIZES, copies=0, num_steps=600, batch=32, lr=0.006, hidden=64):
    """样本数 × 12 个种子一起训练，返回误差 % (测试、平移过的测试, 样本数, 种子)。copies：只用每张图预先变好的几份。"""
    torch.manual_seed(0)
    n, who = torch.tensor(sizes).repeat_interleave(SEEDS)[:, None], order.repeat(len(sizes), 1)
    params = [(torch.randn(SEEDS, a, b) * (2 / a) ** 0.5).repeat(len(sizes), 1, 1).requires_grad_()
              for a, b in ((144, hidden), (hidden, 10))]
    adam = torch.optim.Adam(params, lr, fused=True)
    stored = warp(canvas.expand(copies, -1, -1, -1), *LIMITS[kind]) if copies else None
    def logits(pictures):  # (网络, 张数, 12, 12)
        return torch.bmm(torch.bmm(pictures.flatten(2), params[0]).relu(), params[1])
    for _ in range(num_steps):
        rows = who.gather(1, (torch.rand(len(who), batch) * n).long())
        if copies:
            pictures = stored[torch.randint(copies, rows.shape), rows]
        else:
            pictures = canvas[rows] if kind == "原样" else warp(canvas[rows], *LIMITS[kind])
        loss = cross_entropy(logits(pictures).flatten(0, 1), y[rows].flatten(), reduction="sum") / batch
        adam.zero_grad(), loss.backward(), adam.step()
    test = who[:, 1000:]
    torch.manual_seed(1)
    with torch.no_grad():
        out = torch.stack([logits(p).argmax(2) for p in (canvas[test], warp(canvas[test], *LIMITS["平移"]))])
    return ((out != y[test]).float().mean(2) * 100).view(2, len(sizes), SEEDS)

# %% sizes caption="测试误差随训练样本数的变化，12 个种子的平均与标准误。左：测试图与训练图同样放正，轻微变形只在样本少时有用，转 180° 一直有害。右：测试图平移过，不增广的网络样本再多也不会；平移增广 50 张就胜过它的 1,000 张。"
errors = {kind: train(kind) for kind in LIMITS}
fig, axes = plt.subplots(1, 2, figsize=(5.2, 2.7), sharey=True, layout="constrained")
for (kind, e), style in zip(errors.items(), ("o-", "s--", "^:", "d-.")):
    print(f"{kind}：放正的测试图", [f"{v:.1f}" for v in e[0].mean(1)], "，平移过的", [f"{v:.1f}" for v in e[1].mean(1)])
    for ax, row in zip(axes, e):
        ax.errorbar(SIZES, row.mean(1), row.std(1) / SEEDS**0.5, fmt=style, capsize=2, label=kind)
for ax, title in zip(axes, ("放正的测试图", "平移过的测试图")):
    ax.set(title=title, xlabel="训练样本数", xscale="log", yscale="log", xticks=SIZES, xticklabels=SIZES)
    ax.minorticks_off()
axes[0].set(ylabel="测试误差 %", yticks=[3, 5, 10, 20, 50], yticklabels=["3", "5", "10", "20", "50"])
axes[1].legend(fontsize=7, loc="lower left")

# %% verdict
def gap(a, b):  # 同样的种子配对：平均与标准误
    return (a - b).mean().item(), (a - b).std().item() / SEEDS**0.5

plain, mild, moved, turned = errors.values()
gains = [gap(plain[0, i], mild[0, i]) for i in range(3)]
harm = [gap(turned[0, i], plain[0, i]) for i in range(3)]
print("轻微变形让误差低：", {n: f"{g:.1f} ± {se:.1f}" for n, (g, se) in zip(SIZES, gains)})
print("转 180° 让误差高：", {n: f"{h:.1f} ± {se:.1f}" for n, (h, se) in zip(SIZES, harm)})
shrink = gap(plain[0, 0] - mild[0, 0], plain[0, 2] - mild[0, 2])
print(f"50 张时的好处减去 1,000 张时的：{shrink[0]:.1f} ± {shrink[1]:.1f}")
assert gains[0][0] > 1 and shrink[0] > 3 * shrink[1] and gains[2][0] < 0.5  # 好处随样本数消失
assert all(h > 4 * se and h > 1 for h, se in harm)
assert plain[1].min() > 60 and moved[1, 0].mean() < plain[1, 2].mean() / 2  # 没见过的变化，加样本没有用

# %% diversity
for copies in (1, 4, 16):
    stored = train("平移", (1000,), copies)
    print(f"1,000 张图，每张预先平移好 {copies:2d} 份，不再增广：平移过的测试图误差 {stored[1].mean():.1f}")
    if copies == 1:
        assert stored[1].mean() > moved[1, 2].mean() + 4 and stored[1].mean() < 0.4 * plain[1, 2].mean()
print(f"1,000 张图，每次都随机平移：{moved[1, 2].mean():.1f}；1,000 张图，都放正：{plain[1, 2].mean():.1f}")
assert abs(stored[1].mean() - moved[1, 2].mean()) < 3  # 数据本身够多样，在线增广没有增加什么
