"""Dropout 随机置 0，对求梯度和反向传播有什么影响？

要检验的说法：前向丢掉哪个单元，反向就挡住哪个单元的梯度，用的是同一个掩码、同一个倍数。
能推翻它的结果：被丢掉的单元仍有梯度；反向的掩码与前向不同；一个批量里大多数权重得不到更新。
"""

# %% same-mask
import torch
from torch import nn

torch.manual_seed(0)
p = 0.5
x = torch.ones(8, requires_grad=True)
y = nn.functional.dropout(x, p)
y.sum().backward()
print("前向：", y.tolist())
print("梯度：", x.grad.tolist())  # 每个位置的导数就是掩码 / (1 - p)

assert torch.equal(x.grad, y.detach())  # 输入全是 1，所以两者就是同一个掩码
assert set(y.tolist()) == {0.0, 1 / (1 - p)}
assert torch.equal(nn.Dropout(p).eval()(x), x)  # 推理时什么也不做

# %% unbiased
draws = nn.functional.dropout(torch.full((200_000,), 3.0), 0.3)
error = draws.std() / len(draws) ** 0.5
unscaled = draws * (1 - 0.3)  # 只置 0，不放大
print(f"期望：{draws.mean():.2f}（原来是 3），标准差从 0 变成 {draws.std():.2f}；不放大时期望 {unscaled.mean():.2f}")
assert abs(draws.mean() - 3) < 5 * error and unscaled.mean() < 2.5
torch.testing.assert_close(draws.std(), torch.tensor(3 * (0.3 / 0.7) ** 0.5), rtol=0.02, atol=0)

# %% one-sample
fc1, fc2 = nn.Linear(5, 6), nn.Linear(6, 3)


def gradients(batch, p=0.5):
    """返回一次反向之后，隐藏单元的掩码，以及进、出每个隐藏单元的权重有没有梯度。"""
    h = nn.functional.dropout(torch.sigmoid(fc1(torch.randn(batch, 5))), p)
    fc1.zero_grad(), fc2.zero_grad()
    fc2(h).square().sum().backward()
    return h != 0, (fc1.weight.grad != 0).any(1), (fc2.weight.grad != 0).any(0)


kept, into, out_of = gradients(batch=1)
print("留下的单元：      ", kept[0].int().tolist())
print("进入它的权重有梯度：", into.int().tolist())
print("离开它的权重有梯度：", out_of.int().tolist())
assert torch.equal(kept[0], into) and torch.equal(kept[0], out_of) and not kept.all()

# %% batch caption="一个隐藏单元的权重在一次更新里得不到梯度的比例。点是实测（每点 2,400 个单元），虚线是 p 的 B 次方（p = 0.5）：只有批量里每个样本都丢了它才会这样。批量为 8 时已不到 1%。"
import matplotlib.pyplot as plt

sizes = [1, 2, 3, 4, 6, 8]
silent = [torch.stack([~gradients(b)[1] for _ in range(400)]).float().mean().item() for b in sizes]
expected = [p**b for b in sizes]
fig, ax = plt.subplots(figsize=(5.2, 2.6))
ax.semilogy(sizes, silent, "o", label="实测")
ax.semilogy(sizes, expected, "--", label="p 的 B 次方")
ax.set(title="多少单元的权重这一步没有梯度", xlabel="批量大小 B", ylabel="比例")
ax.legend()
for got, want in zip(silent, expected):
    assert abs(got - want) < 5 * (want * (1 - want) / 2400) ** 0.5 + 1e-4
often = torch.stack([~gradients(8, p=0.9)[1] for _ in range(400)]).float().mean().item()
print(f"批量 8，得不到梯度的单元：丢弃率 0.5 时 {silent[-1]:.1%}，0.9 时 {often:.0%}")
assert silent[-1] < 0.01 and often > 0.3

# %% still-moves
w = torch.ones(4, requires_grad=True)
moved = {}
for name, optimizer in {
    "SGD": torch.optim.SGD([w], lr=0.1),
    "SGD + 动量": torch.optim.SGD([w], lr=0.1, momentum=0.9),
    "SGD + 权重衰减": torch.optim.SGD([w], lr=0.1, weight_decay=0.1),
    "Adam": torch.optim.Adam([w], lr=0.1),
}.items():
    for gradient in (torch.ones(4), torch.zeros(4)):  # 第二步：全被丢弃，梯度为 0
        before, w.grad = w.detach().clone(), gradient
        optimizer.step()
    moved[name] = not torch.equal(before, w)
print("梯度为 0 时权重还会变：", moved)
assert moved == {"SGD": False, "SGD + 动量": True, "SGD + 权重衰减": True, "Adam": True}
