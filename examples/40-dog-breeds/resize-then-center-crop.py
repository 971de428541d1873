"""为什么测试时先 resize 到 256 再中心裁剪 224，而不是直接 resize 到 224？

要检验的说法：这只是历史遗留；直接缩放也一样。
能推翻它的结果：随机裁剪训练过的网络，测试时先放大再裁剪明显更准，而没有随机裁剪的网络正好相反。
"""

# %% geometry
import torch
from sklearn.datasets import load_sample_images
from torchvision.transforms import v2

photos = [torch.tensor(p).permute(2, 0, 1) / 255 for p in load_sample_images().images]  # 两张 (3, 427, 640)
rows, cols = torch.meshgrid(torch.arange(427.0), torch.arange(640.0), indexing="ij")
where = torch.stack([rows, cols])  # “图片”的每个像素就是它自己的坐标：看得出留下了哪些
routes = {"Resize((224, 224))": v2.Resize((224, 224))}  # 压扁
for size in (224, 256):
    routes[f"Resize({size})\n再裁 224"] = v2.Compose([v2.Resize(size), v2.CenterCrop(224)])
zoom, kept = [], []
for name, route in routes.items():
    step = (route(where)[:, -20, -20] - route(where)[:, 20, 20]) / 184  # 输出的一个像素，原图走几个像素
    zoom.append((1 / step).tolist())
    kept.append((step.prod() * 224 * 224 / (427 * 640)).item())
    print(name.replace("\n", " "), f"：高 × {zoom[-1][0]:.2f}，宽 × {zoom[-1][1]:.2f}，留下画面的 {kept[-1]:.0%}")
try:
    torch.stack([v2.Resize(224)(photos[0]), v2.Resize(224)(photos[1].mT)])  # 一张横、一张竖
except RuntimeError as error:
    print(message := str(error))
assert zoom[0][0] / zoom[0][1] > 1.45 and all(abs(a - b) < 0.01 for a, b in zoom[1:])  # 压扁改了长宽比
assert kept[0] > 0.99 and abs(kept[2] / kept[1] - (224 / 256) ** 2) < 0.01
assert "stack expects each tensor to be equal size" in message

# %% pictures caption="同一张照片的三种测试输入。压扁：全都在，但花成了竖的椭圆。缩到 224 再裁：形状对，左右被切掉。缩到 256 再裁：再切掉一圈边，花大了 14%。"
import matplotlib.pyplot as plt
fig, axes = plt.subplots(1, 3, figsize=(5.2, 2.1), layout="constrained")
for ax, (name, route) in zip(axes, routes.items()):
    ax.imshow((route(photos[1])[:, ::3, ::3].permute(1, 2, 0) * 16).round() / 16, interpolation="none")
    ax.set(xlabel=name, xticks=[], yticks=[])
axes[1].set_title("网络在测试时看到的")

# %% census
from torchvision import models

every = [w for model in models.list_models(module=models) for w in models.get_model_weights(model)]
recipes = {w: (tuple(w.transforms().resize_size), w.transforms().crop_size[0]) for w in every}  # 不下载权重
sizes = list(recipes.values())
plain = sum(resize == (crop,) for resize, crop in sizes)
print(f"{len(sizes)} 份分类权重：256→224 有 {sizes.count(((256,), 224))} 份，232→224 有 {sizes.count(((232,), 224))} 份")
print(f"短边就缩到输入大小的有 {plain} 份，压扁的有 {sum(len(resize) == 2 for resize, _ in sizes)} 份")
(old,), (new,) = (recipes[w][0] for w in models.ResNet50_Weights)
print(f"同一个 ResNet50：第一版权重 Resize({old})，第二版 Resize({new})")
assert max(set(sizes), key=sizes.count) == ((256,), 224) and sizes.count(((256,), 224)) < len(sizes) / 2 and plain > 10
assert all(len(resize) == 1 for resize, _ in sizes)  # 没有一份是压扁的
assert old == 256 and new != 256

# %% scale
torch.manual_seed(0)
crop, middle = v2.RandomResizedCrop(224), {}
for name, height, width in (("正方形", 400, 400), ("4:3", 375, 500), ("3:2", 427, 640)):
    boxes = [crop.make_params([torch.empty(1, height, width)]) for _ in range(2000)]
    ratio = torch.tensor([min(height, width) / (b["height"] * b["width"]) ** 0.5 for b in boxes])
    middle[name] = ratio.median().item()  # 相对于“短边缩到 224”
    print(f"{name} 的照片：训练时放大 {middle[name]:.2f} 倍（中位数），测试时 Resize({224 * middle[name]:.0f}) 才一样大")
assert all(m > 256 / 224 + 0.1 for m in middle.values())  # Resize(224) 偏小得多，连 256 也还偏小

# %% canvas
from sklearn.datasets import load_digits
from torch.nn import functional as F
from torchvision.ops import roi_align

images, labels = map(torch.tensor, load_digits(return_X_y=True))
order = torch.randperm(1797)  # 1,000 张训练，797 张测试
y, X = labels[order], torch.zeros(1797, 1, 32, 48)  # 横的照片 (N, 1, 32, 48)
for k, image in enumerate(images[order].view(-1, 1, 1, 8, 8).float() / 16):
    s, i, j, dy, dx = (torch.randint(a, b, ()).item() for a, b in ((12, 21), (0, 395), (0, 592), (-3, 4), (-5, 6)))
    X[k, 0] = photos[k % 2][:, i:i + 32, j:j + 48].mean(0) * 0.4  # 背景是照片的一角
    spot = X[k, 0, (32 - s) // 2 + dy:, (48 - s) // 2 + dx:][:s, :s]  # 数字在中间附近，大小 12 到 20
    spot.copy_(torch.maximum(spot, F.interpolate(image, size=(s, s), mode="bilinear")[0, 0]))

def look(X, boxes):
    """把每张图的一个框 (上, 左, 高, 宽) 缩放成 16×16，这是网络的输入。"""
    top, left, height, width = boxes.T.float()
    corners = torch.stack([torch.arange(len(X)), left, top, left + width, top + height], 1)
    return roi_align(X, corners, 16, sampling_ratio=1, aligned=True)  # 双线性插值

def center(resize):  # “短边缩到 resize，再从中间裁 16”在原图上是哪个框
    return torch.tensor([[16 - 256 / resize, 24 - 256 / resize, 512 / resize, 512 / resize]])

# %% train
from torch import nn

seeds, lr, num_steps = 12, 0.01, 800
n = 2 * seeds  # 2 组 × 12 个种子，分组卷积让它们互不相干
sizes = ((1, 8, 3), (8, 16, 3), (16, 32, 3), (32, 10, 2))
convs = [nn.Conv2d(n * a, n * c, k, 2, k - 2, groups=n) for a, c, k in sizes]
for conv in convs:
    nn.init.kaiming_normal_(conv.weight), nn.init.zeros_(conv.bias)
net = nn.Sequential(convs[0], nn.ReLU(), convs[1], nn.ReLU(), convs[2], nn.ReLU(), convs[3])
table = torch.tensor([list(v2.RandomResizedCrop(16).make_params([X[0]]).values()) for _ in range(4000)])
optimizer = torch.optim.Adam(net.parameters(), lr)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, num_steps)
for step in range(num_steps):
    batch = torch.randint(1000, (seeds * 32,))
    boxes = table[torch.randint(4000, (len(batch),))], center(16).expand(len(batch), 4)  # 随机裁剪；只缩放
    both = torch.cat([look(X[batch], box).view(seeds, 32, 16, 16) for box in boxes]).transpose(0, 1)
    scores = net(both).view(32, n, 10).transpose(0, 1)  # (n, 32, 10)
    loss = F.cross_entropy(scores.flatten(0, 1), y[batch].repeat(2)) * n
    optimizer.zero_grad(), loss.backward(), optimizer.step(), schedule.step()

# %% compare caption="两组网络，同样的测试图；横轴是测试时短边缩到多大再裁 16×16（16 就是不放大）。12 个种子的平均与范围。随机裁剪训练的一组在 18 到 24 之间最好；训练时也只缩放的一组在 16 最好，越放大越差。"
resizes = [14, 16, 16 * 256 / 224, 21, 24, 28]
with torch.no_grad():
    def accuracy(box):  # 测试集 797 张 -> (2, seeds)
        out = net(look(X[1000:], box.expand(797, 4)).expand(-1, n, -1, -1)).view(797, n, 10)
        return (out.argmax(2).T == y[1000:]).float().mean(1).view(2, seeds) * 100
    curve = torch.stack([accuracy(center(r)) for r in resizes], 2)  # (2, seeds, 6)
    squash = accuracy(torch.tensor([[0, 0, 32, 48]]))
fig, ax = plt.subplots(figsize=(5.2, 2.8))
for acc, label, style in zip(curve, ("训练时随机裁剪（RandomResizedCrop）", "训练时只缩放"), ("o-", "s--")):
    ax.plot(resizes, acc.mean(0), style, label=label)
    ax.fill_between(resizes, acc.min(0).values, acc.max(0).values, alpha=0.2)
ax.set(title="测试时怎么缩放最好，取决于训练时怎么裁剪", xlabel="测试时短边缩到（再从中间裁 16）", ylabel="测试准确率 %")
ax.legend(loc="lower left")
for acc, flat, name in zip(curve, squash, ("随机裁剪", "只缩放")):
    gain = acc[:, 2] - acc[:, 1]  # 同一个网络，放大 256/224 倍与不放大之差
    print(f"训练时{name}：压扁 {flat.mean():.1f}，缩到 16 {acc[:, 1].mean():.1f}，缩到 18.3 再裁 "
          f"{acc[:, 2].mean():.1f}，后两者之差 {gain.mean():+.1f} ± {gain.std() / seeds**0.5:.1f}")
    assert (acc[:, 1] - flat).min() > 5  # 没见过压扁的：每个网络都更差
d = curve[:, :, 2:4] - curve[:, :, 1:2]  # 缩到 18.3 与 21，都和 16 比，同一个网络配对 (2, seeds, 2)
assert (d.mean(1).abs() > torch.tensor([[4, 4], [2, 4]]) * d.std(1) / seeds**0.5).all() and d[0].mean(0).min() > 2
assert d[1].mean(0).max() < -1 and curve[1].mean(0).argmax() == 1 and 2 <= curve[0].mean(0).argmax() <= 4
