"""卷积和池化是不是只适合图像，不适合时序数据的分类？

要检验的说法：一维卷积能做序列分类；池化可用可不用；卷积会看到未来。
能推翻它的结果：先后次序是唯一线索时，卷积不比 MLP 好；打乱时刻后卷积不受影响；只在左边补零时仍有来自未来的梯度。
"""

# %% layout
import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(8, 3, 24)  # (N, C, L)：8 条序列，每个时刻 3 个值，24 个时刻
net = nn.Sequential(nn.Conv1d(3, 16, 5), nn.ReLU(), nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(16, 2))
print("输入", tuple(x.shape), "→ 卷积", tuple(net[0](x).shape), "→ 输出", tuple(net(x).shape))
print("换成 100 个时刻，同一个网络：", tuple(net(torch.randn(8, 3, 100)).shape))
square = torch.randn(8, 24, 24)
conv = nn.Conv1d(24, 16, 5)
apart = (conv(square) - conv(square.transpose(1, 2))).abs().max()
print(f"通道数恰好等于长度时，两个轴放反了也不报错，结果最多相差 {apart:.1f}")

assert net(torch.randn(8, 3, 100)).shape == net(x).shape == (8, 2)
assert apart > 0.1

# %% data
from importlib.resources import files

chars, L = "abcdefghijklmnopqrstuvwxyz ", 24
names = ("breast_cancer", "covtype", "digits", "kddcup99", "linnerud", "rcv1", "twenty_newsgroups",
         "california_housing", "lfw", "species_distributions", "wine_data")  # scikit-learn 自带的数据说明
pages = [files("sklearn.datasets.descr").joinpath(f"{name}.rst").read_text("utf-8").lower() for name in names]
words = [" ".join("".join(c if c in chars else " " for c in page).split()) for page in pages]
def encode(part):
    return torch.tensor([chars.index(c) for c in " ".join(part)])
train_text, test_text = encode(words[:7]), encode(words[7:])

def sample(text, start, order=slice(None)):
    """从 start 开始的 L 个字符，一半倒着放；返回独热 (N, 种子 × 27, L) 和标签（1 是倒着的）。"""
    X, y = text[start[..., None] + torch.arange(L)], torch.randint(2, start.shape)
    X = torch.where(y[..., None] == 1, X.flip(-1), X)[..., order]
    return nn.functional.one_hot(X, 27).float().transpose(2, 3).flatten(1, 2), y


window = train_text[1000 : 1000 + L]
forward, backward = ("".join(chars[i] for i in w) for w in (window, window.flip(0)))
print(f"训练文本 {len(train_text)} 字，测试文本 {len(test_text)} 字（来自别的文件）")
print(f"正着：「{forward}」\n倒着：「{backward}」")
assert sorted(forward) == sorted(backward)  # 字母一模一样：先后次序是唯一的线索

# %% nets
seeds, width = 5, 16
def conv(inputs, outputs, size):
    return nn.Conv1d(seeds * inputs, seeds * outputs, size, groups=seeds)

class GRU(nn.GRU):  # 5 个种子放在一个 GRU 里：块对角以外的权重一直是 0，互不相干
    def __init__(self):
        super().__init__(seeds * 27, seeds * width, batch_first=True)
        for W in self.parameters():
            nn.init.uniform_(W, -(width**-0.5), width**-0.5)
            if W.dim() == 2:
                mask = torch.block_diag(*[torch.ones(width, W.shape[1] // seeds)] * seeds).repeat(3, 1)
                W.data *= mask
                W.register_hook(lambda grad, mask=mask: grad * mask)

    def forward(self, X):  # GRU 要的是 (N, L, C)；取最后一个时刻
        return super().forward(X.transpose(1, 2))[0][:, -1:].transpose(1, 2)

# %% train
def train(layers, lr, order, num_steps=200):
    torch.manual_seed(0)
    net = nn.Sequential(*layers())
    optimizer = torch.optim.Adam(net.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=num_steps)
    for _ in range(num_steps):
        X, y = sample(train_text, torch.randint(len(train_text) - L, (48, seeds)), order)
        loss = nn.functional.cross_entropy(net(X).view(-1, 2), y.flatten()) * seeds
        optimizer.zero_grad(), loss.backward(), optimizer.step(), schedule.step()
    X, y = sample(test_text, torch.arange(0, len(test_text) - L, 6)[:, None].expand(-1, seeds), order)
    with torch.no_grad():  # 每个种子的测试正确率和参数个数
        right = (net(X).view(-1, seeds, 2).argmax(2) == y).float().mean(0) * 100
    return right, sum((p != 0).sum().item() for p in net.parameters()) // seeds

# %% compare caption="判断一段文字是正着还是倒着放的，每个点是一个种子，虚线是瞎猜。左：卷积与 GRU 都远好于 MLP，有没有池化差不多。右：时刻按同一个次序打乱，卷积和 GRU 掉下来，MLP 不受影响。"
import matplotlib.pyplot as plt

relu = nn.ReLU()
arms = {"卷积\n有池化": (lambda: [conv(27, width, 5), relu, nn.MaxPool1d(2), conv(width, width, 5), relu,
                               nn.AdaptiveMaxPool1d(1), conv(width, 2, 1)], 0.02),
        "卷积\n无池化": (lambda: [conv(27, width, 5), relu, conv(width, width, 5), relu,
                               conv(width, 2, L - 8)], 0.02),
        "GRU": (lambda: [GRU(), conv(width, 2, 1)], 0.02),  # 学习率在另三个文件上从 0.005 到 0.04 里选
        "MLP": (lambda: [conv(27, width, L), relu, conv(width, width, 1), relu, conv(width, 2, 1)], 0.01)}
orders = {"原来的次序": torch.arange(L), "打乱的次序": torch.randperm(L, generator=torch.Generator().manual_seed(1))}
fig, axes = plt.subplots(1, 2, figsize=(5.2, 2.6), sharey=True, layout="constrained")
for ax, (title, order) in zip(axes, orders.items()):
    rights, sizes = zip(*(train(*arm, order) for arm in arms.values()))
    ax.plot(torch.stack(rights), "o", color="C0", alpha=0.6)
    ax.axhline(50, ls=":", color="C3")
    ax.set(title=title, xlim=(-0.5, 3.5), ylabel="测试正确率 %" if ax is axes[0] else "")
    ax.set_xticks(range(4), arms, fontsize=8)
    for kind, right, size in zip(arms, rights, sizes):
        print(f"{title}，{kind}（{size} 个参数）：{right.mean():.1f} ± {right.std():.1f}".replace("\n", ""))
    pooled, flat, gru, mlp = (right.mean().item() for right in rights)
    if title == "原来的次序":
        ordered = mlp
        assert min(pooled, flat) > max(gru - 3, mlp + 15) and gru > mlp + 15 and abs(pooled - flat) < 3
assert max(pooled, flat, gru) < 75 and abs(mlp - ordered) < 6  # 打乱以后：卷积和 GRU 不行了，MLP 照旧

# %% causal caption="第 12 个时刻的输出，对各个时刻的输入的梯度。两边补零时看得到前后各 4 个时刻；只在左边补零，未来的梯度正好是 0。"
grads = {}
for name, padding in (("两边补零", (4, 4)), ("只在左边补零", (8, 0))):
    torch.manual_seed(0)
    net = nn.Sequential(nn.ZeroPad1d(padding), nn.Conv1d(1, 16, 5), nn.Tanh(), nn.Conv1d(16, 1, 5))
    x = torch.randn(1, 1, 24, requires_grad=True)
    net(x)[0, 0, 12].backward()
    grads[name] = x.grad[0, 0].abs()
fig, ax = plt.subplots(figsize=(5.2, 2.5))
for (name, g), style in zip(grads.items(), ("s--", "o-")):
    ax.plot(g, style, label=name)
ax.axvline(12, ls=":", color="C3", label="现在")
ax.set(title="第 12 个时刻的输出看到了谁", xlabel="输入的时刻", ylabel="梯度的大小")
ax.legend()
both, left = grads.values()
print("来自未来的梯度之和：两边补零", round(both[13:].sum().item(), 2), "，只在左边补零", left[13:].sum().item())
assert both[13:].sum() > 0.01 and (left[13:] == 0).all() and left[:13].sum() > 0.01

# %% error raises="RuntimeError"
nn.Conv1d(3, 16, 5)(torch.randn(8, 24, 3))  # (N, L, C) 是 GRU 的 batch_first 的排法
