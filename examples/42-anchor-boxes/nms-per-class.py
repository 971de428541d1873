"""NMS 是只在同一类别里做，还是所有类别一起做？

要检验的说法：两种都可以。
能推翻它的结果：两种做法留下同样的框；或者一种在查全率和查准率上都不输给另一种。
"""

# %% own
import torch
from torchvision.ops import batched_nms, box_iou, nms
def my_nms(boxes, scores, threshold):  # boxes (n, 4) 是左上角和右下角；从分数最高的开始，删掉与它重叠太多的
    order, kept = scores.argsort(descending=True), []
    while len(order):
        kept.append(order[0])
        order = order[1:][box_iou(boxes[order[:1]], boxes[order[1:]])[0] <= threshold]
    return torch.stack(kept)
torch.manual_seed(0)
corner = torch.rand(300, 40, 2) * 60  # 300 个随机例子，各 40 个框，4 类
many = torch.cat([corner, corner + 10 + torch.rand(300, 40, 2) * 40], 2)
cases = list(zip(many, torch.rand(300, 40), torch.randint(4, (300, 40))))
same = sum(torch.equal(my_nms(b, s, t), nms(b, s, t)) for b, s, _ in cases for t in (0.3, 0.5, 0.7))
print(f"900 次里，自己写的 NMS 与 torchvision 的下标完全相同：{same}")
assert same == 900

# %% per-class
equal = shifted = differ = extra = 0
for boxes, scores, classes in cases:
    groups = [torch.where(classes == c)[0] for c in classes.unique()]  # 每一类各做一次，再按分数排好
    kept = torch.cat([g[nms(boxes[g], scores[g], 0.5)] for g in groups])
    kept = kept[scores[kept].argsort(descending=True)]
    moved = boxes + (classes * (boxes.max() + 1))[:, None]  # 每一类整体平移：不同类的框碰不到一起
    equal += torch.equal(batched_nms(boxes, scores, classes, 0.5), kept)
    shifted += torch.equal(nms(moved, scores, 0.5), kept)
    more = set(nms(boxes, scores, 0.5).tolist()) - set(kept.tolist())
    differ, extra = differ + (len(nms(boxes, scores, 0.5)) < len(kept)), extra + bool(more)
print(f"300 个例子里，与逐类循环相同：batched_nms {equal}，平移后做一次 nms {shifted}")
print(f"一起做留下的框更少 {differ}；一起做还留下了按类做删掉的框 {extra}")
four = torch.tensor([[0.0, 0, 10, 10], [3, 0, 13, 10], [6, 0, 16, 10], [3, 3, 13, 13]]), torch.tensor([4.0, 3, 2, 1])
fewer, more = len(batched_nms(*four, torch.tensor([0, 1, 1, 1]), 0.5)), len(nms(*four, 0.5))  # 第二个框压着后两个
print(f"四个框，第一个是另一类：按类做留下 {fewer} 个，一起做留下 {more} 个")
assert equal == shifted == differ == 300 and 10 < extra < 200 and (fewer, more) == (2, 3)  # 个数也可能反过来
two = torch.tensor([[0.0, 0, 8, 8], [3, 0, 11, 8]]), torch.tensor([0.9, 0.8])  # 挨着的两个物体，IoU 0.45
one_class, two_classes = (batched_nms(*two, torch.tensor(c), 0.3).tolist() for c in ([1, 1], [1, 2]))
print("按类做，挨着的两个物体：同一类，留下", one_class, "；不同类，留下", two_classes)
assert one_class == [0] and two_classes == [0, 1]

# %% library
from torchvision.models.detection import retinanet, roi_heads, ssd
for model in (ssd.SSD, retinanet.RetinaNet, roi_heads.RoIHeads):
    called = {"nms", "batched_nms"} & set(model.postprocess_detections.__code__.co_names)
    print(f"{model.__name__} 的后处理用的是", called)
    assert called == {"batched_nms"}
for wrong in (boxes[0], boxes.double()):
    try:
        nms(wrong, scores, 0.5)
    except RuntimeError as error:
        print("报错：", message := str(error).split("cpp:")[-1].split(", ", 1)[1])
        assert message.startswith(("boxes should be a 2d tensor", "dets should have the same type"))

# %% scenes
from sklearn.datasets import load_digits
X, y = torch.tensor(load_digits().images).float() / 16, torch.tensor(load_digits().target)
grid = torch.cartesian_prod(torch.arange(13), torch.arange(13))  # 20×20 的图里每个 8×8 窗口的 (行, 列)
def scenes(n, first, last):  # 返回图、窗口 (n, 169, 64)、两个数字的位置与类别 (n, 2)、是否重叠
    pick = torch.randint(first, last, (n, 2))
    pick = pick[y[pick[:, 0]] != y[pick[:, 1]]]  # 两个不同类的数字
    n, overlap = len(pick), torch.rand(len(pick)) < 0.5
    apart = torch.randint(4, (n, 2, 2)) + torch.tensor([[0, 0], [9, 9]])
    steps = torch.tensor([[3, 0], [0, 3], [2, 1], [1, -2]])[torch.randint(4, (n,))]  # 两框的 IoU 约 0.45
    close = torch.randint(3, 10, (n, 1, 2)) + torch.stack([steps * 0, steps], 1)
    places, canvas = torch.where(overlap.view(n, 1, 1), close, apart), torch.zeros(n, 20, 20)
    for k, j in torch.cartesian_prod(torch.arange(n), torch.arange(2)).tolist():
        spot = canvas[k, places[k, j, 0]:, places[k, j, 1]:][:8, :8]
        spot.copy_(torch.maximum(spot, X[pick[k, j]]))
    windows = canvas.unfold(1, 8, 1).unfold(2, 8, 1).reshape(n, 169, 64)
    return canvas, windows, places @ torch.tensor([13, 1]), y[pick], overlap

# %% detector
from torch.nn.functional import binary_cross_entropy_with_logits, one_hot
_, windows, where, which, _ = scenes(1600, 0, 1000)
far = (grid - grid[where][:, :, None]).abs().amax(3).amin(1) >= 2  # 离两个数字都远的窗口是背景
negative, positive = windows[far], torch.take_along_dim(windows, where[..., None], 1).flatten(0, 1)
answer, seeds = one_hot(which.flatten(), 10).float(), 5
params = [(torch.randn(seeds, a, b) * (2 / a) ** 0.5).requires_grad_() for a, b in ((64, 96), (96, 10))]
params += [torch.full((seeds, 1, b), v, requires_grad=True) for b, v in ((96, 0.0), (10, -2.0))]
def net(X):
    return torch.baddbmm(params[3], torch.baddbmm(params[2], X, params[0]).relu(), params[1])
optimizer = torch.optim.Adam(params, lr=0.005)
for step in range(1000):
    i, j = torch.randint(len(positive), (seeds, 64)), torch.randint(len(negative), (seeds, 128))
    target = torch.cat([answer[i], torch.zeros(seeds, 128, 10)], 1)  # 每一类各自判断“是不是它”
    loss = binary_cross_entropy_with_logits(net(torch.cat([positive[i], negative[j]], 1)), target) * 10 * seeds
    optimizer.zero_grad(), loss.backward(), optimizer.step()

def detect(probability, together):  # 全部图一次做完：batched_nms 按图分组，或按图和类别分组
    picture, place, c = torch.where(probability > 0.1)
    boxes, scores = torch.cat([grid[place], grid[place] + 8], 1).float(), probability[picture, place, c]
    kept = batched_nms(boxes, scores, picture if together else picture * 10 + c, 0.3)
    return picture[kept], place[kept], c[kept], scores[kept]
canvas, windows, where, which, overlap = scenes(500, 1000, 1797)  # 测试：训练时没有见过的数字
probability = net(windows.view(1, -1, 64).expand(seeds, -1, -1)).detach().sigmoid().view(seeds, -1, 169, 10)

# %% pictures caption="上排两个数字分开，下排重叠；左边一起做，右边按类做；检出的类别按分数从高到低。一起做：重叠的两个数字只剩一个框。按类做：两个都在，但还多出几个别的类。"
import matplotlib.pyplot as plt
fig, axes = plt.subplots(2, 2, figsize=(4.2, 4.4), layout="constrained")
for j, way in enumerate(("一起做", "按类做")):
    picture, place, c, scores = detect(probability[0], way == "一起做")
    for i, chosen in enumerate((~overlap, overlap)):
        k = chosen.nonzero()[0].item()  # 测试集里的第一张
        axes[i, j].imshow(canvas[k], cmap="gray")
        mine = (picture == k) & (scores > 0.5)
        for n, (row, column) in enumerate(grid[place[mine]].tolist()):
            axes[i, j].add_patch(plt.Rectangle((column - 0.5, row - 0.5), 8, 8, fill=False, ec=f"C{n % 4}", lw=2))
        axes[i, j].set(title=f"{way}，检出 {'、'.join(map(str, c[mine].tolist()))}", xticks=[], yticks=[])
        axes[i, j].set_xlabel(f"图里有 {which[k, 0]} 和 {which[k, 1]}")

# %% compare
for kind, chosen in (("分开", ~overlap), ("重叠", overlap)):
    result = torch.zeros(2, seeds, 3, 2)  # 一起做与按类做；种子；门槛；查全率与查准率
    for way, seed in torch.cartesian_prod(torch.arange(2), torch.arange(seeds)).tolist():
        picture, place, c, scores = detect(probability[seed, chosen], together=way == 0)
        common = (8 - (grid[place][:, None] - grid[where[chosen][picture]]).abs()).clamp(min=0).prod(2)
        right = ((c[:, None] == which[chosen][picture]) & (common / (128 - common) >= 0.5)).any(1)
        shown = scores > torch.tensor([[0.2], [0.5], [0.8]])
        hit = (shown & right).sum(1)
        result[way, seed] = torch.stack([hit / (2 * chosen.sum()), hit / shown.sum(1)], 1) * 100
    for mean, name in zip(result.mean(1), ("一起做", "按类做")):
        print(f"{kind}，{name}：", "；".join(f"查全 {r:.0f} 查准 {p:.0f}" for r, p in mean), "（门槛 0.2、0.5、0.8）")
    gain = result[1] - result[0]  # 按类做查全更高、查准更低
    assert gain[:, :2, 0].mean(0).min() > 2 and gain[..., 1].max() < -5
assert result[0, :, 1, 0].max() < 55  # 重叠的两个数字，一起做丢掉四成半以上
