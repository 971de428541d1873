"""卷积层的通道数增加，表示信息被放大了吗？

要检验的说法：通道加倍放大（拓宽）了信息；卷积损失信息；多个通道是同一个像素的不同特征。
能推翻它的结果：数值的总个数变多；输出的熵超过输入的熵；高宽减半、通道加倍的卷积可逆；或者越深的层越容易还原出输入。
"""

# %% counts
import torch
from torch import nn
from torchvision.models import resnet18, vgg16

for name, build, kinds in (("vgg16", vgg16, nn.MaxPool2d), ("resnet18", resnet18, nn.Sequential)):
    with torch.device("meta"):  # 只推形状，不计算
        net, shapes = build(), []
        for module in net.features if name == "vgg16" else net.children():
            if isinstance(module, kinds):
                module.register_forward_hook(lambda m, X, Y: shapes.append(tuple(Y.shape[1:])))
        net(torch.zeros(1, 3, 224, 224))
    sizes = [c * h * w for c, h, w in shapes]
    print(f"{name}：" + " → ".join(f"{c}×{h}×{w}" for c, h, w in shapes))
    print("  数值的个数：" + " → ".join(f"{n:,}" for n in sizes))
    assert all(after in (before // 2, before // 4) for before, after in zip(sizes, sizes[1:]))

# %% rank
torch.manual_seed(0)
ranks = {}
for stride, channels in ((1, 4), (1, 8), (2, 8), (2, 16), (2, 32)):
    size = 3 if stride == 1 else 2
    conv = nn.Conv2d(4, channels, size, stride, padding=size // 3, bias=False).double()
    outputs = conv(torch.eye(256).double().view(256, 4, 8, 8)).flatten(1)  # 每行是一个基向量的输出：卷积的矩阵 (256, 输出)
    ranks[stride, channels] = torch.linalg.matrix_rank(outputs).item()
    print(f"4×8×8，步幅 {stride}，{channels} 通道：输出 {outputs.shape[1]} 个数，秩 {ranks[stride, channels]}")
assert ranks[1, 8] == ranks[2, 16] == ranks[2, 32] == 256  # 一点不丢，再多也不会更多
assert ranks[2, 8] == 128  # 高宽减半、通道加倍：至少丢掉一半的方向
X = torch.randn(2, 4, 8, 8)
assert torch.equal(nn.functional.pixel_shuffle(nn.functional.pixel_unshuffle(X, 2), 2), X)
assert torch.equal(X.relu() - (-X).relu(), X)  # ReLU 丢掉一半，通道加倍（X 与 -X）就补得回来
print("pixel_unshuffle：高宽减半、通道乘 4，可以精确还原")

# %% entropy caption="横轴是随机卷积层的通道数，纵轴是输出（ReLU 之后）的熵，20 次随机的平均与范围。通道多，丢得少，直到与输入的 7.03 比特（虚线）一样多；再多的通道一点也不会增加。"
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits

data = load_digits()
order = torch.randperm(1797, generator=torch.Generator().manual_seed(0))
images, labels = torch.tensor(data.images)[order, None].float() / 16, torch.tensor(data.target)[order]
patches = nn.functional.unfold((images > 0.5).double(), 3).transpose(1, 2).flatten(0, 1)  # 黑白的 3×3 小块
kinds, counts = patches.unique(dim=0, return_counts=True)

def entropy(values):  # values 的每行是一种小块的输出；输出相同的小块，后面的层再也分不开
    same = values.unique(dim=0, return_inverse=True)[1]
    p = torch.zeros(len(values)).index_add(0, same, counts / counts.sum())
    return -(p * p.clamp_min(1e-30).log2()).sum()

channels = (1, 2, 4, 8, 16, 32, 64)
bits = torch.stack([torch.stack([entropy((kinds @ torch.randn(9, c).double()).relu()) for _ in range(20)])
                    for c in channels])  # (通道, 20)
fig, ax = plt.subplots(figsize=(5.2, 2.6))
ax.plot(bits.mean(1), "o-")
ax.fill_between(range(7), bits.amin(1), bits.amax(1), alpha=0.2)
ax.axhline(entropy(kinds), ls="--", color="C1")
ax.set(title="通道再多，输出的信息也不超过输入", xlabel="通道数", ylabel="比特")
ax.set_xticks(range(7), channels)
print(f"{len(kinds)} 种小块，输入 {entropy(kinds):.2f} 比特；输出：", [round(b, 2) for b in bits.mean(1).tolist()])
assert bits.max() < entropy(kinds) + 1e-4 and bits[0].mean() < entropy(kinds) - 1
torch.testing.assert_close(bits[-2:], entropy(kinds).expand(2, 20), rtol=0, atol=1e-3)

# %% train
seeds = 5

class Net(nn.ModuleList):
    """5 个种子的网络放在一起，互不相干；返回每一层的输出：8×8×8 → 16×4×4 → 32×2×2 → 64×1×1。"""
    def __init__(self):
        super().__init__()
        for inputs, channels, stride in ((1, 8, 1), (8, 16, 2), (16, 32, 2), (32, 64, 2)):
            conv = nn.Conv2d(seeds * inputs, seeds * channels, 3, stride, 1, groups=seeds)
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
            self.append(nn.Sequential(conv, nn.ReLU()))

    def forward(self, X):
        outputs = [X.expand(-1, seeds, -1, -1)]
        for layer in self:
            outputs.append(layer(outputs[-1]))
        return outputs

torch.manual_seed(0)
untrained, net, head = Net(), Net(), nn.Conv2d(seeds * 64, seeds * 10, 1, groups=seeds)
optimizer = torch.optim.Adam([*net.parameters(), *head.parameters()])
schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.02, total_steps=300)
for _ in range(300):
    i = torch.randint(1300, (32, seeds))
    loss = nn.functional.cross_entropy(head(net(images[i, 0])[-1]).view(-1, 10), labels[i].flatten()) * seeds
    optimizer.zero_grad(), loss.backward(), optimizer.step(), schedule.step()

# %% probe
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score

pixels, result = images.flatten(1), {}
targets = torch.cat([pixels, nn.functional.one_hot(labels, 10)], 1)  # 64 个像素，10 个类别
for name, layers in (("训练过", net), ("随机权重", untrained)):
    scores = []
    for H in layers(images):
        for h in H.detach().view(1797, seeds, -1).double().unbind(1):  # 惩罚的大小在训练集内交叉验证
            guess = RidgeCV([1e-3, 1e-1, 10]).fit(h[:1300], targets[:1300]).predict(h[1300:])
            right = (guess[:, 64:].argmax(1) == labels[1300:].numpy()).mean() * 100
            scores.append((r2_score(pixels[1300:], guess[:, :64], multioutput="variance_weighted"), right))
    result[name] = r2, right = torch.tensor(scores).view(5, seeds, 2).unbind(2)  # 各 (5 层, 5 个种子)
    print(f"{name}：还原像素 R²", [round(v, 2) for v in r2.mean(1).tolist()],
          "，认出数字 %", [round(v, 1) for v in right.mean(1).tolist()])
(r2, right), (random_r2, random_right) = result.values()
assert (r2.mean(1).diff() < 0.01).all() and r2[4].max() < 0.9  # 像素一层比一层难还原，随机权重也一样
assert (r2[4].mean() - random_r2[4].mean()).abs() < 0.1 and random_r2[4].max() < 0.9
assert right[4].mean() > right[0].mean() + 2 and right[4].mean() > random_right[4].mean() + 4

# %% depth caption="从每一层的输出，用线性回归还原 64 个像素（左）、认出数字（右），5 个种子的平均与范围，都在测试集上。越深，像素越难还原，训练过没有都差不多；类别却只有训练过的网络一路保留下来。"
fig, axes = plt.subplots(1, 2, figsize=(5.2, 2.7), layout="constrained")
for (name, scores), style in zip(result.items(), ("o-", "s--")):
    for ax, v in zip(axes, scores):
        ax.plot(v.mean(1), style, label=name)
        ax.fill_between(range(5), v.amin(1), v.amax(1), alpha=0.2)
for ax, title in zip(axes, ("还原像素的 R²", "线性地认出数字 %")):
    ax.set(title=title, xlabel="层，数值的个数")
    ax.set_xticks(range(5), ["输入\n64", "1\n512", "2\n256", "3\n128", "4\n64"])
axes[0].legend()
