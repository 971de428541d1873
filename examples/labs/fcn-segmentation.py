# ---
# title: 转置卷积与 FCN
# tags: [语义分割, 转置卷积, CNN, 初始化]
# questions: [47-1, 47-2, 48-1, 19-3, 11-4]
# description: 从转置卷积的定义做到一个能给每个像素分类的小 FCN：双线性与随机初始化对照，量出像素准确率和每一类的 IoU，看错误在哪里。
# ---

# %% [markdown]
# # 转置卷积与 FCN
#
# 语义分割给**每个像素**一个类别。全卷积网络（FCN）先用卷积把图缩小、看懂内容，
# 再用转置卷积放大回原来的大小，一步也不用全连接层。
#
# 这个实验先看清转置卷积在做什么，再训练一个小 FCN，比较两种初始化，
# 最后不满足于一个准确率：量每一类的 IoU，看错误集中在哪里，再把网络用到更大的图上。
#
# 场景是合成的：真实的手写数字（8×8，放大到 12 到 18 像素）贴在真实照片（china.jpg、flower.jpg）的小块上。
# 四类：背景、0、1、4。训练和测试用不同的数字，也用照片的不同部分。

# %% [markdown]
# ## 场景

# %% sources
import torch
from sklearn.datasets import load_digits, load_sample_images
from torch import nn
from torch.nn import functional as F

SIZE, names = 32, ["背景", "0", "1", "4"]
digits = torch.tensor(load_digits().images, dtype=torch.float32) / 16
labels = torch.tensor(load_digits().target)
kept = torch.isin(labels, torch.tensor([0, 1, 4]))
digits, labels = digits[kept], labels[kept]
kinds = 1 + (labels >= 1).long() + (labels >= 4).long()  # 0 → 1，1 → 2，4 → 3；背景是 0
photos = torch.stack([torch.tensor(p).float().mean(2) / 255 for p in load_sample_images().images])
print("数字：", tuple(digits.shape), "，照片：", tuple(photos.shape))
print("各类数字的个数：", {names[k]: int((kinds == k).sum()) for k in (1, 2, 3)})
assert photos.shape[0] == 2 and set(kinds.tolist()) == {1, 2, 3}

# %% make-scenes
def make_scenes(pool, photos, n, seed, size=SIZE, num_digits=2):
    """返回图 (n, 1, size, size) 与每个像素的类别 (n, size, size)。"""
    g = torch.Generator().manual_seed(seed)
    def draw(low, high):
        return torch.randint(low, high, (), generator=g).item()

    X, y = torch.zeros(n, 1, size, size), torch.zeros(n, size, size, dtype=torch.long)
    for image, label in zip(X, y):
        photo = photos[draw(0, len(photos))]
        top, left = draw(0, photo.shape[0] - size + 1), draw(0, photo.shape[1] - size + 1)
        image[0] = 0.8 * photo[top:top + size, left:left + size]  # 真实的纹理，压暗一些
        for _ in range(num_digits):
            k, side = pool[draw(0, len(pool))], draw(12, 19)
            ink = F.interpolate(digits[k][None, None], size=(side, side), mode="bilinear")[0, 0]
            top, left = draw(0, size - side + 1), draw(0, size - side + 1)
            window = label[top:top + side, left:left + side]
            if window.sum() == 0:  # 碰到已有的数字就不贴
                image[0, top:top + side, left:left + side] += 0.6 * ink
                window[ink > 0.4] = kinds[k]  # 墨迹够浓的像素才算
    return X + 0.05 * torch.randn(X.shape, generator=g), y

# %% split
order = torch.randperm(len(digits), generator=torch.Generator().manual_seed(0))
X_train, y_train = make_scenes(order[:350], photos[..., :400], 800, seed=0)  # 照片的左边
X_test, y_test = make_scenes(order[350:], photos[..., 400:], 300, seed=1)    # 照片的右边
share = torch.bincount(y_train.flatten(), minlength=4) / y_train.numel()
print("训练：", tuple(X_train.shape), tuple(y_train.shape), "，测试：", len(X_test))
print("各类像素的比例：", {name: f"{s:.1%}" for name, s in zip(names, share.tolist())})
strokes, others = X_train[:, 0][y_train > 0], X_train[:, 0][y_train == 0]
print(f"背景里比一半的笔画更亮的像素：{(others > strokes.median()).float().mean():.1%}")
assert share[0] > 0.75 and share[1:].min() > 0.01

# %% show caption="上排是三张训练图，下排是每个像素的类别。背景是真实照片的一块；亮的像素可能是笔画，也可能是照片里的东西。"
import matplotlib.pyplot as plt
from matplotlib.colors import ListedColormap

colours = ListedColormap(["#8888884d", "C0", "C1", "C2"])

def show_image(ax, image):
    ax.imshow((image[0] * 12).round(), cmap="gray", interpolation="none")  # 灰度粗些，文件小

def show_mask(ax, mask):
    ax.imshow(mask, cmap=colours, vmin=0, vmax=3, interpolation="none")

fig, axes = plt.subplots(2, 3, figsize=(5.2, 3.6), layout="constrained")
fig.suptitle("图与每个像素的类别（蓝 0，红 1，绿 4）", fontsize=10)
for j in range(3):
    show_image(axes[0, j], X_train[j])
    show_mask(axes[1, j], y_train[j])
for ax in axes.flat:
    ax.set(xticks=[], yticks=[])
    ax.grid(False)

# %% [markdown]
# ## 转置卷积在做什么
#
# 卷积是线性的，可以写成矩阵 $C$。转置卷积就是乘 $C^\top$，也就是卷积对输入的反向传播。
# 换个说法：输入的每个数把卷积核乘上自己，盖在输出里对应的位置，重叠的地方相加。
# 三种算法应当一致：

# %% transposed
torch.manual_seed(0)
kernel, small = torch.randn(1, 1, 4, 4), torch.randn(1, 1, 3, 3)
oracle = F.conv_transpose2d(small, kernel, stride=2, padding=1)

stamped = torch.zeros(8, 8)  # 每个输入盖一个章
for i in range(3):
    for j in range(3):
        stamped[2 * i:2 * i + 4, 2 * j:2 * j + 4] += small[0, 0, i, j] * kernel[0, 0]
torch.testing.assert_close(stamped[1:-1, 1:-1], oracle[0, 0])  # padding 在这里是裁掉一圈

image = torch.zeros(1, 1, 6, 6, requires_grad=True)
(gradient,) = torch.autograd.grad(F.conv2d(image, kernel, stride=2, padding=1), image, small)
torch.testing.assert_close(gradient, oracle)  # 卷积的反向传播
print("3×3 →", "×".join(map(str, oracle.shape[2:])), "；盖章、卷积的反向传播、conv_transpose2d 三者相同")
assert oracle.shape[2] == (3 - 1) * 2 - 2 * 1 + 4

# %% [markdown]
# 输出的大小是 $(n - 1)s - 2p + k$。取 $k = 2s$、$p = s/2$，正好放大 $s$ 倍。
# 它还原的是大小，不是内容，见[转置卷积是什么？它能还原卷积之前的内容吗？](../47-transposed-convolution/what-transposed-convolution-is.md)
#
# ## 双线性核
#
# 选对了核，转置卷积就是双线性插值。一维的核是一顶“帐篷”，二维是两顶的乘积；多个通道时每个通道只传给自己。

# %% bilinear
def bilinear_kernel(channels, k):
    """(通道, 通道, k, k)，放大 k / 2 倍；k 是偶数。"""
    tent = 1 - (torch.arange(k) - (k - 1) / 2).abs() / (k / 2)
    return torch.eye(channels).view(channels, channels, 1, 1) * tent.view(-1, 1) * tent

thumb = digits[:4].view(1, 4, 8, 8)  # 4 张数字当作 4 个通道
layer = nn.ConvTranspose2d(4, 4, 8, stride=4, padding=2, bias=False)
with torch.no_grad():
    randomly = layer(thumb)  # PyTorch 默认的初始值
    layer.weight.copy_(bilinear_kernel(4, 8))
    smoothly = layer(thumb)
reference = F.interpolate(thumb, scale_factor=4, mode="bilinear")
gap = (smoothly - reference).abs()
print("8×8 →", "×".join(map(str, smoothly.shape[2:])))
print(f"与 F.interpolate 最多差：内部 {gap[..., 2:-2, 2:-2].max():.6f}，包括边上 {gap.max():.2f}")
print(f"标准差：输入 {thumb.std():.2f}，双线性 {smoothly.std():.2f}，默认随机 {randomly.std():.2f}")
assert gap[..., 2:-2, 2:-2].max() < 1e-5 and randomly.std() < 0.7 * smoothly.std()

# %% kernels caption="没有训练时，放大 4 倍的转置卷积的输出。左：输入的一个通道。中：双线性核，就是平滑地放大。右：默认的随机核把四个通道混在一起，还有棋盘格。"
fig, axes = plt.subplots(1, 3, figsize=(5.2, 2.1), layout="constrained")
for ax, image, name in zip(axes, (thumb, smoothly, randomly), ("输入 8×8", "双线性核", "随机核")):
    ax.imshow(image[0, 1], interpolation="none")
    ax.set(title=name, xticks=[], yticks=[])
    ax.grid(False)

# %% [markdown]
# ## 网络
#
# 主干把 32×32 缩成 8×8，$1 \times 1$ 卷积给 8×8 的每个位置打四个分，转置卷积放大 4 倍。
# 课程用预训练的 ResNet-18 缩小 32 倍；这里从头训练一个小的，结构一样。

# %% net
def block(c_in, c_out, stride=1, dilation=1):
    return nn.Sequential(
        nn.Conv2d(c_in, c_out, 3, stride, padding=dilation, dilation=dilation, bias=False),
        nn.BatchNorm2d(c_out), nn.ReLU())

class FCN(nn.Module):
    def __init__(self, num_classes=4, init="bilinear"):
        super().__init__()
        self.backbone = nn.Sequential(block(1, 16, stride=2), block(16, 24, stride=2),
                                      block(24, 24), block(24, 24))
        self.score = nn.Conv2d(24, num_classes, 1)  # 每个位置上的全连接层
        self.upsample = nn.ConvTranspose2d(num_classes, num_classes, 8, stride=4, padding=2,
                                           bias=False)
        if init == "bilinear":
            with torch.no_grad():
                self.upsample.weight.copy_(bilinear_kernel(num_classes, 8))

    def forward(self, X):
        return self.upsample(self.score(self.backbone(X)))

# %% shapes
torch.manual_seed(0)
net, X = FCN(), X_train[:2]
print("输入：      ", tuple(X.shape))
for name, module in net.named_children():
    X = module(X)
    print(f"{name:10s} →", tuple(X.shape))
print("参数个数：", sum(p.numel() for p in net.parameters()))
assert X.shape[2:] == X_train.shape[2:] and X.shape[1] == len(names)

# %% [markdown]
# ## 怎样量
#
# 像素准确率最直接，却最容易骗人：背景约占九成，一律说“背景”就有九成。
# 所以还要量每一类的**交并比**：预测是这一类的像素与真是这一类的像素，交集除以并集。
# 两者都从混淆矩阵算出来；与 scikit-learn 的 `jaccard_score` 核对。

# %% metrics
from sklearn.metrics import jaccard_score

def confusion(predicted, y):
    """第 i 行第 j 列：真是第 i 类、预测成第 j 类的像素数。"""
    return torch.bincount((y * 4 + predicted).flatten(), minlength=16).view(4, 4)

def accuracy_and_iou(matrix):
    matrix = matrix.double()
    right = matrix.diagonal()
    return right.sum() / matrix.sum(), right / (matrix.sum(0) + matrix.sum(1) - right)

guess = torch.randint(4, y_test[:50].shape)
_, iou = accuracy_and_iou(confusion(guess, y_test[:50]))
expected = jaccard_score(y_test[:50].flatten(), guess.flatten(), average=None)
torch.testing.assert_close(iou, torch.tensor(expected))

lazy, lazy_iou = accuracy_and_iou(confusion(torch.zeros_like(y_test), y_test))
print(f"一律说背景：像素准确率 {lazy:.1%}，四类的 IoU", [round(v, 2) for v in lazy_iou.tolist()])
assert 0.88 < lazy < 0.92 and lazy_iou[1:].sum() == 0

# %% [markdown]
# 这就是对照线：低于它的准确率没有意义，三个数字类的 IoU 都是 0。
# 类别不平衡时准确率为什么不能单独看，见[实际是 1:9 的二分类，训练集该用 1:1 还是 1:9？](../11-model-selection/imbalanced-training-ratio.md)
#
# ## 训练：双线性与随机
#
# 两种初始化各训练 3 个种子。同一个种子的主干初始值相同，批次也相同，只有转置卷积的核不同。

# %% train
from torch.utils.data import DataLoader, TensorDataset

def evaluate(net, X, y):
    net.eval()
    with torch.no_grad():
        return confusion(torch.cat([net(part).argmax(1) for part in X.split(100)]), y)

def train(init, seed, num_epochs, lr=0.03):
    """返回训练好的网络与每一步的训练损失。"""
    torch.manual_seed(seed)
    net, losses = FCN(init=init), []
    loader = DataLoader(TensorDataset(X_train, y_train), batch_size=16, shuffle=True,
                        generator=torch.Generator().manual_seed(seed))
    optimizer = torch.optim.Adam(net.parameters(), lr=lr)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, num_epochs * len(loader))
    for _ in range(num_epochs):
        for X, y in loader:
            loss = F.cross_entropy(net(X), y)  # 自动对全部像素取平均
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()  # 学习率先升后降，最后接近 0
            losses.append(loss.item())
    return net, losses

# %% compare
chinese, seeds, num_epochs = {"bilinear": "双线性", "random": "随机"}, range(3), 7
runs = {init: [train(init, seed, num_epochs) for seed in seeds] for init in chinese}
curves = {init: torch.tensor([losses for _, losses in pairs]) for init, pairs in runs.items()}
scores = {init: torch.stack([accuracy_and_iou(evaluate(net, X_test, y_test))[1]
                             for net, _ in pairs]) for init, pairs in runs.items()}  # (种子, 类别)
for init, name in chinese.items():
    start, end = curves[init][:, :50].mean(), curves[init][:, -50:].mean()
    print(f"{name}：第一轮的损失 {start:.3f}，最后一轮 {end:.3f}；"
          f"测试平均 IoU", [round(v, 2) for v in scores[init].mean(1).tolist()])
gap = curves["random"] - curves["bilinear"]  # 同一个种子、同样的批次
print(f"随机比双线性高出的损失：第一轮 {gap[:, :50].mean():.3f}，最后一轮 {gap[:, -50:].mean():.3f}")
assert (gap[:, :50].mean(1) > 0).all() and gap[:, -50:].mean() < gap[:, :50].mean() / 4

# %% curves caption="训练损失，3 个种子的平均（每 10 步平均一次），纵轴是对数。双线性从一开始就领先；随机的一直慢一些，要降到同样的损失得多走几成的步数。"
fig, ax = plt.subplots(figsize=(5.2, 2.6))
needed = {}
for (init, name), style in zip(chinese.items(), ("-", "--")):
    smooth = curves[init].mean(0).view(-1, 10).mean(1)
    ax.plot(torch.arange(len(smooth)) * 10 + 5, smooth, style, label=name)
    needed[init] = 10 * (smooth < 0.2).int().argmax().item() + 10  # 第一次低于 0.2
ax.set(title="双线性起步快，随机的慢一些", xlabel="更新次数", ylabel="训练损失", yscale="log")
ax.set_yticks([0.05, 0.1, 0.2, 0.5, 1], ["0.05", "0.1", "0.2", "0.5", "1"])
ax.minorticks_off()
ax.legend()
print("降到 0.2 要的更新次数：", {chinese[init]: n for init, n in needed.items()})
assert needed["random"] > 1.2 * needed["bilinear"]

# %% [markdown]
# 训练这么久，随机的还没有追上。在构建之外训练 32 轮（学习率的升降也拉长，各 3 个种子），
# 两者的测试平均 IoU 分不出高下，都在 0.80 上下。
# 所以双线性给的是更好的起点，不是更好的终点，与[FCN 的转置卷积为什么用双线性插值初始化？](../48-fcn/why-bilinear-initialization.md)的结论一样。
# 那一页还比较了别的初始值，并给每种选了自己的学习率；这里两种用的是同一个。
#
# ## 每一类

# %% iou caption="测试图上每一类的 IoU，三个种子的平均；虚线是“一律说背景”的像素准确率。背景很容易；三个数字类才看得出网络学会了多少。"
net = runs["bilinear"][0][0]
matrix = evaluate(net, X_test, y_test)
accuracy, iou = accuracy_and_iou(matrix)
fig, ax = plt.subplots(figsize=(5.2, 2.5))
ax.bar(names, scores["bilinear"].mean(0), color="C0", width=0.5)
ax.axhline(lazy, color="C3", linestyle="--", label="一律说背景的像素准确率")
ax.set(title="每一类的 IoU", xlabel="类别", ylabel="IoU", ylim=(0, 1.2))
ax.legend(loc="upper right")
print(f"第一个网络：像素准确率 {accuracy:.1%}，各类 IoU", [round(v, 2) for v in iou.tolist()])
wrong = matrix.clone().fill_diagonal_(0)
print("错的像素里，与背景混淆的占", f"{(wrong[0].sum() + wrong[:, 0].sum()) / wrong.sum():.0%}")
assert accuracy > lazy + 0.03 and iou[1:].min() > 0.3

# %% masks caption="三张测试图：上排是图，中排是真实类别，下排是预测。位置和类别大多正确，细小的孔和笔画的尖角容易丢。"
with torch.no_grad():
    predicted = net(X_test).argmax(1)
picked = [i for i, y in enumerate(y_test) if len(y.unique()) == 3]  # 有两类数字的图
fig, axes = plt.subplots(3, 3, figsize=(4.4, 4.6), layout="constrained")
fig.suptitle("测试图、真实类别与预测（蓝 0，红 1，绿 4）", fontsize=10)
for j, i in enumerate(picked[:3]):
    show_image(axes[0, j], X_test[i])
    show_mask(axes[1, j], y_test[i])
    show_mask(axes[2, j], predicted[i])
for ax, name in zip(axes[:, 0], ("图", "真实", "预测")):
    ax.set_ylabel(name)
for ax in axes.flat:
    ax.set(xticks=[], yticks=[])
    ax.grid(False)

# %% [markdown]
# ## 错在哪里
#
# 8×8 的得分图放大到 32×32，细节从哪里来？量一量错误率与到类别边界的距离：
# 一个像素的 3×3 邻域里有别的类别，距离就是 1；再往外一圈是 2，依此类推。

# %% borders caption="测试像素的错误率，按到最近的类别边界的距离。紧挨着边界的最容易错，离开两个像素就很少了。"
def distance_to_border(y, limit=6):
    """每个像素到类别边界的距离，1 到 limit。"""
    planes = F.one_hot(y, 4).permute(0, 3, 1, 2).float()
    distance = torch.full(y.shape, limit)
    for d in range(limit - 1, 0, -1):
        near = F.max_pool2d(planes, 2 * d + 1, stride=1, padding=d).sum(1) > 1  # 邻域里不止一类
        distance[near] = d
    return distance

distance, wrong = distance_to_border(y_test), predicted != y_test
rates = torch.stack([wrong[distance == d].float().mean() for d in range(1, 7)])
fig, ax = plt.subplots(figsize=(5.2, 2.5))
ax.plot(range(1, 7), rates * 100, "o-")
ax.set(title="错误集中在边界上", xlabel="到类别边界的距离（像素）", ylabel="错误率 %")
ax.set_xticks(range(1, 7), ["1", "2", "3", "4", "5", "6 以上"])
print(f"距离 1 的像素占 {(distance == 1).float().mean():.0%}，却占了错误的 "
      f"{(distance == 1)[wrong].float().mean():.0%}")
assert rates[0] > 2 * rates[2] and (distance == 1)[wrong].float().mean() > 0.5

# %% [markdown]
# ## 大小随意
#
# 没有全连接层，参数与图的大小无关。训练时用 32×32，现在直接给它 64×64 的：

# %% large caption="训练时只见过 32×32，直接用在 64×64 的图上：左是图，中是真实类别，右是预测。"
X_large, y_large = make_scenes(order[350:], photos[..., 400:], 60, seed=2, size=64, num_digits=6)
with torch.no_grad():
    out = net(X_large).argmax(1)
large, large_iou = accuracy_and_iou(confusion(out, y_large))
fig, axes = plt.subplots(1, 3, figsize=(5.2, 2.1), layout="constrained")
show_image(axes[0], X_large[0])
show_mask(axes[1], y_large[0])
show_mask(axes[2], out[0])
for ax, name in zip(axes, ("64×64 的图", "真实", "预测")):
    ax.set(title=name, xticks=[], yticks=[])
    ax.grid(False)
print("输入：", tuple(X_large.shape), "，输出：", tuple(out.shape))
print(f"像素准确率 {large:.1%}，各类 IoU", [round(v, 2) for v in large_iou.tolist()])
assert out.shape == y_large.shape and large_iou[1:].mean() > iou[1:].mean() - 0.15

# %% [markdown]
# ## 可以试着改
#
# - 在 `train` 里加一行 `net.upsample.weight.requires_grad_(False)`，把双线性核冻结：IoU 掉多少？错误在边界上更集中吗？
# - 把转置卷积换成 `nn.Upsample(scale_factor=4, mode="bilinear")` 再接一个 3×3 卷积，与它比较。
# - 加一条跳跃连接：把 16×16 的特征用 1×1 卷积变成 4 个分，与放大 2 倍的得分相加，再放大 2 倍（这就是 FCN-16s 的想法）。边界上的错误率降了多少？
# - 给 `F.cross_entropy` 加 `weight=1 / share`：数字类的 IoU 是升还是降？准确率呢？
# - 把主干最后两个 `block` 的 `dilation` 改成 2：感受野变大，大的数字认得更准吗？
# - 把 `num_epochs` 改成 20：两种初始化还有差别吗？
#
# ## 用到的问题
#
# - [转置卷积是什么？它能还原卷积之前的内容吗？](../47-transposed-convolution/what-transposed-convolution-is.md)：三种算法，以及大小的公式。
# - [上采样用转置卷积还是插值，哪个更好？](../47-transposed-convolution/transposed-convolution-vs-interpolation.md)：双线性核与棋盘格。
# - [FCN 的转置卷积为什么用双线性插值初始化？](../48-fcn/why-bilinear-initialization.md)：起步快，终点一样。
# - [1×1 卷积有什么用？](../19-convolution/what-1x1-convolution-does.md)：在每个位置上打分的那一层。
# - [实际是 1:9 的二分类，训练集该用 1:1 还是 1:9？](../11-model-selection/imbalanced-training-ratio.md)：背景太多时怎么看准确率。
