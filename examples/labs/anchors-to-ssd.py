# ---
# title: 从锚框到 SSD
# tags: [目标检测, CNN, 损失函数, 图像]
# questions: [42-1, 45-1, 11-4, 08-1]
# description: 从零写出锚框、匹配、偏移量和 NMS，每一步与 torchvision 核对；再训练一个小 SSD，在没见过的场景里找数字，量出平均精度。
# ---

# %% [markdown]
# # 从锚框到 SSD
#
# 目标检测要回答两个问题：图里有什么，在哪里。SSD 的做法是先在图上铺满大小不同的**锚框**，
# 再让网络对每个锚框说两件事：它框住的是哪一类（或者只是背景），以及真正的边框比它偏了多少。
#
# 这个实验把每一步都写出来，能与 torchvision 核对的都核对，最后训练一个小 SSD。
# 场景是合成的：真实的手写数字（scikit-learn 的 8×8 图）缩放成不同大小，贴在带噪声的背景上。
# 训练用一批数字，测试用另一批，所以测试场景里的每个数字都没有见过。

# %% [markdown]
# ## 场景
#
# 每张图 48×48，有 1 到 3 个数字，高 10 到 28 像素。真实边框紧贴着墨迹，所以有宽有窄。
# 标注的格式与课程相同：一行是 `类别, x1, y1, x2, y2`，坐标是左上角和右下角，单位是像素。

# %% scenes
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F
from torchvision.ops import batched_nms, box_iou, nms

SIZE = 48
digits = torch.tensor(load_digits().images, dtype=torch.float32) / 16
labels = torch.tensor(load_digits().target)

def shrink(digit, height):
    """去掉四周的空白，缩放到给定的高度，宽高比不变。"""
    rows, columns = ((digit.amax(d) > 0.3).nonzero()[:, 0] for d in (1, 0))
    ink = digit[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1]
    width = max(4, round(height * ink.shape[1] / ink.shape[0]))
    return F.interpolate(ink[None, None], size=(height, width), mode="bilinear")[0, 0]

fitted = shrink(digits[0], 20)
print("原图：", tuple(digits[0].shape), "，缩放到高 20：", tuple(fitted.shape))
assert fitted.shape[0] == 20 and len(digits) == len(labels) == 1797

# %% make-scenes
def make_scenes(pool, n, seed):
    """返回图 (n, 1, 48, 48) 与每张图的标注 (几个数字, 5)；数字从下标 pool 里取。"""
    g = torch.Generator().manual_seed(seed)
    shade = F.interpolate(torch.rand(n, 1, 5, 5, generator=g), size=SIZE, mode="bilinear")
    X = 0.4 * shade + 0.1 * torch.randn(n, 1, SIZE, SIZE, generator=g)  # 明暗不匀，还有噪声
    truths = []
    for image in X:
        rows = torch.zeros(0, 5)
        for _ in range(torch.randint(1, 4, (), generator=g)):
            k = pool[torch.randint(len(pool), (), generator=g)]
            patch = shrink(digits[k], torch.randint(10, 29, (), generator=g).item())
            h, w = patch.shape
            left = torch.randint(SIZE - w + 1, (), generator=g).item()
            top = torch.randint(SIZE - h + 1, (), generator=g).item()
            row = torch.tensor([[labels[k], left, top, left + w, top + h]], dtype=torch.float32)
            if box_iou(row[:, 1:], rows[:, 1:]).sum() < 0.05:  # 与已有的重叠太多就不贴
                image[0, top:top + h, left:left + w] += patch
                rows = torch.cat([rows, row])
        truths.append(rows)
    return X, truths

# %% show caption="三个训练场景和真实边框。数字大小不一，背景明暗不匀；边框紧贴墨迹，所以 1 的框窄。"
import matplotlib.pyplot as plt

def draw(ax, image, boxes, color="C1", names=()):
    ax.imshow((image[0] * 8).round(), cmap="gray", interpolation="none")  # 灰度粗些，文件小
    for i, (x1, y1, x2, y2) in enumerate(boxes.tolist()):
        # imshow 的像素中心在整数上，所以框要移半个像素
        ax.add_patch(plt.Rectangle((x1 - 0.5, y1 - 0.5), x2 - x1, y2 - y1, fill=False, ec=color))
        if len(names):
            ax.text(x1, y1 - 1.5, names[i], color=color, fontsize=8)
    ax.set(xticks=[], yticks=[])
    ax.grid(False)

X_train, truths_train = make_scenes(torch.arange(0, 1200), 1600, seed=0)
X_test, truths_test = make_scenes(torch.arange(1200, 1797), 300, seed=1)
print("训练图：", tuple(X_train.shape), "，标注的数字：", sum(len(t) for t in truths_train))
print("测试图：", tuple(X_test.shape), "，标注的数字：", sum(len(t) for t in truths_test))
assert all(0 <= t[:, 1:].min() and t[:, 1:].max() <= SIZE for t in truths_test)
fig, axes = plt.subplots(1, 3, figsize=(5.2, 2.1), layout="constrained")
fig.suptitle("训练场景与真实边框", fontsize=10)
for ax, image, truth in zip(axes, X_train, truths_train):
    draw(ax, image, truth[:, 1:], names=[f"{int(c)}" for c in truth[:, 0]])

# %% [markdown]
# ## 锚框
#
# 在特征图的每个格子中心放几个锚框。大小 $s$、宽高比 $r$ 的锚框，宽是 $s\sqrt{r}$，高是 $s/\sqrt{r}$，面积不变。
# 有 $n$ 种大小、$m$ 种比例时，课程不取全部 $nm$ 种，只取 $n + m - 1$ 种：每种大小配第一个比例，第一种大小配每个比例。
#
# 我们用两张特征图：12×12 的格子密，放小锚框；6×6 的格子疏，放大锚框。

# %% anchors
def multibox_prior(cells, sizes, ratios):
    """cells × cells 的特征图，每格 n + m - 1 个锚框；返回 (锚框数, 4)，单位是像素。"""
    middle = (torch.arange(cells) + 0.5) * SIZE / cells
    cy, cx = torch.meshgrid(middle, middle, indexing="ij")
    shapes = [(s, ratios[0]) for s in sizes] + [(sizes[0], r) for r in ratios[1:]]
    wh = torch.tensor([(s * r**0.5, s / r**0.5) for s, r in shapes])  # (n + m - 1, 2)
    center = torch.stack([cx, cy], -1).view(-1, 1, 2)  # (格子数, 1, 2)
    return torch.cat([center - wh / 2, center + wh / 2], -1).view(-1, 4)

small = multibox_prior(12, sizes=(9, 13), ratios=(0.75, 0.45))
large = multibox_prior(6, sizes=(17, 23), ratios=(0.75, 0.45))
anchors = torch.cat([small, large])
print("12×12 的锚框：", len(small), "，6×6 的锚框：", len(large), "，合计：", len(anchors))
wh = small[:3, 2:] - small[:3, :2]
print("一个格子的三个锚框的宽高：", [tuple(round(v, 1) for v in row) for row in wh.tolist()])

assert len(anchors) == 12 * 12 * 3 + 6 * 6 * 3
torch.testing.assert_close(wh.prod(1), torch.tensor([81.0, 169, 81]))  # 比例不改变面积
torch.testing.assert_close((small[:3, :2] + small[:3, 2:]) / 2, torch.full((3, 2), 2.0))

# %% anchor-picture caption="点是格子的中心。左：12×12 特征图上两个格子的锚框，小而密，中心相距 4 像素的整数倍。右：6×6 特征图上两个格子的锚框，大而疏。每格三个：两种大小，外加一个更窄的。"
fig, axes = plt.subplots(1, 2, figsize=(5.2, 2.8), layout="constrained")
for ax, group, cells in ((axes[0], small, 12), (axes[1], large, 6)):
    x, y = ((group[::3, :2] + group[::3, 2:]) / 2).T
    ax.plot(x, y, ".", color="C2", markersize=2, rasterized=True)
    for color, row in (("C0", cells // 3), ("C1", 2 * cells // 3)):
        for x1, y1, x2, y2 in group.view(cells, cells, 3, 4)[row, row].tolist():
            ax.add_patch(plt.Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, ec=color))
    ax.set(title=f"{cells}×{cells} 特征图的锚框", xlabel="像素", ylabel="像素", aspect="equal")
    ax.set(xlim=(0, SIZE), ylim=(SIZE, 0), xticks=range(0, 49, 16), yticks=range(0, 49, 16))
    ax.grid(False)

# %% [markdown]
# ## 交并比
#
# 两个框像不像，用交并比（IoU）量：交集的面积除以并集的面积。自己写一遍，与 `torchvision.ops.box_iou` 对照。

# %% iou
def my_iou(a, b):
    """a (n, 4) 与 b (m, 4) 两两的交并比 (n, m)。"""
    low = torch.maximum(a[:, None, :2], b[:, :2])
    high = torch.minimum(a[:, None, 2:], b[:, 2:])
    common = (high - low).clamp(min=0).prod(2)  # 不相交时是负的，夹到 0
    area_a, area_b = ((x[:, 2:] - x[:, :2]).prod(1) for x in (a, b))
    return common / (area_a[:, None] + area_b - common)

truth = truths_train[0]
torch.testing.assert_close(my_iou(anchors, truth[:, 1:]), box_iou(anchors, truth[:, 1:]))
best = [box_iou(anchors, t[:, 1:]).amax(0) for t in truths_train]
best = torch.cat(best)  # 每个真实边框：与它最像的锚框有多像
print(f"真实边框与最像的锚框的 IoU：平均 {best.mean():.2f}，最小 {best.min():.2f}")
print(f"IoU 至少 0.5 的占 {(best >= 0.5).float().mean():.0%}")
assert (best >= 0.5).float().mean() > 0.9 and best.max() < 1

# %% [markdown]
# 大多数真实边框都有一个还不错的锚框，但没有一个锚框是完全对的：剩下的差距要靠回归补上。
#
# ## 匹配：每个锚框该学什么
#
# 训练时每个锚框要有一个答案：
#
# - 与某个真实边框的 IoU 至少 0.5，就归它；
# - 否则是背景；
# - 另外，每个真实边框都要有至少一个锚框：最像它的那个，哪怕 IoU 不到 0.5。
#
# torchvision 的 SSD 用的是同一套规则（内部的 `SSDMatcher`），正好用来核对。

# %% match
from torchvision.models.detection._utils import SSDMatcher  # 库的内部类，只用来核对

def match(anchors, boxes, threshold=0.5):
    """返回每个锚框归哪个真实边框 (锚框数,)，-1 是背景。"""
    iou = box_iou(boxes, anchors)  # (真实边框数, 锚框数)
    value, owner = iou.max(0)
    owner[value < threshold] = -1
    owner[iou.argmax(1)] = torch.arange(len(boxes))  # 每个真实边框至少有一个锚框
    return owner

owners = [match(anchors, t[:, 1:]) for t in truths_train]
for owner, t in list(zip(owners, truths_train))[:200]:
    assert torch.equal(owner, SSDMatcher(0.5)(box_iou(t[:, 1:], anchors)))

positive = torch.stack(owners) >= 0
height = torch.cat([(t[:, 4] - t[:, 2])[o[o >= 0]] for o, t in zip(owners, truths_train)])
on_small = torch.cat([(o >= 0).nonzero()[:, 0] < len(small) for o in owners])
print(f"每张图 {len(anchors)} 个锚框，平均 {positive.sum(1).float().mean():.1f} 个不是背景")
for low, high in ((10, 16), (16, 22), (22, 29)):
    part = on_small[(height >= low) & (height < high)].float().mean()
    print(f"高 {low}–{high - 1} 像素的数字，匹配的锚框在 12×12 上的占 {part:.0%}")
assert on_small[height < 14].float().mean() > 0.9 and on_small[height > 22].float().mean() < 0.2

# %% [markdown]
# 小数字自动归 12×12，大数字归 6×6：这就是 SSD 要几张特征图的原因。
# 也看到了一个麻烦：绝大多数锚框是背景，后面的损失函数要处理它。
#
# ## 偏移量
#
# 网络不直接预测坐标，而是预测相对于锚框的偏移量：中心的移动除以锚框的宽高，宽高的比取对数。
# 这样大框小框的目标都在同一个范围里。乘上 10 和 5，是为了让它们的标准差接近 1：
#
# $$
# \left( 10\,\frac{x - x_a}{w_a},\quad 10\,\frac{y - y_a}{h_a},\quad 5 \ln\frac{w}{w_a},\quad 5 \ln\frac{h}{h_a} \right)
# $$

# %% offsets
from torchvision.models.detection._utils import BoxCoder
from torchvision.ops import box_convert

def encode(anchors, boxes):
    a, b = (box_convert(x, "xyxy", "cxcywh") for x in (anchors, boxes))
    return torch.cat([10 * (b[:, :2] - a[:, :2]) / a[:, 2:], 5 * (b[:, 2:] / a[:, 2:]).log()], 1)

def decode(anchors, offsets):
    a = box_convert(anchors, "xyxy", "cxcywh")
    center = a[:, :2] + offsets[:, :2] * a[:, 2:] / 10
    return box_convert(torch.cat([center, a[:, 2:] * (offsets[:, 2:] / 5).exp()], 1),
                       "cxcywh", "xyxy")

mine, boxes = [torch.cat(x) for x in zip(*(
    (anchors[o >= 0], t[o[o >= 0], 1:]) for o, t in zip(owners, truths_train)))]
targets = encode(mine, boxes)
coder = BoxCoder(weights=(10.0, 10.0, 5.0, 5.0))
torch.testing.assert_close(targets, coder.encode_single(boxes, mine))
torch.testing.assert_close(decode(mine, targets), boxes, rtol=0, atol=1e-3)  # 解码还原
print("偏移量的标准差：", [round(v, 2) for v in targets.std(0).tolist()])
assert 0.3 < targets.std(0).min() and targets.std(0).max() < 3

# %% [markdown]
# 现在把全部训练图的答案一次算好：类别（0 留给背景）和偏移量（只有不是背景的锚框才用得上）。

# %% targets
from torch.utils.data import DataLoader, TensorDataset

classes, offsets = torch.zeros(len(owners), len(anchors)).long(), torch.zeros(*positive.shape, 4)
for i, (owner, t) in enumerate(zip(owners, truths_train)):
    taken = owner >= 0
    classes[i, taken] = t[owner[taken], 0].long() + 1
    offsets[i, taken] = encode(anchors[taken], t[owner[taken], 1:])
dataset = TensorDataset(X_train, classes, offsets)
share = (classes == 0).float().mean()
print("类别：", tuple(classes.shape), "，偏移量：", tuple(offsets.shape), f"，背景占 {share:.1%}")
assert share > 0.98 and torch.equal(classes > 0, positive)

# %% [markdown]
# ## 网络
#
# 主干用步幅 2 的卷积逐步缩小：48 → 24 → 12 → 6。12×12 和 6×6 的特征图各接两个 3×3 卷积，
# 一个输出每个锚框的 11 个类别得分，一个输出 4 个偏移量。
# 输出的次序必须与锚框的次序一致：先格子，再格子里的锚框，所以要把通道换到最后再变形。

# %% net
def block(c_in, c_out, stride):
    return nn.Sequential(nn.Conv2d(c_in, c_out, 3, stride, padding=1, bias=False),
                         nn.BatchNorm2d(c_out), nn.ReLU())

class TinySSD(nn.Module):
    def __init__(self, num_classes=10, num_anchors=3, channels=(32, 64)):
        super().__init__()
        a, b = channels
        self.stages = nn.ModuleList([
            nn.Sequential(block(1, 16, 2), block(16, a, 2), block(a, a, 1)),  # 48 → 12
            nn.Sequential(block(a, b, 2), block(b, b, 1))])                   # 12 → 6
        self.classify, self.locate = (
            nn.ModuleList(nn.Conv2d(c, num_anchors * k, 3, padding=1) for c in channels)
            for k in (num_classes + 1, 4))

    def forward(self, X):
        scores, offsets = [], []
        for stage, classify, locate in zip(self.stages, self.classify, self.locate):
            X = stage(X)
            for conv, outputs, k in ((classify, scores, 11), (locate, offsets, 4)):
                outputs.append(conv(X).permute(0, 2, 3, 1).reshape(len(X), -1, k))
        return torch.cat(scores, 1), torch.cat(offsets, 1)  # (N, 540, 11)，(N, 540, 4)

# %% [markdown]
# ## 损失：两项相加，背景只挑难的
#
# 分类用交叉熵。偏移量用 `smooth_l1_loss`：误差小时是平方，大时是绝对值，
# 两者各自的好处见[线性回归为什么用平方损失，而不用绝对值？](../08-linear-regression/squared-vs-absolute-loss.md)
# 两项都除以正样本（不是背景的锚框）的个数。
#
# 背景占 98% 以上。全部算进去，网络只要一律说“背景”损失就很低。SSD 的办法是**难例挖掘**：
# 每张图只留损失最大的那些背景，个数是正样本的 3 倍。
# 改变比例会怎样影响概率和阈值，见[实际是 1:9 的二分类，训练集该用 1:1 还是 1:9？](../11-model-selection/imbalanced-training-ratio.md)
#
# 两项相加时谁会压过谁？按[几个损失相加，一个很大一个很小](../45-ssd/balancing-losses.md)的结论，
# 要比的是它们在**共用的主干**上的梯度，不是损失的数值。

# %% loss
def ssd_loss(scores, shifts, classes, offsets):
    positive = classes > 0
    per_anchor = F.cross_entropy(scores.transpose(1, 2), classes, reduction="none")  # (N, 锚框数)
    # 难例挖掘：背景按损失从大到小排名，每张图留正样本个数的 3 倍
    hardness = per_anchor.detach().masked_fill(positive, -1)
    rank = hardness.argsort(1, descending=True).argsort(1)
    hard = rank < 3 * positive.sum(1, keepdim=True)
    num = positive.sum()
    box = F.smooth_l1_loss(shifts[positive], offsets[positive], reduction="sum") / num
    return per_anchor[positive | hard].sum() / num, box

torch.manual_seed(0)
net = TinySSD()
scores, shifts = net(X_train[:64])
assert scores.shape[:2] == shifts.shape[:2] == (64, len(anchors))  # 每个锚框一行
parts = ssd_loss(scores, shifts, classes[:64], offsets[:64])
shared = list(net.stages.parameters())
norms = [nn.utils.get_total_norm(torch.autograd.grad(part, shared, retain_graph=True))
         for part in parts]
print("没有训练时，分类损失与边框损失：", [round(v.item(), 2) for v in parts])
print("两项在主干上的梯度：", [round(v.item(), 2) for v in norms])
assert 0.1 < norms[0] / norms[1] < 10  # 相差不到一个数量级：直接相加就行

# %% [markdown]
# 两份梯度相差不到十倍，权重都取 1 就可以。
#
# ## 训练

# %% train caption="每一轮的平均训练损失。两项都在下降：边框损失先降下来，分类损失降得久。"
num_epochs, lr, history = 8, 0.005, []
loader = DataLoader(dataset, batch_size=32, shuffle=True)
optimizer = torch.optim.Adam(net.parameters(), lr=lr)
schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=num_epochs * len(loader))
for epoch in range(num_epochs):
    total = torch.zeros(2)
    for X, c, o in loader:
        cls, box = ssd_loss(*net(X), c, o)
        optimizer.zero_grad()
        (cls + box).backward()
        optimizer.step()
        schedule.step()
        total += torch.stack([cls, box]).detach() / len(loader)
    history.append(total)
history = torch.stack(history)
fig, ax = plt.subplots(figsize=(5.2, 2.6))
for values, style, name in zip(history.T, ("o-", "s--"), ("分类（交叉熵）", "边框（smooth L1）")):
    ax.plot(range(1, num_epochs + 1), values, style, label=name)
ax.set(title="两项损失一起下降", xlabel="轮", ylabel="训练损失")
ax.legend()
print("第一轮：", [round(v, 2) for v in history[0].tolist()])
print("最后一轮：", [round(v, 2) for v in history[-1].tolist()])
assert (history[-1] < history[0] / 2).all()

# %% [markdown]
# ## 从输出到边框
#
# 预测时反过来走：得分经过 softmax，每个锚框取最可能的类别；偏移量解码成边框；
# 去掉分数太低的；最后用非极大值抑制（NMS）去掉重复的。先看 NMS 做了什么，并与 torchvision 核对。
#
# NMS 有按类做和一起做两种，见[NMS 是只在同一类别里做，还是所有类别一起做？](../42-anchor-boxes/nms-per-class.md)
# 这里按类做（`batched_nms`），与 torchvision 的检测模型相同，后面再与一起做比较。

# %% nms
def my_nms(boxes, scores, threshold):
    order, kept = scores.argsort(descending=True), []
    while len(order):
        kept.append(order[0])  # 分数最高的留下，与它重叠太多的删掉
        order = order[1:][box_iou(boxes[order[:1]], boxes[order[1:]])[0] <= threshold]
    return torch.stack(kept)

@torch.no_grad()
def raw_predictions(net, X):
    """还没有做 NMS：每个锚框的边框、分数、类别。"""
    net.eval()
    scores, shifts = net(X)
    value, c = scores.softmax(2)[..., 1:].max(2)  # 第 0 类是背景，不参加
    return torch.stack([decode(anchors, s) for s in shifts]), value, c

boxes, value, c = raw_predictions(net, X_test)
for b, v in zip(boxes[:50], value[:50]):
    assert torch.equal(my_nms(b, v, 0.3), nms(b, v, 0.3))
confident = value > 0.5
survive = [len(batched_nms(b[k], v[k], i[k], 0.3)) for b, v, i, k in
           zip(boxes, value, c, confident)]
before, after = confident.sum(1).float().mean(), torch.tensor(survive).float().mean()
total = sum(len(t) for t in truths_test)
print(f"每张图分数过 0.5 的框：NMS 之前 {before:.1f}，之后 {after:.1f}；"
      f"实际的数字 {total / len(truths_test):.1f}")
assert before > 1.5 * after

# %% pictures caption="三个没有见过的测试场景，画出分数超过 0.5 的检出：类别和边框。大小不同的数字都能框住；也可能有认错的、漏掉的，或一个数字留下两个类别的。"
def detect(net, X, min_score=0.05, threshold=0.3, per_class=True):
    """每张图一个 (检出数, 6)：类别, 分数, x1, y1, x2, y2，分数从高到低。"""
    found = []
    for box, v, k in zip(*raw_predictions(net, X)):
        box, v, k = box[v > min_score], v[v > min_score], k[v > min_score]
        kept = batched_nms(box, v, k, threshold) if per_class else nms(box, v, threshold)
        found.append(torch.cat([k[kept, None], v[kept, None], box[kept]], 1))
    return found

found = detect(net, X_test)
assert all((f[:, 1].diff() <= 0).all() for f in found)  # batched_nms 按分数排好了
fig, axes = plt.subplots(1, 3, figsize=(5.2, 2.1), layout="constrained")
fig.suptitle("测试场景的检出", fontsize=10)
for ax, image, f in zip(axes, X_test, found):
    sure = f[f[:, 1] > 0.5]
    draw(ax, image, sure[:, 2:], names=[f"{int(k)}" for k in sure[:, 0]])

# %% [markdown]
# ## 量一量有多准
#
# 一个检出算**对**：类别对，与真实边框的 IoU 至少 0.5，而且那个真实边框还没有被分数更高的检出认领。
# 把全部测试图的检出按分数排好，从高到低逐个放进来，查准率和查全率就画出一条曲线；
# 曲线下的面积是平均精度（AP），各类的平均是 mAP。
# 算面积时，每个查全率取它右边最高的查准率，这是 Pascal VOC 的规定。

# %% judge
def judge(found, truths):
    """每个检出一行：类别、分数、对不对。"""
    rows = []
    for f, t in zip(found, truths):
        free = torch.ones(len(t))
        for row, iou in zip(f, box_iou(f[:, 2:], t[:, 1:])):
            iou = iou * (t[:, 0] == row[0]) * free  # 只看同一类、还没有主的
            right = iou.max() >= 0.5
            free[iou.argmax()] *= 1 - right.float()
            rows.append([row[0], row[1], right])
    return torch.tensor(rows)

def precision_recall(judged, total):
    """按分数从高到低逐个放进来，查准率与查全率。"""
    hit = judged[judged[:, 1].argsort(descending=True), 2].cumsum(0)
    return hit / torch.arange(1, len(hit) + 1), hit / total

def average_precision(judged, total):
    precision, recall = precision_recall(judged, total)
    best = precision.flip(0).cummax(0).values.flip(0)  # 右边最高的查准率
    return (best * recall.diff(prepend=torch.zeros(1))).sum()

toy = torch.tensor([[0, 0.9, 1], [0, 0.8, 0], [0, 0.7, 1]])  # 对、错、对，共 2 个真实边框
torch.testing.assert_close(average_precision(toy, 2), torch.tensor(0.5 + 0.5 * 2 / 3))

# %% evaluate
def all_ap(judged, truths):
    """十个类别各自的 AP。"""
    every = torch.cat(truths)[:, 0]
    return torch.stack([average_precision(judged[judged[:, 0] == k], (every == k).sum())
                        for k in range(10)])

judged = judge(found, truths_test)
ap = all_ap(judged, truths_test)
blank = detect(TinySSD(), X_test[:60])  # 没有训练过的网络，作为对照
ap_blank = all_ap(judge(blank, truths_test[:60]), truths_test[:60])
sure = judged[judged[:, 1] > 0.5]
print(f"mAP：{ap.mean():.2f}，没有训练的网络：{ap_blank.mean():.2f}")
print("各类的 AP：", {k: round(v, 2) for k, v in enumerate(ap.tolist())})
print(f"分数过 0.5 的：查准率 {sure[:, 2].mean():.0%}，查全率 {sure[:, 2].sum() / total:.0%}")
assert ap.mean() > 0.5 and ap_blank.mean() < 0.1

# %% precision-recall caption="查准率随查全率的变化，十类合在一起。分数高的检出（左边）几乎都对；要找得更全，就得接受更多错的。一起做（虚线）去掉了重复的框，更准，但最后找到的少一些。"
fig, ax = plt.subplots(figsize=(5.2, 2.6))
results = {}
for per_class, style, name in ((True, "-", "按类做 NMS"), (False, "--", "一起做 NMS")):
    kept = judge(detect(net, X_test, per_class=per_class), truths_test)
    precision, recall = precision_recall(kept, total)
    ax.plot(recall[::10], precision[::10], style, label=name)
    strong = kept[kept[:, 1] > 0.2]
    results[name] = len(kept), strong[:, 2].mean(), strong[:, 2].sum() / total
    print(f"{name}：检出 {len(kept)} 个，mAP {all_ap(kept, truths_test).mean():.2f}；分数过 0.2 的，"
          f"查准率 {results[name][1]:.0%}，查全率 {results[name][2]:.0%}")
ax.set(title="查准率与查全率", xlabel="查全率", ylabel="查准率", ylim=(0, 1.03))
ax.legend(loc="lower left")
(n1, p1, r1), (n2, p2, r2) = results.values()
assert n2 < n1 and p2 > p1 + 0.05 and r2 < r1  # 一起做：框少、更准，找到的也少

# %% [markdown]
# 这些场景里的数字几乎不重叠，一处只有一个，所以一起做去掉了同一个数字上的别的类别，查准率更高；
# 代价是最高分认错了的那些数字，再也没有第二次机会，查全率低一些。
# 数字重叠时代价大得多：那一页的实验里，一起做丢掉一半以上。
#
# ## 回归补上了多少
#
# 锚框本身只是大致对。取测试图里匹配到数字的锚框，看它与真实边框的 IoU 是多少，加上预测的偏移量以后又是多少：

# %% refine caption="匹配到数字的锚框与真实边框的 IoU，加上偏移量之前与之后的分布。锚框多在 0.5 到 0.7 之间；加上偏移量以后，绝大多数超过 0.7。"
boxes, _, _ = raw_predictions(net, X_test)
before, after = [], []
for b, t in zip(boxes, truths_test):
    owner = match(anchors, t[:, 1:])
    mine, truth = owner >= 0, t[owner[owner >= 0], 1:]
    before.append(box_iou(anchors[mine], truth).diagonal())
    after.append(box_iou(b[mine], truth).diagonal())
before, after = torch.cat(before), torch.cat(after)
fig, ax = plt.subplots(figsize=(5.2, 2.6))
bins = torch.linspace(0, 1, 26).tolist()
ax.hist(before, bins, alpha=0.6, label="锚框")
ax.hist(after, bins, alpha=0.6, label="加上偏移量")
ax.set(title="回归把框推到位", xlabel="与真实边框的 IoU", ylabel="锚框的个数")
ax.legend(loc="upper left")
print(f"平均 IoU：锚框 {before.mean():.2f} → 加上偏移量 {after.mean():.2f}")
print(f"IoU 至少 0.7 的：{(before > 0.7).float().mean():.0%} → {(after > 0.7).float().mean():.0%}")
assert after.mean() > before.mean() + 0.1 and (after > 0.7).float().mean() > 0.8

# %% [markdown]
# ## 可以试着改
#
# - 把 `match` 的最后一行（每个真实边框至少有一个锚框）去掉：哪种大小的数字漏得多了？
# - 把难例挖掘的 `3` 改成 `1` 和 `30`：查准率和查全率往哪边移？
# - 只留 12×12 或只留 6×6 的锚框，按数字的高度分开看查全率：哪些找不到了？
# - 给 `box` 乘 0.01 或 100：mAP 怎么变，回归之后的 IoU 怎么变？
# - 把允许的重叠从 0.05 改成 0.6，再比较两种 NMS：次序反过来了吗？
# - 把 `num_epochs` 改成 30，看 mAP 还能高多少，训练损失与测试的差距有没有拉大。
#
# ## 用到的问题
#
# - [NMS 是只在同一类别里做，还是所有类别一起做？](../42-anchor-boxes/nms-per-class.md)：两种各在什么时候好。
# - [几个损失相加，一个很大一个很小，小的那个会拿不到梯度吗？](../45-ssd/balancing-losses.md)：比较梯度，不比较数值。
# - [实际是 1:9 的二分类，训练集该用 1:1 还是 1:9？](../11-model-selection/imbalanced-training-ratio.md)：背景太多时，改变比例改变了什么。
# - [线性回归为什么用平方损失，而不用绝对值？](../08-linear-regression/squared-vs-absolute-loss.md)：`smooth_l1_loss` 是两者的折中。
