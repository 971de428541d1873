"""验证集准确率震荡较大，哪个参数影响最大？

要检验的说法：学习率是影响最大的那个。
能推翻它的结果：别的参数改同样的倍数，震荡变化得更多；学习率不改，震荡也能去掉；权重不动，准确率照样震荡。
"""

# %% frozen
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.functional import cross_entropy
images, digits = load_digits(return_X_y=True)
order = torch.randperm(1797, generator=torch.Generator().manual_seed(0))
X, y = torch.tensor(images, dtype=torch.float32)[order] / 16, torch.tensor(digits)[order]
X_valid, y_valid = X[797:], y[797:]  # 1,000 张验证图
torch.manual_seed(0)
net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 10))
optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
for _ in range(20):
    optimizer.zero_grad(), cross_entropy(net(X[:797]), y[:797]).backward(), optimizer.step()
with torch.no_grad():  # 从这里起权重不再改变
    forgot = torch.stack([net(X_valid).argmax(1) == y_valid for _ in range(50)]).float()  # 还在训练模式
    right = torch.stack([net.eval()(X_valid).argmax(1) == y_valid for _ in range(50)]).float()
evaluated, trained = (r.mean(1).std() * 100 for r in (right, forgot))
print(f"同一个验证集评估 50 次，标准差：eval() {evaluated:.2f}，忘了 eval() {trained:.2f} 个百分点")
assert evaluated == 0 and trained > 0.3
for n in (50, 200, 800):  # 每次另抽 n 张来评估
    spread, p = right[0][torch.randint(1000, (4000, n))].mean(1).std() * 100, right[0].mean()
    formula = (p * (1 - p) / n) ** 0.5 * 100
    print(f"每次另抽 {n:3d} 张：标准差 {spread:.2f}，公式 {formula:.2f}")
    assert abs(spread / formula - 1) < 0.1

# %% nets
S, num_steps, every = 8, 500, 10  # 8 个种子；每 10 次更新评估一次
g = torch.Generator().manual_seed(1)
wrong = torch.rand(797, generator=g) < 0.3  # 30% 的训练标签换成随机的：一时背不下来，梯度一直有噪声
noisy = torch.where(wrong, torch.randint(10, (797,), generator=g), y[:797])

class Nets(nn.Module):
    """几种设置 × 8 个种子的 64-64-10 网络，一次算完。"""
    def __init__(self, num_arms, bn):
        super().__init__()
        torch.manual_seed(0)
        shapes = [((S, 64, 64), (2 / 64) ** 0.5), ((S, 1, 64), 0), ((S, 64, 10), 1 / 8), ((S, 1, 10), 0)]
        init = [torch.randn(shape) * scale for shape, scale in shapes]  # 每种设置从同样的权重开始
        self.arms = nn.ModuleList([nn.ParameterList([p.clone() for p in init]) for _ in range(num_arms)])
        self.bn = nn.BatchNorm1d(num_arms * S * 64) if bn else nn.Identity()
    def forward(self, X):  # (设置 × 种子, 批量, 64)
        W1, b1, W2, b2 = (torch.cat(same) for same in zip(*self.arms))
        h = self.bn((X @ W1 + b1).transpose(0, 1).flatten(1))  # (批量, 设置 × 种子 × 64)
        return h.view(len(h), -1, 64).transpose(0, 1).relu() @ W2 + b2

# %% train
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
def train(*arms, batch=32, labels=noisy, bn=False, ema=False, decay=False):
    """arms：每种设置的 SGD 参数。返回每次评估时的对错 (评估, 设置, 种子, 1000)。"""
    net, default = Nets(len(arms), bn), {"lr": 0.02, "momentum": 0.9}
    groups = [default | arm | {"params": [*p]} for arm, p in zip(arms, net.arms)]
    optimizer = torch.optim.SGD(groups + [{"params": [*net.bn.parameters()], **default}] * bn)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: 1 - t / num_steps if decay else 1.0)
    average = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(0.98), use_buffers=True) if ema else net
    history = []
    for step in range(1, num_steps + 1):
        rows = torch.randint(797, (S, batch)).repeat(len(arms), 1)  # 每个种子有自己的批次
        out = net.train()(X[rows])
        loss = cross_entropy(out.flatten(0, 1), labels[rows].flatten(), reduction="sum") / batch
        optimizer.zero_grad(), loss.backward(), optimizer.step(), scheduler.step()
        if ema:
            average.update_parameters(net)
        if step % every == 0:
            with torch.no_grad():
                out = average.eval()(X_valid.expand(len(arms) * S, -1, -1))
            history.append((out.argmax(2) == y_valid).view(len(arms), S, 1000))
    return torch.stack(history)
def oscillation(right):  # 最后一半更新里，相邻两次评估之差的标准差 (设置, 种子)
    return (right[-25:].float().mean(-1) * 100).diff(dim=0).std(0)

# %% knobs caption="一次只改一个参数，8 个种子的平均与标准差（两个轴都是对数）。学习率大则震荡大，但批量小 8 倍比学习率大 8 倍还厉害；验证集小 8 倍，震荡也大得多。"
import matplotlib.pyplot as plt
factors = [1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8]
others = {"不用动量": {"momentum": 0}, "不用动量，学习率 ×10": {"momentum": 0, "lr": 0.2}, "权重衰减 0.001": {"weight_decay": 1e-3}}
runs = train(*({"lr": 0.02 * f} for f in factors), *others.values())  # 后三种见下一个单元
by_lr = runs[:, :7]
lr, batch = oscillation(by_lr), {1: by_lr[:, 3:4]} | {f: train({}, batch=int(32 * f)) for f in factors if f != 1}
batch = torch.cat([oscillation(batch[f]) for f in factors])
size = torch.cat([oscillation(by_lr[:, 3:4, :, : int(1000 * f)]) for f in factors[:4]])
fig, ax = plt.subplots(figsize=(5.2, 2.9))
for name, value, style in (("学习率", lr, "o-"), ("批量", batch, "s--"), ("验证集大小", size, "^:")):
    ax.errorbar(factors[: len(value)], value.mean(1), value.std(1), fmt=style, capsize=2, label=name)
    print(f"{name}：", {f"×{f:g}": round(v, 1) for f, v in zip(factors, value.mean(1).tolist())})
ax.set(xscale="log", yscale="log", title="震荡有多大", xlabel="基准的多少倍", ylabel="相邻评估之差（百分点）")
ax.set_xticks(factors, ["1/8", "1/4", "1/2", "1", "2", "4", "8"])
ax.set_yticks([0.5, 1, 2, 4, 8], ["0.5", "1", "2", "4", "8"])
ax.minorticks_off(), ax.legend()
assert lr[-1].mean() > 1.7 * lr[3].mean() and size[0].mean() > 1.3 * size[3].mean()
assert batch[0].mean() > 1.7 * batch[3].mean() and batch[0].mean() > lr[-1].mean() * 0.9
assert batch[3].mean() > 1.4 * batch[6].mean() and lr[3].mean() > 1.3 * min(lr[0].mean(), lr[1].mean())

# %% others
other = dict(zip(others, oscillation(runs[:, 7:])))
other |= {"批量归一化": oscillation(train({}, bn=True))[0], "学习率、批量都 ×4": oscillation(train({"lr": 0.08}, batch=128))[0]}
print(f"基准 {batch[3].mean():.1f}；", {name: f"{v.mean():.1f} ± {v.std():.1f}" for name, v in other.items()})
base, steady = batch[3].mean(), other["学习率、批量都 ×4"].mean()
assert other["不用动量"].mean() < 0.85 * base and other["不用动量，学习率 ×10"].mean() > 0.9 * base
assert min(other["权重衰减 0.001"].mean(), other["批量归一化"].mean()) > 0.6 * base
assert 0.7 < steady / base < 1.4 and lr[5].mean() > 1.2 * base
clean_lr = oscillation(train(*({"lr": 0.02 * f} for f in (1 / 8, 1, 8)), labels=y))
clean_batch = [clean_lr[1] if b == 32 else oscillation(train({}, batch=b, labels=y))[0] for b in (4, 32, 256)]
print("标签都对，学习率 ×1/8、×1、×8：", [round(v, 1) for v in clean_lr.mean(1).tolist()])
print("标签都对，批量 ×1/8、×1、×8：  ", [round(v.mean().item(), 1) for v in clean_batch])
assert clean_lr.mean(1).max() < 2 * clean_lr.mean(1).min()
assert clean_batch[0].mean() > 4 * clean_batch[2].mean()

# %% cure caption="第一个种子的验证准确率。学习率不变时一直上下跳；让学习率减到 0，跳动逐渐消失；学习率不变、只评估权重的滑动平均，几乎不跳。"
tails = {}
fig, ax = plt.subplots(figsize=(5.2, 2.8))
for name, kw in (("学习率不变", {}), ("学习率减到 0", {"decay": True}), ("权重滑动平均", {"ema": True})):
    right = train({}, **kw) if kw else by_lr[:, 3:4]
    ax.plot(range(every, num_steps + 1, every), right[:, 0, 0].float().mean(1) * 100, label=name)
    tails[name] = oscillation(right[-10:])[0], right[-10:, 0].float().mean((0, 2)) * 100
    swing, level = tails[name]
    print(f"{name}：最后 10 次评估，震荡 {swing.mean():.1f} ± {swing.std():.1f}，平均准确率 {level.mean():.1f}%")
ax.set(title="同样的训练，三种结尾", xlabel="更新次数", ylabel="验证准确率 %", ylim=(75, 95))
ax.legend()
constant, averaged = tails["学习率不变"], tails["权重滑动平均"]
assert max(tails["学习率减到 0"][0].mean(), averaged[0].mean()) < 0.6 * constant[0].mean()
assert (averaged[1] - constant[1]).mean() > 0.5  # 平均以后不但稳，而且更准
