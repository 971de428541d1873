"""用了批量归一化，还需要 dropout 吗？

要检验的说法：两者做的是不同的事：批量归一化不能代替 dropout 抵抗过拟合；dropout 之后再有归一化，训练与推理的方差就对不上。
能推翻它的结果：只用批量归一化就和 dropout 一样抵抗噪声标签；或者 dropout 之后接归一化，推理时输出的方差仍是 1。
"""

# %% where
import torch
from torch import nn

torch.manual_seed(0)
flat, image = torch.randn(32, 8), torch.randn(32, 8, 5, 5)
print("全连接层之后：", tuple(nn.BatchNorm1d(8)(flat).shape), "，卷积层之后：", tuple(nn.BatchNorm2d(8)(image).shape))
dropped = nn.Dropout2d(0.5)(image)
channel = (dropped == 0).flatten(2).float().mean(2)  # (32, 8) 每个通道被置 0 的比例
print("Dropout2d 丢的是整个通道：", sorted(set(channel.flatten().tolist())))
assert torch.allclose(nn.BatchNorm1d(8)(flat).var(0, unbiased=False), torch.ones(8), atol=1e-4)
assert set(channel.flatten().tolist()) == {0.0, 1.0}

# %% neighbours
from sklearn.datasets import load_sample_image

def guessed(image):
    """逐个元素丢掉一半，用 3×3 邻居里留下的平均去猜被丢的，能解释多少变化。"""
    mask, window = torch.rand(image.shape) < 0.5, torch.ones(1, 1, 3, 3)
    known = torch.where(mask, torch.zeros(()), image)
    total, count = (nn.functional.conv2d(m[None, None], window, padding=1)[0, 0] for m in (known, (~mask).float()))
    error = (total / count.clamp(min=1) - image)[mask & (count > 0)].var() / image[mask].var()
    return 1 - error.item()

photo = torch.tensor(load_sample_image("flower.jpg"), dtype=torch.float32).mean(2) / 255  # 真实照片，灰度
shuffled = photo.flatten()[torch.randperm(photo.numel())].view_as(photo)  # 对照：同样的像素，邻居不再相像
by_neighbours = guessed(photo), guessed(shuffled)
print("用留下的邻居猜被丢的像素，能解释的变化：照片 {:.0%}，打乱之后 {:.0%}".format(*by_neighbours))
assert by_neighbours[0] > 0.95 and by_neighbours[1] < 0.05

# %% order
x = torch.randn(20_000, 16)
orders = {"先 dropout 后归一化": [nn.Dropout(0.5), nn.BatchNorm1d(16)],
          "先归一化后 dropout": [nn.BatchNorm1d(16), nn.Dropout(0.5)],
          "后面还有一层归一化": [nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.5),
                         nn.Linear(16, 16, bias=False), nn.BatchNorm1d(16)]}
shift = {}
for name, layers in orders.items():
    net = nn.Sequential(*layers)
    for _ in range(60):
        net(x)  # 训练模式：更新移动平均的统计量
    shift[name] = net.eval()(x).var(0).mean().item()
    print(f"{name}：推理时的输出方差 {shift[name]:.2f}")
assert abs(shift["先 dropout 后归一化"] - 0.5) < 0.03 and abs(shift["先归一化后 dropout"] - 1) < 0.03
assert shift["后面还有一层归一化"] < 0.7  # 隔着激活函数和线性层，仍然对不上

# %% net
from sklearn.datasets import load_digits
from torch.nn.functional import batch_norm, cross_entropy, dropout

images, digits = load_digits(return_X_y=True)
order = torch.randperm(len(digits), generator=torch.Generator().manual_seed(0))
X, y = torch.tensor(images, dtype=torch.float32)[order] / 16, torch.tensor(digits)[order]
labels = torch.where(torch.rand(300) < 0.3, torch.randint(10, (300,)), y[:300])  # 三成训练标签换成随机的


def net(h, params, stats, norm, p, training):  # stats 是归一化的移动平均
    for i, (W, b, scale) in enumerate(zip(*params)):
        h = h @ W + b
        if norm and i < 2:
            rows = h.transpose(0, 1).flatten(1)  # (批量, 网络 × 单元)
            rows = batch_norm(rows, *stats[i], scale.flatten(), training=training)
            h = rows.view(-1, *h[:, 0].shape).transpose(0, 1)
        h = dropout(h.relu(), p, training) if i < 2 else h
    return h

# %% train
def train(norm, p, lr, num_steps=1000, every=100, n=5, width=64):
    """5 个种子一起训练 64-64-64-10 的网络，返回验证与测试误差 (2, 记录, 种子)。"""
    torch.manual_seed(0)
    Ws = [torch.randn(n, a, b) * (2 / a) ** 0.5 for a, b in ((64, width), (width, width), (width, 10))]
    params = Ws, [0 * W[:, :1] for W in Ws], [0 * W[:, :1] + 1 for W in Ws]
    every_one = [w.requires_grad_() for kind in params for w in kind]
    stats = [(torch.zeros(n * width), torch.ones(n * width)) for _ in range(2)]
    optimizer, history = torch.optim.Adam(every_one, lr=lr), []
    for step in range(1, num_steps + 1):
        batch = torch.randint(300, (n, 50))
        out = net(X[batch], params, stats, norm, p, True).flatten(0, 1)
        optimizer.zero_grad()
        (cross_entropy(out, labels[batch].flatten(), reduction="sum") / 50).backward()
        optimizer.step()
        if step % every == 0:
            with torch.no_grad():
                out = net(X[300:].expand(n, -1, -1), params, stats, norm, p, False)
            wrong = (out.argmax(2) != y[300:]).float() * 100
            history.append(torch.stack([wrong[:, :500].mean(1), wrong[:, 500:].mean(1)]))
    return torch.stack(history, 1)

# %% arms caption="测试误差，训练标签三成有噪声，5 个种子的平均与范围，每种做法用它自己最好的学习率。归一化本身没有减轻过拟合，还更快地背下了错的标签；加上 dropout，有没有归一化误差都低得多。"
import matplotlib.pyplot as plt

fig, ax = plt.subplots(figsize=(5.2, 3.0))
final = {}
for (name, norm, p), style in zip((("都不用", False, 0.0), ("归一化", True, 0.0), ("dropout", False, 0.5),
                                   ("归一化 + dropout", True, 0.5)), ("-", "--", ":", "-.")):
    runs = [train(norm, p, lr) for lr in (1e-3, 3e-3)]
    _, test = min(runs, key=lambda r: r[0, -1].mean())  # 学习率按验证集选
    final[name] = test[-1]
    ax.plot(range(100, 1001, 100), test.mean(1), style, label=name)
    ax.fill_between(range(100, 1001, 100), test.min(1).values, test.max(1).values, alpha=0.12)
ax.set(title="归一化能代替 dropout 吗", xlabel="更新次数", ylabel="测试误差 %")
ax.legend(ncols=2)
print("最后的测试误差 %：", {k: f"{v.mean():.1f} ± {v.std():.1f}" for k, v in final.items()})
assert final["归一化"].mean() > final["归一化 + dropout"].mean() + 2
assert final["都不用"].mean() > final["dropout"].mean() + 2
assert final["归一化"].mean() > final["都不用"].mean() - 2  # 归一化没有起到 dropout 的作用
