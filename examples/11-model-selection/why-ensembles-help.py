"""同样的结构和训练数据，只是随机初始化不同，集成为什么会更好？一定会吗？

要检验的说法：集成一定会好；原因是降低了方差；统计模型一样，初始值不同，优化的结果就不同。
能推翻它的结果：集成的损失高于成员的平均；从方差里扣掉的不等于损失的下降；凸问题换初始值也有好处；集成从不比成员差。
"""

# %% train
import torch
from sklearn.datasets import load_digits
from torch.nn.functional import cross_entropy

images, digits = load_digits(return_X_y=True)
X, y = torch.tensor(images).float() / 16 - 0.3, torch.tensor(digits)
D, K, n = 8, 40, 300  # D 份训练数据，每份 K 个成员
TRAIN = torch.stack([torch.randperm(1000, generator=torch.Generator().manual_seed(s))[:n] for s in range(D)])
X_test, y_test = X[1000:], y[1000:]

def net(X, params):
    for W, b in zip(params[:-2:2], params[1:-2:2]):
        X = torch.baddbmm(b, X, W).relu()
    return torch.baddbmm(params[-1], X, params[-2])

def fit(widths, num_steps, lr=0.05, decay=0.0):
    """同一份数据的 K 个成员，批次也相同，只有初始值不同；返回参数与测试集上的概率 (D, K, 797, 10)。"""
    generator, params = torch.Generator().manual_seed(0), []
    for a, b in zip(widths, widths[1:]):
        params += [torch.randn(D * K, a, b, generator=generator) * (2 / a) ** 0.5, torch.zeros(D * K, 1, b)]
    sgd = torch.optim.SGD([p.requires_grad_() for p in params], lr, momentum=0.9, weight_decay=decay)
    for _ in range(num_steps):
        rows = TRAIN.gather(1, torch.randint(n, (D, 32), generator=generator)).repeat_interleave(K, 0)
        loss = cross_entropy(net(X[rows], params).flatten(0, 1), y[rows].flatten(), reduction="sum") / 32
        sgd.zero_grad(), loss.backward(), sgd.step()
    with torch.no_grad():
        return params, net(X_test.expand(D * K, -1, -1), params).softmax(2).view(D, K, -1, 10)

# %% members
params, P = fit((64, 32, 10), num_steps=300)
E = P.mean(1)  # 集成：平均 K 个成员的概率，(D, 797, 10)
print(f"{D} 份数据 × {K} 个成员，成员的平均测试误差 {(P.argmax(-1) != y_test).float().mean():.1%}")

# %% jensen
truth = torch.eye(10)[y_test]
scores = {"平方损失": lambda p: (p - truth).square().sum(-1).mean(-1),
          "交叉熵": lambda p: -(p * truth).sum(-1).log().mean(-1),
          "误差 %": lambda p: (p.argmax(-1) != y_test).float().mean(-1) * 100}
wins = {}
for name, score in scores.items():
    members, ensemble = score(P), score(E)  # (D, K)、(D,)
    best = members.min(1).values  # 事后看测试集挑出来的，平时不知道是哪一个
    print(f"{name}：成员平均 {members.mean():.3f}，集成 {ensemble.mean():.3f}，最好的成员 {best.mean():.3f}；"
          f"{D} 份数据里，集成胜过成员平均 {(ensemble < members.mean(1)).sum()} 次，胜过最好的成员 {(ensemble < best).sum()} 次")
    fives = torch.randperm(K, generator=torch.Generator().manual_seed(0)).view(-1, 5)  # 平时只有几个成员：分成 8 组
    wins[name] = torch.stack([score(P[:, i].mean(1)) < members[:, i].min(1).values for i in fives]).float().mean()
    assert (ensemble < members.mean(1)).sum() >= (5 if name == "误差 %" else D)  # 凸的损失，每一次都如此
    assert (ensemble > best).sum() >= 6 and 0.05 < wins[name] < 0.85
print("只集成 5 个时，胜过其中最好的：", "，".join(f"{name} {w:.0%}" for name, w in wins.items()))

# %% variance
square = scores["平方损失"]
spread = (P - E[:, None]).square().sum(-1).mean(-1)  # (D, K)，成员离自己的集成多远
overall = E.mean(0)  # 再对 D 份数据平均
bias, by_data = square(overall), (E - overall).square().sum(-1).mean()
parts = f"偏差与噪声 {bias:.4f} + 换数据的方差 {by_data:.4f}"
print(f"一个成员的平方损失 {square(P).mean():.4f} = {parts} + 换初始值的方差 {spread.mean():.4f}")
print(f"集成的平方损失     {square(E).mean():.4f} = {parts}")
torch.testing.assert_close(square(E), square(P).mean(1) - spread.mean(1))  # 每一份数据上都正好相等
torch.testing.assert_close(square(P).mean(), bias + by_data + spread.mean())
assert spread.mean() > 0.03 * square(P).mean() and bias > 3 * spread.mean()  # 有，但只占一小部分

# %% law caption="随机取 M 个成员做集成，平方损失随 M 的变化（圆点）。实线是公式：下限加上 V / M。头几个成员得到大部分好处，之后贴着下限（虚线）走：再多也去不掉偏差和数据带来的方差。"
import matplotlib.pyplot as plt

generator, sizes, measured = torch.Generator().manual_seed(0), (1, 2, 3, 5, 10, 20, 40), []
V = spread.mean() * K / (K - 1)  # 一个成员的方差，无偏估计
floor = square(E).mean() - V / K  # 成员无穷多时的损失
for M in sizes:
    chosen = [torch.randperm(K, generator=generator)[:M] for _ in range(60)]
    measured.append(torch.stack([square(P[:, members].mean(1)).mean() for members in chosen]).mean().item())
fig, ax = plt.subplots(figsize=(5.2, 2.8))
ax.plot(sizes, measured, "o", label="实测")
ax.plot(range(1, 41), floor + V / torch.arange(1, 41), "-", label="下限 + V / M")
ax.axhline(floor, color="gray", linestyle="--", label="下限")
ax.set(title="成员越多，好处越小", xlabel="成员个数 M", ylabel="平方损失")
ax.legend()
wrong = (P.argmax(-1) != y_test).float()  # (D, K, 797)
rho = torch.stack([torch.corrcoef(w)[~torch.eye(K, dtype=bool)].mean() for w in wrong]).mean()
print("平方损失，M =", dict(zip(sizes, [round(v, 4) for v in measured])), f"，下限 {floor:.4f}")
print(f"5 个成员得到了全部好处的 {(measured[0] - measured[3]) / (measured[0] - floor):.0%}；成员的对错，两两的相关系数 {rho:.2f}")
predicted = [(floor + V / M).item() for M in sizes]
assert all(abs(a - b) < 0.1 * V for a, b in zip(measured, predicted)) and rho > 0.5

# %% worse caption="把测试样本按“答对的成员占多少”分组，看集成答对多少。过半的成员答对时，集成几乎全对；远不到一半时，集成几乎全错，比成员的平均（虚线）还差。"
right, share = (E.argmax(-1) == y_test).float(), 1 - wrong.mean(1)  # (D, 797)
bins = [(share > low) & (share <= low + 0.1) for low in torch.arange(0, 0.95, 0.1)]
fig, ax = plt.subplots(figsize=(5.2, 2.8))
ax.plot([share[b].mean() for b in bins], [right[b].mean() for b in bins], "o-", label="集成")
ax.plot([0, 1], [0, 1], ":", color="gray", label="成员的平均")
ax.set(title="集成把多数放大，对错都放大", xlabel="答对的成员的比例", ylabel="答对的比例")
ax.legend()
hard, error = share < 0.5, scores["误差 %"]
print(f"多半成员答错的样本占 {hard.float().mean():.1%}：成员平均答对 {share[hard].mean():.1%}，集成答对 {right[hard].mean():.1%}")
pairs = [torch.randperm(K, generator=generator)[:2] for _ in range(100)]
lost = torch.stack([error(P[:, i].mean(1)) > error(P[:, i]).mean(1) + 1e-3 for i in pairs]).float().mean()
print(f"随机取两个成员：集成的误差反而高于两者平均的，占 {lost:.0%}")
assert right[hard].mean() < share[hard].mean() - 0.02 and right[~hard].mean() > share[~hard].mean() + 0.005
assert 0.03 < lost < 0.5  # 多数时候变好，但不是一定

# %% convex
for num_steps in (10, 100, 400):  # 没有隐藏层、带权重衰减：严格凸，只有一个最优解
    _, L = fit((64, 10), num_steps, lr=0.2, decay=0.01)
    F = L.mean(1)
    differ = (L - F[:, None]).square().sum(-1).mean()
    print(f"{num_steps} 步：换初始值的方差 {differ:.0e}，成员误差 {error(L).mean():.2f}，集成误差 {error(F).mean():.2f}")
assert differ < 1e-7 and abs(error(L).mean() - error(F).mean()) < 0.05  # 训练到底，成员都一样

# %% average-weights
for M in (2, 5, 40):
    mean_params = [p.detach().view(D, K, *p.shape[1:])[:, :M].mean(1) for p in params]
    together, merged = error(P[:, :M].mean(1)), error(net(X_test.expand(D, -1, -1), mean_params))
    print(f"{M} 个成员：平均预测，误差 {together.mean():.1f}；平均参数，误差 {merged.mean():.1f}（一个成员 {error(P).mean():.1f}）")
    assert (merged - error(P).mean(1)).mean() > 5 and together.mean() < error(P).mean()
