"""马尔可夫假设中的 τ 是不是越大越好？

要检验的说法：τ 大，看到的多，预测更准；但训练样本会减少，还需要更复杂的模型。
能推翻它的结果：真实数据上误差随 τ 一直下降；少掉的 τ 个窗口就足以让误差变大；线性模型用不了更大的 τ。
"""

# %% fit
import torch


def errors(train, val, test, tau, steps):
    """岭回归，强度按验证段逐条序列选；返回测试段上滚动到第 k 步（预测值再作输入）的均方误差 (步, 序列)。"""
    pairs = [part.unfold(-1, tau + 1, 1).split([tau, 1], -1) for part in (train, val, test)]
    (X, y), (X_val, y_val), (X_test, y_test) = pairs  # X：(序列, 窗口数, τ)
    gram, cross = X.mT @ X / X.shape[-2], X.mT @ y / X.shape[-2]
    w = torch.stack([torch.linalg.solve(gram + 10.0**p * torch.eye(tau), cross) for p in range(-6, 1)])
    best = (X_val @ w - y_val).square().mean((-2, -1)).argmin(0)
    w, result = w[best, torch.arange(len(best))], {}
    for k in range(1, max(steps) + 1):
        X_test = torch.cat([X_test[..., 1:], X_test @ w], -1)
        n = y_test.shape[-2] - k + 1
        result[k] = (X_test[..., :n, -1:] - y_test[..., k - 1:, :]).square().mean((-2, -1))
    return torch.stack([result[k] for k in steps])


torch.set_default_dtype(torch.float64)
sizes = [len(torch.arange(1000).unfold(0, tau + 1, 1)) for tau in (4, 64, 900)]
print("1,000 个点，τ = 4、64、900 时的窗口数：", sizes)
assert sizes == [1000 - 4, 1000 - 64, 1000 - 900]

# %% sine caption="课程的带噪声正弦，100 条序列的平均。600 个点时，扣不扣掉 τ 个窗口看不出区别，τ 到 128 仍有好处。150 个点、τ = 128 时只剩 22 个窗口，误差成了几倍；窗口补足到 150 个就没有这回事。"
import matplotlib.pyplot as plt
torch.manual_seed(0)
taus, mse = [1, 2, 4, 8, 16, 32, 64, 128], {}
series = torch.sin(0.01 * (torch.arange(1640) + 600 * torch.rand(100, 1))) + 0.2 * torch.randn(100, 1640)
fig, ax = plt.subplots(figsize=(5.2, 2.8))
for n, color in ((600, "C0"), (150, "C1")):
    for lost, style in ((False, "o-"), (True, "^:")):  # 窗口数固定为 n；或只有 n 个点，窗口 n - τ 个
        mse[n, lost] = torch.stack([
            errors(series[:, 728 - n - tau * (not lost):728], series[:, 728:1028], series[:, 1028:], tau, (1, 32))
            for tau in taus]).mean(2)  # (τ, 步)
        ax.loglog(taus, mse[n, lost][:, 0], style, color=color, label=f"{n} 个{'点' if lost else '窗口'}")
ax.set(title="正弦（噪声方差 0.04）：一步预测", xlabel="τ", ylabel="测试均方误差")
ax.set_xticks(taus, map(str, taus)), ax.set_yticks([0.04, 0.08, 0.16], ["0.04", "0.08", "0.16"])
ax.minorticks_off(), ax.legend(fontsize=8)
gap, (one, far) = mse[600, True] / mse[600, False] - 1, mse[600, False][2]
print(f"600 个点，τ ≤ 64：少掉 τ 个窗口使一步误差最多大 {gap[:7, 0].max():.1%}")
print(f"600 个窗口，τ = 4：一步 {one:.3f}，滚动 32 步 {far:.3f}；τ = 128 滚动 32 步 {mse[600, False][7, 1]:.3f}")
assert gap[:7, 0].max() < 0.02 and mse[600, False][7, 0] < mse[600, False][4, 0] - 0.002 < one - 0.004
assert mse[150, True][7, 0] > 2 * mse[150, True][3, 0] > 2 * mse[150, False][7, 0]
assert one < 0.06 and far > 2 * one and mse[600, False][7, 1] < 0.5 * far

# %% eeg caption="真实的脑电：4 个通道 × 3 段，平均与标准误，窗口数不随 τ 变。τ 从 1 到 2 误差下降，再大就没有好处，然后变差；窗口少时变差得早、变差得多。"
from matplotlib.cbook import get_sample_data
eeg = torch.from_file(str(get_sample_data("eeg.dat", asfileobj=False)), size=3200).view(800, 4).T  # 4 个通道
parts, taus = torch.cat([eeg[:, i:i + 544] for i in (0, 128, 256)]), [1, 2, 4, 8, 16, 32, 64]  # (12, 544)
fig, ax = plt.subplots(figsize=(5.2, 2.6))
for n, style in ((300, "o-"), (60, "^:")):  # 测试段 120 点，之前 60 点选岭的强度
    e = torch.stack([
        errors(parts[:, 364 - n - tau:364], parts[:, 364 - tau:424], parts[:, 424 - tau:], tau, (1, 4))
        for tau in taus]) / parts[:, 424:].var(1)  # 除以测试段的方差：1 相当于只猜平均值
    mean, se = e[:, 0].mean(1), e[:, 0].std(1) / 12**0.5
    ax.semilogx(taus, mean, style, label=f"{n} 个窗口")
    ax.fill_between(taus, mean - se, mean + se, alpha=0.2)
    print(f"{n:3d} 个窗口，一步：{[round(v, 2) for v in mean.tolist()]}；τ = 4 滚动四步：{e[2, 1].mean():.2f}")
    worse = e[6, 0] - e[2, 0]  # τ = 64 减 τ = 4，逐段配对
    assert (e[0, 0] > e[1, 0]).sum() >= 11 and (worse > 0).sum() >= 11 and worse.mean() > 0.02
    assert e[2, 0].mean() < 0.3 and e[:, 1].mean(1).min() > 0.8 and mean.min() > mean[1] - 0.01
ax.set(title="脑电：一步预测", xlabel="τ", ylabel="误差 / 方差", ylim=(0.2, 0.8))
ax.set_xticks(taus, map(str, taus)), ax.minorticks_off()
ax.legend()


# %% text caption="真实文本：由前 τ 个字符的计数预测下一个字符（没见过的前文退回更短的）。文本少时最好的 τ 是 2 到 3；文本多 200 倍，也只到 4。再大，这种平滑就变差：大多数前文在训练文本里一次也没有出现过。"
import pydoc_data.topics, re
paragraphs = "\n\n".join(pydoc_data.topics.topics.values()).lower().split("\n\n")
plain = " ".join(dict.fromkeys(re.sub("[^a-z]+", " ", p).strip() for p in paragraphs))  # 去掉重复的段落
text = torch.tensor([0 if c == " " else ord(c) - 96 for c in plain])
train_text, test_text, bests = text[:-60000], text[-40000:], [1]
fig, ax = plt.subplots(figsize=(5.2, 2.8))
for n, style in ((1000, "o-"), (10000, "s--"), (len(train_text), "^:")):
    p, ppl, seen = torch.full((len(test_text) - 10,), 1 / 27), [], []
    for tau in range(11):
        base = 27 ** torch.arange(tau, -1, -1)  # 每个 τ+1 元组编成一个整数
        gram, count = (train_text[-n:].unfold(0, tau + 1, 1) @ base).unique(return_counts=True)
        context, which, kinds = (gram // 27).unique(return_inverse=True, return_counts=True)
        total, query = torch.bincount(which, count).long(), test_text[10 - tau:].unfold(0, tau + 1, 1) @ base
        i = torch.searchsorted(context, query // 27).clamp(max=len(context) - 1)
        j = torch.searchsorted(gram, query).clamp(max=len(gram) - 1)
        hit, c = context[i] == query // 27, torch.where(gram[j] == query, count[j], 0)
        p = torch.where(hit, (c + kinds[i] * p) / (total[i] + kinds[i]), p)  # Witten–Bell 平滑
        ppl.append(p.log().mean().neg().exp().item()), seen.append(hit.double().mean().item())
    bests.append(best := min(range(11), key=ppl.__getitem__))
    print(f"{n:6d} 个字符：τ = {best} 最好（困惑度 {ppl[best]:.2f}），τ = 10 时 {ppl[10]:.2f}；前 10 个字符见过 {seen[10]:.0%}")
    assert 2 <= best <= 5 and ppl[10] > 1.1 * ppl[best] and seen[10] < 0.5 and (n < 1e5 or best > bests[1])
    ax.plot(ppl, style, label=f"{n:,} 个字符")
ax.set(title="Python 文档：字符的困惑度", xlabel="τ", ylabel="测试困惑度", ylim=(2, 23))
ax.legend(loc="upper right")

# %% capacity
from torch.nn.functional import cross_entropy, one_hot
torch.set_default_dtype(torch.float32), torch.manual_seed(0)
best, sections = {}, (text[:-60000], text[-60000:-50000], text[-40000:-30000])  # 训练、验证、测试
for tau, hidden, lr in torch.cartesian_prod(*map(torch.tensor, ((1, 4), (0, 64), (1, 3)))).tolist():
    train_windows, *held_out = (section.unfold(0, tau + 1, 1) for section in sections)
    shapes = [(27 * tau, hidden), (hidden, 27)] if hidden else [(27 * tau, 27)]
    params = [(torch.randn(5, *shape) * (2 / shape[0]) ** 0.5).requires_grad_() for shape in shapes]  # 5 个种子
    optimizer = torch.optim.Adam(params, lr=lr / 100)

    def losses(windows):  # (5, 批量, τ+1) → (5,)
        out = one_hot(windows[..., :-1], 27).float().flatten(-2) @ params[0]
        out = out.relu() @ params[1] if hidden else out  # hidden = 0：线性
        return cross_entropy(out.transpose(1, 2), windows[..., -1], reduction="none").mean(1)

    for _ in range(600):
        loss = losses(train_windows[torch.randint(len(train_windows), (5, 64))]).sum()
        optimizer.zero_grad(), loss.backward(), optimizer.step()
    with torch.no_grad():
        val, test = (losses(windows.expand(5, -1, -1)).exp() for windows in held_out)
    best[tau, hidden] = min(best.get((tau, hidden), (99, 0)), (val.mean().item(), test), key=lambda r: r[0])
for (tau, hidden), (_, test) in best.items():
    print(f"τ = {tau}，{f'隐藏层 {hidden}' if hidden else '线性'}：测试困惑度 {test.mean():.2f} ± {test.std():.2f}")
linear, mlp = ([best[tau, hidden][1] for tau in (1, 4)] for hidden in (0, 64))
assert linear[1].max() < linear[0].min() - 1  # 线性模型也用得上更大的 τ
assert (linear[0] - mlp[0]).abs().max() < 0.5 and mlp[1].max() < linear[1].min() - 1
