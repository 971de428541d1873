"""用了批量归一化，还需要 dropout 吗？

要检验的说法：两者做的是不同的事：批量归一化不能代替 dropout 抵抗过拟合；先 dropout 再归一化会使训练与推理的方差对不上。
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

photo = torch.tensor(load_sample_image("flower.jpg"), dtype=torch.float32).mean(2) / 255  # 真实照片，灰度
mask = torch.rand(photo.shape) < 0.5  # 逐个像素丢掉一半
known = torch.where(mask, torch.zeros(()), photo)
window = torch.ones(1, 1, 3, 3)
total, count = (nn.functional.conv2d(m[None, None], window, padding=1)[0, 0] for m in (known, (~mask).float()))
guess = total / count.clamp(min=1)
error = (guess - photo)[mask & (count > 0)].var() / photo[mask].var()
print(f"用留下的邻居猜被丢的像素，能解释 {1 - error:.1%} 的变化")
assert error < 0.05  # 逐元素地丢，卷积层几乎没有损失信息

# %% order
x = torch.randn(20_000, 16)
shift = {}
for name, layers in (("先 dropout 后归一化", [nn.Dropout(0.5), nn.BatchNorm1d(16)]),
                     ("先归一化后 dropout", [nn.BatchNorm1d(16), nn.Dropout(0.5)])):
    net = nn.Sequential(*layers)
    for _ in range(60):
        net(x)  # 训练模式：更新移动平均的统计量
    bn = next(layer for layer in layers if isinstance(layer, nn.BatchNorm1d))
    shift[name] = (bn.running_var.mean().item(), net.eval()(x).var().item())
    print(f"{name}：训练时记住的方差 {shift[name][0]:.2f}，推理时的输出方差 {shift[name][1]:.2f}")
assert abs(shift["先 dropout 后归一化"][1] - 0.5) < 0.03 and abs(shift["先归一化后 dropout"][1] - 1) < 0.03

# %% train
from sklearn.datasets import load_digits
from torch.nn.functional import cross_entropy

images, digits = load_digits(return_X_y=True)
order = torch.randperm(len(digits), generator=torch.Generator().manual_seed(0))
X, y = torch.tensor(images, dtype=torch.float32)[order] / 16, torch.tensor(digits)[order]
labels = torch.where(torch.rand(300) < 0.3, torch.randint(10, (300,)), y[:300])  # 三成训练标签换成随机的


def train(norm, p, lr, seed, num_steps=600, every=100):
    """训练一个 64-128-128-10 的网络，返回每 every 步的测试误差。"""
    torch.manual_seed(seed)
    block = [[nn.Linear(a, 128), *([nn.BatchNorm1d(128)] if norm else []), nn.ReLU(), nn.Dropout(p)] for a in (64, 128)]
    net = nn.Sequential(*block[0], *block[1], nn.Linear(128, 10))
    optimizer, errors = torch.optim.Adam(net.parameters(), lr=lr), []
    for step in range(1, num_steps + 1):
        batch = torch.randint(300, (50,))
        optimizer.zero_grad()
        cross_entropy(net(X[batch]), labels[batch]).backward()
        optimizer.step()
        if step % every == 0:
            with torch.no_grad():
                errors.append((net.eval()(X[300:]).argmax(1) != y[300:]).float().mean().item() * 100)
            net.train()
    return errors


# %% arms caption="测试误差，训练标签三成有噪声，5 个种子的平均与范围，每种做法用它自己最好的学习率。归一化本身没有减轻过拟合，还更快地背下了错的标签；加上 dropout，有没有归一化误差都低得多。"
import matplotlib.pyplot as plt

fig, ax = plt.subplots(figsize=(5.2, 3.0))
final = {}
for (name, norm, p), style in zip((("都不用", False, 0.0), ("归一化", True, 0.0), ("dropout", False, 0.5),
                                   ("归一化 + dropout", True, 0.5)), ("-", "--", ":", "-.")):
    runs = [torch.tensor([train(norm, p, lr, seed) for seed in range(5)]) for lr in (1e-3, 3e-3)]  # 每个 (5, 6)
    best = min(runs, key=lambda r: r[:, -1].mean())
    final[name] = best[:, -1]
    ax.plot(range(100, 601, 100), best.mean(0), style, label=name)
    ax.fill_between(range(100, 601, 100), best.min(0).values, best.max(0).values, alpha=0.12)
ax.set(title="归一化能代替 dropout 吗", xlabel="更新次数", ylabel="测试误差 %")
ax.legend(ncols=2)
print("最后的测试误差 %：", {k: f"{v.mean():.1f} ± {v.std():.1f}" for k, v in final.items()})
assert final["归一化"].mean() > final["归一化 + dropout"].mean() + 2
assert final["都不用"].mean() > final["dropout"].mean() + 2
assert final["归一化"].mean() > final["都不用"].mean() - 2  # 归一化没有起到 dropout 的作用
