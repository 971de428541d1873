"""实际是 1:9 的二分类，训练集应该是 1:1 还是 1:9？

要检验的说法：训练集和验证集都应接近 1:1，否则模型偏向多的那一类；复制少数类或加权可以避免。
能推翻它的结果：1:1 训练的排序（AUC）并不更好；只移动 1:9 模型的阈值，就得到同样的召回率；1:1 的验证集高估精确率。
"""

# %% data
import torch
from sklearn.datasets import load_sample_images

china, flower = (torch.tensor(image).reshape(-1, 3) / 255 for image in load_sample_images().images)
S = 20  # S 次独立的抽样，各自训练，一起算
def draw(positives, negatives, seed):
    """一个像素的颜色来自 flower.jpg（正类）还是 china.jpg（负类）？返回 (S, n, 3) 和 (S, n)，正类在前。"""
    generator = torch.Generator().manual_seed(seed)
    pixels = [image[torch.randint(len(image), (S, n), generator=generator)]
              for image, n in ((flower, positives), (china, negatives))]
    return torch.cat(pixels, 1), (torch.arange(positives + negatives) < positives).float().expand(S, -1)

X, y = draw(100, 900, seed=0)  # 训练集
X_valid, y_valid = draw(100, 900, seed=1)
X_test, y_test = draw(500, 4500, seed=2)  # 都是实际的比例，1:9
print(f"一律答“不是”：准确率 {(y_test == 0).float().mean():.0%}，找到的正类 0%")
assert (y_test == 0).float().mean() > 0.89

# %% weights
from torch.nn.functional import binary_cross_entropy_with_logits as bce
from torch.utils.data import WeightedRandomSampler
target, z = y[0], torch.randn(1000, generator=torch.Generator().manual_seed(0)).requires_grad_()
copies = torch.arange(1000).repeat_interleave(torch.where(target > 0, 9, 1))  # 正类各复制成 9 份
(by_copy,) = torch.autograd.grad(bce(z[copies], target[copies], reduction="sum"), z)
(by_weight,) = torch.autograd.grad(bce(z, target, pos_weight=torch.tensor(9.0), reduction="sum"), z)
torch.testing.assert_close(by_copy, by_weight)
print(f"复制成 9 份与 pos_weight=9，梯度最大相差 {(by_copy - by_weight).abs().max():.0e}")
drawn = list(WeightedRandomSampler(1 + 8 * target, num_samples=10000, generator=torch.Generator().manual_seed(0)))
print(f"WeightedRandomSampler 抽出的正类占 {target[drawn].mean():.0%}，原来占 {target.mean():.0%}")
assert abs(target[drawn].mean() - 0.5) < 0.03

# %% train
def auc(z, t):  # 随便一个正类的分数高于随便一个负类的概率；(S, n) → (S,)
    rank, n = z.argsort(1).argsort(1).float() + 1, t.sum(1)
    return ((rank * t).sum(1) - n * (n + 1) / 2) / (n * (t.shape[1] - n))

def fit(X, y, pos_weight, lr, hidden=16, num_steps=800):
    """S 个 MLP 一起训练，全批量；返回 net：(S, n, 3) → logit (S, n)。"""
    torch.manual_seed(0)
    W1, W2 = torch.randn(S, 3, hidden), torch.randn(S, hidden, 1) / hidden**0.5
    params = [p.requires_grad_() for p in (W1, torch.zeros(S, 1, hidden), W2, torch.zeros(S, 1, 1))]
    adam = torch.optim.Adam(params, lr)
    def net(X):
        return torch.baddbmm(params[3], torch.baddbmm(params[1], X, params[0]).relu(), params[2]).squeeze(2)
    for _ in range(num_steps):
        loss = bce(net(X), y, pos_weight=torch.tensor(pos_weight), reduction="sum") / len(X[0])
        adam.zero_grad(), loss.backward(), adam.step()
    return torch.no_grad()(net)
X_new, y_new = draw(500, 500, seed=3)
ARMS = {"1:9 原样": (X, y, 1.0), "1:1 扔掉多的": (X[:, :200], y[:, :200], 1.0),  # 只剩 100 + 100 个
        "1:9 加权": (X, y, 9.0), "1:1 重新采集": (X_new, y_new, 1.0)}  # 重新采集：也是 1000 个，正类有 500 个
nets = {}
for name, arm in ARMS.items():
    tried = [fit(*arm, lr) for lr in (0.03, 0.1)]  # 学习率各用自己的验证 AUC 选
    nets[name] = max(tried, key=lambda net: auc(net(X_valid), y_valid).mean())

# %% compare
def rates(z, t, threshold=0.0):  # 准确率、召回率、精确率，(3, S)；logit 0 就是概率 0.5
    said = (z > threshold).float()
    hit = (said * t).sum(1)
    return torch.stack([(said == t).float().mean(1), hit / t.sum(1), hit / said.sum(1)])
def gap(a, b):  # 同一次抽样里配对：a − b 的平均与标准误
    return (a - b).mean().item(), (a - b).std().item() / S**0.5

Z = {name: net(X_test) for name, net in nets.items()}
plain, fewer, weighted, fresh = Z.values()
better = {name: gap(auc(z, y_test), auc(plain, y_test)) for name, z in Z.items()}
for name, z in Z.items():
    accuracy, recall, precision = rates(z, y_test).mean(1)
    print(f"{name}：AUC {auc(z, y_test).mean():.3f}（{better[name][0]:+.3f} ± {better[name][1]:.3f}），"
          f"准确率 {accuracy:.1%}，召回率 {recall:.0%}，精确率 {precision:.0%}")
    change = [gap(a, b) for a, b in zip(rates(z, y_test), rates(plain, y_test))]  # 阈值都是 0.5
    assert z is plain or all(d * sign > 4 * se for (d, se), sign in zip(change, (-1, 1, -1)))
assert max(better["1:1 扔掉多的"][0], better["1:9 加权"][0]) < 0.004  # 比例变了，排序没有更好
assert better["1:1 重新采集"][0] > 3 * better["1:1 重新采集"][1]  # 真的多采些正类，才更好

# %% threshold caption="测试集（1:9）上的精确率与召回率，20 次抽样的平均；圆点是阈值 0.5，方块是原样训练、阈值移到 0.1。原样与加权的线大部分重合，改变的主要是停在线上的哪一点；扔掉数据的（点线）大部分低一截。"
import matplotlib.pyplot as plt
log9 = torch.tensor(9.0).log()
moved, by_weight = rates(plain, y_test, -log9), rates(weighted, y_test)  # 概率 0.1 就是 logit −log 9
print("1:9 原样，阈值 0.1：召回率 {1:.2f}，精确率 {2:.2f}".format(*moved.mean(1).tolist()))
print("1:9 加权，阈值 0.5：召回率 {1:.2f}，精确率 {2:.2f}".format(*by_weight.mean(1).tolist()))
fig, ax = plt.subplots(figsize=(5.2, 3.0))
for i, (name, z) in enumerate(Z.items()):
    curve = torch.stack([rates(z, y_test, t).mean(1) for t in z.quantile(torch.linspace(0.8, 0.96, 60))])
    ax.plot(curve[:, 1], curve[:, 2], ("-", ":", "--", "-.")[i], label=name)
    ax.plot(*rates(z, y_test).mean(1)[1:], "o", color=f"C{i}")
ax.plot(*moved.mean(1)[1:], "s", color="C0")
ax.set(title="换训练比例，与移动阈值差不多", xlabel="召回率", ylabel="精确率", xlim=(0.6, 1), ylim=(0.4, 1))
ax.legend(loc="lower left")
assert abs((moved - by_weight)[1].mean()) < 0.02 and abs((moved - by_weight)[2].mean()) < 0.1  # 不必重新训练

# %% prior caption="把测试样本按预测的概率分组，横轴是组内预测的平均，纵轴是其中真正的正类占多少。原样训练的点在对角线附近；1:1 训练的远在下方，报的概率偏高；logit 减去 log 9 之后回到对角线附近。"
fig, ax = plt.subplots(figsize=(5.2, 3.0))
ax.plot([0, 1], [0, 1], ":", color="gray")
arms = {"1:9 原样": plain, "1:1 重新采集": fresh, "1:1 重新采集，减 log 9": fresh - log9, "1:1 扔掉多的，减 log 9": fewer - log9}
for (name, z), style in zip(arms.items(), ("o-", "s--", "^-.", "x:")):
    p = z.sigmoid()
    groups = [(p > a) & (p <= a + 0.125) for a in torch.arange(0, 1, 0.125)]
    ax.plot([p[g].mean() for g in groups], [y_test[g].mean() for g in groups], style, label=name)
    print(f"{name}：平均预测概率 {p.mean():.3f}（实际 {y_test.mean():.3f}），对数损失 {bce(z, y_test):.3f}")
ax.set(title="预测的概率准不准", xlabel="预测的概率", ylabel="正类的实际比例")
ax.legend()
assert fresh.sigmoid().mean() > 0.14 and abs((fresh - log9).sigmoid().mean() - 0.1) < 0.02
loss, uncorrected, corrected, discarded = (bce(z, y_test) for z in arms.values())
assert uncorrected > 1.4 * loss and corrected < loss + 0.01 and discarded > loss + 0.01

# %% validation
choices, precision, picked = torch.linspace(-6, 6, 121), {}, {}
on_test = torch.stack([rates(plain, y_test, c)[0] for c in choices])  # (121, S)，每个阈值的测试准确率
for name, (A, t) in {"1:1": draw(500, 500, seed=4), "1:9": (X_valid, y_valid)}.items():
    z = nets["1:9 原样"](A)  # 同一个模型，两份验证集
    chosen = torch.stack([rates(z, t, c)[0] for c in choices]).argmax(0, keepdim=True)  # 验证准确率最高的阈值
    (_, recall, precision[name]), picked[name] = rates(z, t).mean(1), on_test.gather(0, chosen)[0]
    print(f"{name} 的验证集：召回率 {recall:.2f}，精确率 {precision[name]:.2f}；用它选阈值，测试准确率 {picked[name].mean():.1%}")
real, (d, se) = rates(plain, y_test)[2].mean(), gap(picked["1:9"], picked["1:1"])
print(f"测试集上真正的精确率：{real:.2f}")
assert precision["1:1"] > real + 0.06 and abs(precision["1:9"] - real) < 0.04 and d > max(0.005, 4 * se)
