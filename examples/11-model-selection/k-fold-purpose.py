"""k 折交叉验证的目的是什么？选好超参数以后还要再训练一遍吗？

要检验的说法：目的就是定超参数；之后有三种做法：用全部数据重新训练、取最好的一折的模型、把 K 个模型平均。
能推翻它的结果：k 折的估计不比一次划分稳；最好的一折的模型不比重新训练的差；平均没有好处；选中的分数就是真实的误差。
"""

# %% api
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score, cross_validate
from sklearn.svm import SVC
images, digits = load_digits(return_X_y=True)
model, folds = SVC(), KFold(n_splits=5, shuffle=True, random_state=0)
A, b = images[:300], digits[:300]
scores = cross_val_score(model, A, b, cv=folds)
by_hand = [SVC().fit(A[train], b[train]).score(A[valid], b[valid]) for train, valid in folds.split(A)]
kept = cross_validate(SVC(), A, b, cv=folds, return_estimator=True)["estimator"]
search = GridSearchCV(SVC(), {"C": [0.1, 1, 10]}, cv=folds).fit(A, b)  # refit=True 是默认的
sizes = {m.shape_fit_[0] for m in kept}
print("5 个分数：", scores.round(3), "，平均", scores.mean().round(3))
print("每一折的模型用了", sizes, "个样本；GridSearchCV 最后的模型用了", search.best_estimator_.shape_fit_[0], "个")
assert scores.tolist() == by_hand and sizes == {240} and search.best_estimator_.shape_fit_[0] == 300

# %% train
from torch.nn.functional import cross_entropy
X, y = torch.tensor(images).float() / 16, torch.tensor(digits)
def train(rows, settings, seed, num_steps=300, width=32, batch_size=16):
    """rows (S, K, m)：训练集；settings (S, H, 2)：学习率与权重衰减。返回每个网络对全部图片的概率 (S, K, H, 1797, 10)。"""
    (S, K, m), H = rows.shape, settings.shape[1]
    generator = torch.Generator().manual_seed(seed)
    def spread(a):  # (S, K, …) → (S·K·H, …)，同一份数据上的 H 组设置共用初始值与批次
        return a.unsqueeze(2).expand(S, K, H, *a.shape[2:]).flatten(0, 2)
    lr, decay = settings.unsqueeze(1).expand(S, K, H, 2).reshape(-1, 2, 1, 1).unbind(1)
    W1 = spread(torch.randn(S, K, 64, width, generator=generator) * (2 / 64) ** 0.5)
    W2 = spread(torch.randn(S, K, width, 10, generator=generator) * (2 / width) ** 0.5)
    params = [W1, torch.zeros(len(W1), 1, width), W2, torch.zeros(len(W1), 1, 10)]
    velocity = [torch.zeros_like(p.requires_grad_()) for p in params]
    for _ in range(num_steps):
        picked = spread(rows.gather(2, torch.randint(m, (S, K, batch_size), generator=generator)))
        out = torch.baddbmm(params[3], torch.baddbmm(params[1], X[picked], params[0]).relu(), params[2])
        loss = cross_entropy(out.flatten(0, 1), y[picked].flatten(), reduction="sum") / batch_size
        with torch.no_grad():
            for p, v, g in zip(params, velocity, torch.autograd.grad(loss, params)):
                p.sub_(lr * v.mul_(0.9).add_(g).add_(decay * p))
    probs = [((X @ a + b).relu() @ c + d).detach().softmax(1) for a, b, c, d in zip(*params)]
    return torch.stack(probs).view(S, K, H, -1, 10)

# %% folds
S, K, n = 32, 5, 150
shuffled = torch.stack([torch.randperm(len(y), generator=torch.Generator().manual_seed(s)) for s in range(S)])
DATA, TEST = shuffled[:, :n], shuffled[:, n:]  # 手里只有 150 张；其余 1647 张用来看真实的误差
splits = [(torch.tensor(a), torch.tensor(b)) for a, b in KFold(K).split(range(n))]
SETTINGS = torch.tensor([(lr, decay) for lr in (0.01, 0.03, 0.1, 0.3) for decay in (0, 0.02)]).expand(S, -1, -1)
in_folds = train(torch.stack([DATA[:, a] for a, _ in splits], 1), SETTINGS, seed=0)  # (S, K, H, 1797, 10)
on_all = train(DATA[:, None], SETTINGS, seed=1)[:, 0]  # (S, H, 1797, 10)
def error(probs, rows):  # (S, …, 1797, 10)，rows (S, m) → (S, …)，误差 %
    wrong = (probs.argmax(-1) != y).float() * 100
    return torch.stack([w[..., r].mean(-1) for w, r in zip(wrong, rows)])
valid = torch.stack([error(in_folds[:, k], DATA[:, b]) for k, (_, b) in enumerate(splits)], 1)  # (S, K, H)
fold_true, all_true, cv = error(in_folds, TEST), error(on_all, TEST), valid.mean(1)  # (S, K, H)、(S, H)、(S, H)
print("8 组设置，重新训练后的测试误差 %：", [round(e, 1) for e in all_true.mean(0).tolist()])

# %% estimate caption="32 次抽样，同一组超参数：验证误差减去这些模型真实的误差。蓝点是只看一折（每次抽样有 5 个），橙方块是 5 折的平均：偏差一样，散布小得多。"
import matplotlib.pyplot as plt
def gap(a, b):  # 同一次抽样里配对：a − b 的平均与标准误
    return (a - b).mean().item(), (a - b).std().item() / S**0.5
h = all_true.mean(0).argmin()  # 固定一组设置
single = valid[..., h] - fold_true[..., h]  # (S, K)
averaged = single.mean(1)
less, se = gap(fold_true[..., h].mean(1), all_true[:, h])
fig, ax = plt.subplots(figsize=(5.2, 2.8))
ax.plot(single, "o", color="C0", alpha=0.4, markersize=4)
ax.plot(averaged, "s", color="C1")
ax.axhline(0, color="gray")
ax.set(title="验证误差，离真实的误差有多远", xlabel="第几次抽样", ylabel="验证 − 真实（百分点）")
print(f"标准差：一折 {single.std():.1f}，5 折平均 {averaged.std():.1f} 个百分点")
print(f"用 4/5 数据训练，比用全部数据训练，真实的误差高 {less:.1f} ± {se:.1f}")
assert averaged.std() < 0.75 * single.std()  # 5 折稳得多
assert less > 4 * se and less > 0.5  # k 折估计的是少了五分之一数据的模型

# %% choose
def take(values, index):  # 最后一维上，各取 index 指的那个
    return values.gather(-1, index.unsqueeze(-1)).squeeze(-1)
chosen, alone = cv.argmin(1), valid.argmin(2)  # 按 5 折平均选 (S,)；只按一折选 (S, K)
by_cv, by_one = take(all_true, chosen), take(all_true[:, None].expand(-1, K, -1), alone).mean(1)
print(f"选定后重新训练的测试误差 %：5 折选的 {by_cv.mean():.1f}，一折选的 {by_one.mean():.1f}，"
      f"随便取一组 {all_true.mean():.1f}，事后看最好的 {all_true.min(1).values.mean():.1f}")
print("一折选的 − 5 折选的：{:.2f} ± {:.2f}".format(*gap(by_one, by_cv)))
says, real = take(cv, chosen), take(fold_true.mean(1), chosen)
optimism = gap(cv.mean(1) - says, fold_true.mean(1).mean(1) - real)
print(f"选中的那组：5 折误差 {says.mean():.1f}，这些模型真实的误差 {real.mean():.1f}；"
      "挑选造成的乐观 {:.1f} ± {:.1f}".format(*optimism))
assert by_cv.mean() < all_true.mean() - 5 and by_cv.mean() < by_one.mean() + 0.3
assert optimism[0] > 3 * optimism[1]

# %% continue caption="选好超参数之后的几种做法，测试误差与“用全部数据重新训练一个”之差；32 次抽样的平均与两倍标准误。负的是更好。"
s = torch.arange(S)
every = train(DATA[:, None].expand(-1, K, -1), SETTINGS[s, chosen][:, None], seed=2)[:, :, 0]  # 全部数据，K 个初始值
mine, mine_valid, mine_true = in_folds[s, :, chosen], valid[s, :, chosen], fold_true[s, :, chosen]  # 选中的那组，K 折
best = mine_valid.argmin(1)
retrained = error(every, TEST).mean(1)
ways = {"随便一折的模型": mine_true.mean(1), "最好的一折的模型": take(mine_true, best),
        "K 折的模型平均": error(mine.mean(1), TEST), "全部数据 K 个平均": error(every.mean(1), TEST)}
gaps = {name: gap(e, retrained) for name, e in ways.items()}
fig, ax = plt.subplots(figsize=(5.2, 2.4))
d, se = torch.tensor(list(gaps.values())).T
ax.errorbar(d, list(gaps), xerr=2 * se, fmt="o", capsize=4)
ax.axvline(0, color="gray", linestyle="--")
ax.set(title="与重新训练一个相比", xlabel="测试误差之差（百分点）", ylim=(-0.5, 3.5))
print(f"用全部数据重新训练一个：{retrained.mean():.1f}；其他做法减去它：")
print("，".join(f"{name} {d:+.1f} ± {se:.1f}" for name, (d, se) in gaps.items()))
print(f"最好的一折：自己的验证误差 {mine_valid.min(1).values.mean():.1f}，真实的误差 {take(mine_true, best).mean():.1f}")
(one, se), (top, _), *means = gaps.values()
assert one > 4 * se and 0 < top < one and all(d < -4 * se for d, se in means)
assert (take(mine_true, best) - mine_valid.min(1).values).mean() > 3  # 最好的一折，分数虚高
assert abs(means[0][0] - means[1][0]) < 0.6  # 平均的好处与是不是全部数据关系不大

# %% stable
tops = [take(fold_true[..., h], valid[..., h].argmin(1)) - all_true[:, h] for h in range(5)]  # 学习率不过大的五组
worse, se = gap(torch.stack(tops).mean(0), torch.zeros(S))
print(f"不只看选中的那组，前五组设置平均：最好的一折减去重新训练的 {worse:.1f} ± {se:.1f}")
def changed(a, b):  # 两套模型的预测不同的图占 %；a、b (S, 1797, 10)
    return torch.stack([(p.argmax(1) != q.argmax(1))[t].float().mean() * 100 for p, q, t in zip(a, b, TEST)])
alone, together = changed(mine[:, 0], every[:, 0]), changed(mine.mean(1), every.mean(1))
print(f"换一套模型再预测，结果变了的图：单个模型 {alone.mean():.1f}%，5 个平均 {together.mean():.1f}%")
assert worse > 2 * se and (together < 0.7 * alone).all()  # 每次抽样里，平均都稳定得多

# %% not-fitted raises="NotFittedError"
model.predict(A)  # cross_val_score 只交出分数，K 个模型都丢掉了，model 自己从没训练过
