"""网络要求固定的输入大小，强行 resize 会不会让效果变差？

要检验的说法：会变差，所以要保持长宽比：短边缩到 256 再裁 224，或者裁五块一起预测。
能推翻它的结果：训练时也压扁，压扁就不比裁剪差；裁五块取平均并不更准；网络根本不挑输入的大小。
"""

# %% fixed
import torch
from sklearn.datasets import load_sample_images
from torch import nn
from torchvision import models
photos = [torch.tensor(p).permute(2, 0, 1) / 255 for p in load_sample_images().images]  # 两张 (3, 427, 640)
convs = nn.Sequential(nn.Conv2d(3, 8, 11, stride=4), nn.ReLU(), nn.MaxPool2d(3, 2))
fixed = nn.Sequential(convs, nn.Flatten(), nn.Linear(8 * 26 * 26, 10))  # 26 是按 224×224 算出来的
flexible = nn.Sequential(convs, nn.AdaptiveAvgPool2d(6), nn.Flatten(), nn.Linear(8 * 6 * 6, 10))
for X in (torch.rand(1, 3, 224, 224), photos[0][None]):
    print(tuple(X.shape), "卷积以后", tuple(convs(X).shape), "，加 AdaptiveAvgPool2d 的网络", tuple(flexible(X).shape))
with torch.device("meta"):  # 只算形状，不分配参数
    alexnet = models.alexnet()(torch.empty(1, 3, 427, 640))
try:
    fixed(torch.rand(1, 3, 224, 224)), fixed(photos[0][None])  # 前一个没事，后一个报错
except RuntimeError as error:
    print(message := str(error))
assert "mat1 and mat2 shapes cannot be multiplied (1x32448 and 5408x10)" in message
assert flexible(X).shape == (1, 10) and alexnet.shape == (1, 1000)

# %% transforms
from torchvision.transforms import v2
recipe = models.AlexNet_Weights.DEFAULT.transforms()
print("AlexNet 的权重：短边缩到", recipe.resize_size, "，从中间裁", recipe.crop_size)
sides = v2.Resize(256)(torch.empty(1, 427, 640)).shape[1:]
where = torch.stack(torch.meshgrid(*map(torch.arange, sides), indexing="ij"))  # 像素记着自己的 (行, 列)
corners = [tuple(crop[:, 0, 0].tolist()) for crop in v2.FiveCrop(224)(where)]
print("427×640 缩成", tuple(sides), "，FiveCrop 五块的左上角：", corners)
padded = v2.CenterCrop(224)(torch.ones(1, 100, 150))
print("CenterCrop(224) 遇到 100×150：得到", tuple(padded.shape), f"，其中补的 0 占 {(padded == 0).float().mean():.0%}")
assert (recipe.resize_size, recipe.crop_size) == ([256], [224]) and padded.sum() == 100 * 150
assert corners == [(0, 0), (0, 159), (32, 0), (32, 159), (16, 80)]  # 四角和正中，没有随机

# %% data
from sklearn.datasets import load_digits
from torch.nn import functional as F
torch.manual_seed(0)
ratios, titles = (1, 1.5, 2, 2.5), ("物体在中间", "物体在任意位置")
order, gray = torch.randperm(1797), [p.mean(0, keepdim=True) * 0.4 for p in photos]
images, labels = (torch.tensor(a)[order] for a in load_digits(return_X_y=True))
halves = [torch.arange(i, 1797, 2) for i in (0, 1)] * 4  # 一半的数字用横的图，一半用竖的
def compose(h, w, spread, which):  # 真实的数字贴在真实照片的一角上：(N, 1, h, w)
    out = torch.empty(len(which), 1, h, w)
    for k, n in enumerate(which.tolist()):
        s, i, j = (torch.randint(a, b, ()).item() for a, b in ((18, 29), (0, 427 - h), (0, 640 - w)))
        top, left = (int((side - s) * (0.5 + spread * (torch.rand(()).item() - 0.5))) for side in (h, w))
        digit = F.interpolate(images[n].view(1, 1, 8, 8).float() / 16, size=(s, s), mode="bilinear")[0]
        digit = F.pad(digit, (left, w - left - s, top, h - top - s))
        out[k] = torch.maximum(gray[n % 2][:, i:i + h, j:j + w], digit)
    return out
sizes = [size for r in ratios for size in ((32, int(32 * r)), (int(32 * r), 32))]  # 横、竖；每个数字各出现四次
worlds = [[compose(*size, spread, which) for size, which in zip(sizes, halves)] for spread in (0.3, 1)]
ways = {"压扁": v2.Resize((18, 18)), "裁剪": v2.Compose([v2.Resize(18), v2.CenterCrop(18)]),  # 18 相当于 256
        "补边": v2.Compose([v2.Resize(None, max_size=18), v2.CenterCrop(18)])}  # 长边缩到 18，不够的补 0

# %% looks caption="同样长宽比 2.5:1 的两张图，三种做法得到的 18×18 输入。上：数字在中间；下：数字在边上。压扁：都在，但变了形。裁剪：形状和大小都对，但边上的数字没有了。补边：形状对、都在，但数字小得看不清。"
import matplotlib.pyplot as plt
fig, axes = plt.subplots(2, 4, figsize=(5.2, 2.3), layout="constrained", width_ratios=[2.5, 1, 1, 1])
for row, world, k in zip(axes, worlds, (1, 12)):
    for ax, name in zip(row, ["原图", *ways]):
        ax.imshow(ways.get(name, nn.Identity())(world[6][k:k + 1])[0, 0], interpolation="none", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[], xlabel=name)
fig.suptitle("怎样变成正方形")

# %% train
seeds, lr, num_steps = 5, 0.01, 1200  # 前 1,000 个数字训练，最后 597 个测试；中间 200 个在构建之外用来选学习率
y = torch.cat([labels[which[which < 1000]] for which in halves])
inputs = torch.stack([torch.cat([way(p[which < 1000]) for p, which in zip(world, halves)])
                      for world in worlds for way in ways.values()])  # (6 组, 4000, 1, 18, 18)
dims, n = ((1, 8, 3, 2, 1), (8, 16, 3, 2, 1), (16, 16, 3, 1, 1), (16, 10, 2, 1, 0)), len(inputs)
def forward(net, X):  # X (批量, 网络数或 1, 高, 宽) → (网络数, 批量, 10)，输入多大都行
    X = ((X - 0.25) / 0.2).contiguous(memory_format=torch.channels_last)  # 数不变，只是分组卷积快一些
    for i, (W, b) in enumerate(net):  # 分组卷积，网络之间互不相干
        X = F.adaptive_avg_pool2d(X.relu(), 2) if i == 3 else X.relu() if i else X
        X = F.conv2d(X, W.flatten(0, 1), b.flatten(), *dims[i][3:], groups=X.shape[1] // W.shape[2])
    return X.view(len(X), -1, 10).transpose(0, 1)
net = [[(torch.randn(seeds, o, i, k, k) * (2 / (i * k * k)) ** 0.5).repeat(n, 1, 1, 1, 1).requires_grad_(),
        torch.zeros(n * seeds, o, requires_grad=True)] for i, o, k, *_ in dims]
optimizer = torch.optim.Adam(sum(net, []), lr)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, num_steps)
for _ in range(num_steps):
    batch, (i, j) = torch.randint(len(y), (seeds * 32,)), torch.randint(3, (2,)).tolist()
    X = inputs[:, batch, 0, i:i + 16, j:j + 16].view(n * seeds, 32, 16, 16)  # 训练时随机裁 16×16
    loss = F.cross_entropy(forward(net, X.transpose(0, 1)).flatten(0, 1), y[batch].repeat(n), reduction="sum")
    optimizer.zero_grad(), (loss / 32).backward(), optimizer.step(), schedule.step()

# %% compare caption="测试准确率，5 个种子的平均，横轴是图的长宽比。左：物体在中间，裁剪最好；训练时没见过压扁的网络，测试时压扁，越长的图越差。右：物体在任意位置，图长的时候压扁比裁剪好，因为裁剪看不到两头。"
def accuracy(k, arm, view):  # 第 k 份数据的第 arm 组；view 把图变成几块，概率相加。返回 (长宽比, 种子)
    part, right = [[p.detach().unflatten(0, (n, seeds))[3 * k + arm] for p in layer] for layer in net], []
    for pictures, which in zip(worlds[k], halves):
        with torch.no_grad():
            scores = sum(forward(part, X).softmax(2) for X in view(pictures[which >= 1200]))
        right.append((scores.argmax(2) == labels[which[which >= 1200]]).float().mean(1) * 100)
    return torch.stack(right).view(4, 2, seeds).mean(1)
fig, axes = plt.subplots(1, 2, figsize=(5.2, 3), sharey=True, layout="constrained")
arms, acc = {"都压扁": (0, "压扁"), "都裁剪": (1, "裁剪"), "都补边": (2, "补边"), "训练裁剪，测试压扁": (1, "压扁")}, {}
for k, (ax, title) in enumerate(zip(axes, titles)):
    for (name, (arm, way)), style in zip(arms.items(), ("o-", "s--", "^:", "D-.")):
        acc[k, name] = accuracy(k, arm, lambda X: [ways[way](X)[..., 1:17, 1:17]])
        ax.plot(ratios, acc[k, name].mean(1), style, label=name)
    ax.set(title=title, xlabel="长宽比", xticks=ratios, ylabel="测试准确率 %" * (k == 0))
    print(title, {name: f"{a.mean():.0f} ± {a.mean(0).std():.0f}" for (j, name), a in acc.items() if j == k})
fig.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=2)
far = (acc[1, "都压扁"] - acc[1, "都裁剪"])[2:].mean(0)  # 任意位置，2:1 和 2.5:1
print(f"物体在任意位置，2:1 和 2.5:1 的图：压扁比裁剪高 {far.mean():.1f} ± {far.std() / seeds**0.5:.1f}")
assert far.mean() > max(3, 3 * far.std() / seeds**0.5)
assert all((acc[k, "都压扁"] - acc[k, "训练裁剪，测试压扁"]).mean(0).min() > 4 for k in (0, 1))
assert (acc[0, "都裁剪"] - acc[0, "都压扁"]).mean(0).min() > 2 < (acc[0, "都压扁"] - acc[0, "都补边"]).mean(0).min()

# %% multi
views, gain, cost = {"正方形里五块": lambda X: v2.FiveCrop(16)(ways["裁剪"](X)),
         "再加翻转，十块": lambda X: v2.TenCrop(16)(ways["裁剪"](X)),
         "整张里五块": lambda X: v2.FiveCrop(16)(v2.Resize(18)(X)),
         "整张里随机五块": lambda X: [torch.stack([v2.RandomCrop(16)(x) for x in v2.Resize(18)(X)]) for _ in range(5)],
         "整张不裁": lambda X: [v2.Resize(16)(X)]}, {}, {}
for name, view in views.items():  # 都用训练时裁剪的网络，与“中间一块”比
    cost[name] = sum(X.numel() for X in view(worlds[0][4][:1])) / 16**2  # 一张 2:1 的图，要看多少像素
    gain[name] = torch.stack([(accuracy(k, 1, view) - acc[k, "都裁剪"]).mean(0) for k in (0, 1)])
    shown = [f"{title} {g.mean():+.1f} ± {g.std() / seeds**0.5:.1f}" for title, g in zip(titles, gain[name])]
    print(f"{name}：像素 × {cost[name]:g}；" + "，".join(shown))
five, ten, wide, dice, whole = gain.values()
assert cost["正方形里五块"] == 5 and five.min() > 0.5 and five.mean() > 2
assert wide[0].max() < -8 and wide[1].min() > 8 and dice[0].max() < -3 and dice[1].min() > 8
assert (ten - five).max() < -2 and whole[0].max() < -2 and whole[1].min() > 4
