"""怎样有效地设计超参数？Optuna 值得用吗？

要检验的说法：网格太贵；随机能选出好的；贝叶斯方法要一百、一千、一万次才有效；Optuna 更快，并提高测试表现；看测试结果来调。
能推翻它的结果：几十次试验时 TPE 不比随机搜索好；缩小范围帮助不大；选中的那组在测试集上同验证集上一样好。
"""

# %% setup
import itertools, optuna, torch
from optuna.distributions import FloatDistribution as Float, IntDistribution as Int
from sklearn.datasets import load_digits
from torch.nn.functional import cross_entropy
optuna.logging.set_verbosity(optuna.logging.WARNING)
X, y = map(torch.tensor, load_digits(return_X_y=True))
X, S = X.float() / 16, 20  # S 次独立的研究，各用一种划分
shuffled = torch.stack([torch.randperm(len(y), generator=torch.Generator().manual_seed(s)) for s in range(S)])
TRAIN, VALID, TEST = shuffled[:, :1000].split((200, 200, 600), dim=1)
WIDE = {"lr": Float(1e-3, 3, log=True), "momentum": Float(0, 0.99), "width": Int(2, 32, log=True),
        "batch_size": Int(2, 16, log=True), "weight_decay": Float(1e-6, 0.1, log=True)}  # 故意取得很宽
USUAL = {"lr": 0.1, "momentum": 0.9, "width": 32, "batch_size": 16, "weight_decay": 1e-4}  # 教科书上常见的一组
print(f"每次研究：训练 {TRAIN.shape[1]} 张，验证 {VALID.shape[1]} 张，测试 {TEST.shape[1]} 张；共 {S} 次研究")

# %% train
def train(rows, num_steps=150):
    """第 i 组超参数用第 i % S 种划分，全部一起训练；返回验证误差与测试误差 %，(2, 组数)。"""
    n, which = len(rows), torch.arange(len(rows)) % S
    generator = torch.Generator().manual_seed(0)  # 同一次研究里，初始值与样本次序总相同
    lr, momentum, width, batch, decay = torch.tensor([[r[k] for k in USUAL] for r in rows]).T.view(5, n, 1, 1)
    used = (torch.arange(32) < width).float()  # (n, 1, 32)，没有用到的单元，权重从头到尾是 0
    W1 = (torch.randn(S, 64, 32, generator=generator) * (2 / 64) ** 0.5)[which] * used
    W2 = torch.randn(S, 32, 10, generator=generator)[which] * (2 / width) ** 0.5 * used.mT
    params = [p.requires_grad_() for p in (W1, torch.zeros(n, 1, 32), W2, torch.zeros(n, 1, 10))]
    velocity = [torch.zeros_like(p) for p in params]
    weight = ((torch.arange(16) < batch).float() / batch).flatten()  # 16 张里只算前 batch_size 张
    def net(X):
        return torch.baddbmm(params[3], torch.baddbmm(params[1], X, params[0]).relu(), params[2])
    for _ in range(num_steps):
        rows = TRAIN.gather(1, torch.randint(TRAIN.shape[1], (S, 16), generator=generator))[which]  # (n, 16)
        losses = cross_entropy(net(X[rows]).flatten(0, 1), y[rows].flatten(), reduction="none")
        gradients = torch.autograd.grad((losses * weight).sum(), params)
        with torch.no_grad():
            for p, v, grad in zip(params, velocity, gradients):
                v.mul_(momentum).add_(grad).addcmul_(decay, p)
                p.addcmul_(lr, v, value=-1)
    return torch.stack([(net(X[r]).argmax(2) != y[r]).float().mean(1) * 100 for r in (VALID[which], TEST[which])])

# %% search
def centres(d, k):  # 范围等分成 k 段，取每段的中点
    u = (torch.arange(k) + 0.5) / k
    return ((d.high / d.low) ** u * d.low if d.log else d.low + (d.high - d.low) * u).tolist()
def search(space, counts):
    """三种办法同样多的试验；counts 是网格在每个超参数上取几个值。返回误差 {名字: (试验, 2, S)} 和各次研究。"""
    grid = [dict(zip(space, c)) for c in itertools.product(*map(centres, space.values(), counts))]
    orders = [torch.randperm(len(grid), generator=torch.Generator().manual_seed(s)) for s in range(S)]
    samplers = (optuna.samplers.RandomSampler, optuna.samplers.TPESampler)
    studies = [optuna.create_study(sampler=sampler(seed=s)) for sampler in samplers for s in range(S)]
    errors = []
    for i in range(len(grid)):
        trials = [study.ask(space) for study in studies]  # 平时写 study.optimize(objective, n_trials=…) 就行
        rows = [trial.params for trial in trials] + [grid[order[i]] for order in orders]
        errors.append(train([USUAL | row for row in rows]))
        for study, trial, error in zip(studies, trials, errors[-1][0].tolist()):
            study.tell(trial, error)  # 只把验证误差告诉它
    return dict(zip(("随机搜索", "TPE", "网格搜索"), torch.stack(errors).unflatten(2, (3, S)).unbind(2))), studies
def best(errors):  # 到第几次试验为止，验证误差最低的那组：它的验证误差和测试误差 (试验, 2, S)
    return errors.gather(0, torch.stack([errors[: i + 1, :1].argmin(0).expand(2, -1) for i in range(len(errors))]))

# %% budget caption="到目前为止验证误差最低的那一组，它的测试误差；20 次研究的平均，阴影是标准误。灰线是教科书上那一组，只训练一次。TPE 试了五六十次才与它差不多，另外两种办法到 64 次还没有赶上。"
import matplotlib.pyplot as plt

def gain(a, b):  # 同一次研究里配对：a − b 的平均与标准误
    return (a - b).mean().item(), (a - b).std().item() / S**0.5
(wide, studies), usual = search(WIDE, (4, 2, 2, 2, 2)), train([USUAL] * S)
random, tpe, grid = map(best, wide.values())  # 各 (64, 2, S)
fig, ax = plt.subplots(figsize=(5.2, 2.9))
for name, curve, style in zip(wide, (random, tpe, grid), (":", "-", "--")):
    mean, se = curve[:, 1].mean(1), curve[:, 1].std(1) / S**0.5
    ax.plot(range(1, 65), mean, style, label=name)
    ax.fill_between(range(1, 65), mean - se, mean + se, alpha=0.15)
    print(f"{name}：第 8、16、32、64 次时，测试误差 %", [round(mean[n - 1].item(), 1) for n in (8, 16, 32, 64)])
ax.axhline(usual[1].mean(), color="gray", linestyle="-.", label="教科书上的一组")
ax.set(title="同样的试验次数，选出的那组有多好", xlabel="试验次数", ylabel="测试误差 %", xlim=(4, 64), ylim=(6, 45))
ax.legend()
for name, other in (("随机搜索", random[63]), ("网格搜索", grid[63])):
    (dv, sv), (dt, st), wins = gain(other[0], tpe[63, 0]), gain(other[1], tpe[63, 1]), (tpe[63, 0] < other[0]).sum()
    print(f"64 次时，{name} − TPE：验证 {dv:.1f} ± {sv:.1f}，测试 {dt:.1f} ± {st:.1f}；{S} 次研究里 TPE 赢 {wins} 次")
    assert wins >= 15 and dv > 2 * sv and dv > 1  # 不到一百次，优势已经很清楚
assert (tpe[31, 0] - random[63, 0]).mean() < 1  # TPE 的 32 次不比随机的 64 次差
assert (random[63, 1] - usual[1]).mean() > 1  # 随机搜索 64 次，还不如教科书上的一组

# %% trials caption="其中一次研究的全部试验，每个点是一次训练。随机搜索（叉）均匀地撒在学习率的三个半数量级上；TPE（圆点）把大部分试验放在误差低的那一段。"
fig, ax = plt.subplots(figsize=(5.2, 2.8))
for name, k, style in (("随机搜索", 0, "x"), ("TPE", S, "o")):
    points = [(t.params["lr"], t.value) for t in studies[k].trials]
    ax.plot(*zip(*points), style, alpha=0.7, markersize=4, label=name)
ax.set(title="一次研究的 64 次试验", xlabel="学习率", ylabel="验证误差 %", xscale="log", ylim=(0, 105))
ax.legend(loc="lower left")
good = [(errors[10:, 0] < 20).float().mean(0) for errors in list(wide.values())[:2]]  # 各 (S,)，头 10 次都是随机的
print(f"第 11 次以后，验证误差低于 20% 的试验：随机 {good[0].mean():.0%}，TPE {good[1].mean():.0%}")
assert (good[1] - good[0]).mean() > 0.15 and gain(good[1], good[0])[0] > 4 * gain(good[1], good[0])[1]

# %% range
NARROW = {"lr": Float(0.03, 0.3, log=True), "momentum": Float(0.8, 0.95), "width": Int(16, 32, log=True),
          "batch_size": Int(8, 16, log=True), "weight_decay": Float(1e-6, 1e-2, log=True)}  # 常见值附近
tried, _ = search(NARROW, (2, 2, 2, 2, 1))
narrow = {name: best(errors) for name, errors in tried.items()}
eight = narrow["随机搜索"][7, 1]
(d, se), lost = gain(random[7, 1], eight), "{:.1f} ± {:.1f}".format(*gain(eight, tpe[63, 1]))
print(f"随机搜索 8 次，测试误差 %：宽的范围 {random[7, 1].mean():.1f}，窄的范围 {eight.mean():.1f}")
print(f"宽的范围里 TPE 用 64 次：{tpe[63, 1].mean():.1f}，比窄的范围里随机 8 次低 {lost}")
print("窄的范围，各 16 次，测试误差 %：", {name: round(e[15, 1].mean().item(), 1) for name, e in narrow.items()})
assert d > 4 * se and d > 10 and (eight - tpe[63, 1]).mean() < 3  # 范围定对了，随机 8 次就接近宽范围里 TPE 的 64 次
assert all(abs(gain(e[15, 1], narrow["TPE"][15, 1])[0]) < 1.2 for e in narrow.values())  # 用谁都差不多

# %% which-matter
for name, d in WIDE.items():  # 一次只动一个，其余是教科书上的；取 5 个值，从范围的一头到另一头
    values = [round(v) if isinstance(d, Int) else v for v in (d.low, *centres(d, 3), d.high)]
    e = train([USUAL | {name: v} for v in values for _ in range(S)])[1].view(5, S).mean(1)
    print(f"{name} 从 {d.low:g} 到 {d.high:g}，测试误差 %：", [round(v) for v in e.tolist()])
    assert e.max() - e.min() > 15  # 每一个取坏了都要紧
assert e[:3].max() - e[:3].min() < 2  # 最后一个是权重衰减：头三个值差了三百倍，几乎没有差别

# %% optimism
every = torch.cat(list(tried.values()))  # (48, 2, S)，窄的范围里试过的全部
better = every.mean(0) - best(every)[-1]  # (2, S)，选中的比试过的平均低多少；验证减测试就是挑选造成的乐观
(dv, dt), (bias, se) = better.mean(1), gain(*better)
print(f"选中的比试过的平均低：验证 {dv:.1f}，测试 {dt:.1f}；乐观 {bias:.1f} ± {se:.1f} 个百分点")
print("测试误差，教科书上的一组 − TPE 在宽的范围里选中的：", "{:.1f} ± {:.1f}".format(*gain(usual[1], tpe[63, 1])))
assert bias > 5 * se and bias > 1 and dt > 5 and gain(usual[1], tpe[63, 1])[0] < 1.5
