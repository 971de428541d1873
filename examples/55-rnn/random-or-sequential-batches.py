"""RNN 的批量该随机取还是按顺序取？

要检验的说法：相邻的批量有关联也可以随机取；按顺序取保持了时间关联，但随机性低，容易过拟合；RNN 记不了很长，所以一般随机取。
能推翻它的结果：按顺序取的验证困惑度更低；或者清零状态以后，要走过比一个窗口更长的文本才恢复。
"""

# %% layout
import pydoc_data.topics, re
import torch

paragraphs = "\n\n".join(pydoc_data.topics.topics.values()).lower().split("\n\n")
text = " ".join(dict.fromkeys(re.sub("[^a-z]+", " ", p).strip() for p in paragraphs))  # 去掉重复的段落
corpus = torch.tensor([0 if c == " " else ord(c) - 96 for c in text])  # 空格与 26 个字母
train_text, val_text, test_text = corpus[:10000], corpus[-60000:-50000], corpus[-40000:-30000]
B, T, seeds = 16, 25, 5


def starts(shuffle):
    """一轮的窗口起点 (种子, 批, B)；按顺序时，第 i 行的下一批紧接着这一批。"""
    k = (len(train_text) - T - 1) // (B * T)  # 24 批
    start = torch.randint(T, (seeds, 1)) + T * torch.arange(B * k)  # 每轮换一个随机的偏移
    if shuffle:
        return start[:, torch.randperm(B * k)].view(seeds, k, B)
    return start.view(seeds, B, k).transpose(1, 2)


torch.manual_seed(0)
for name, s in (("按顺序", starts(False)[0]), ("随机", starts(True)[0])):
    print(f"{name}，第 0 行的前三批：", [text[i:i + T] for i in s[:3, 0].tolist()])
    follows = (s[1:] == s[:-1] + T).double().mean()
    print(f"  下一批接着这一批的占 {follows:.0%}；一轮用到 {len(s.unique())} 个不同的窗口")
    assert follows == 1 if name == "按顺序" else follows < 0.05

# %% train
from torch.nn.functional import cross_entropy

modes, lrs, H = ["顺序，传状态", "顺序，清零", "随机，清零", "随机，传状态"], [0.008, 0.02], 40
carry = torch.tensor([1.0, 0, 0, 1]).repeat_interleave(seeds).repeat(len(lrs)).view(-1, 1, 1)


def rnn(params, X, h):
    """X：(n, B, T)，n 个 RNN 一起算；返回打分 (n, B, T, 27) 与最后的状态 (n, B, H)。"""
    E, W, b, U, c = params
    inputs, states = E[torch.arange(len(E)).view(-1, 1, 1), X] + b[:, None], []
    for t in range(X.shape[2]):
        states.append(h := torch.tanh(inputs[:, :, t] + h @ W))
    return torch.stack(states, 2) @ U[:, None] + c[:, None], h


def perplexity(params, section, keep, rows=40):
    """整段文本排成 rows 行，窗口之间传状态（keep = 1）或清零（0）；返回 (学习率个数, 取法, 种子)。"""
    lines = section[:len(section) // rows * rows].view(rows, -1).expand(len(params[0]), -1, -1)
    h, total = torch.zeros(len(params[0]), rows, H), []
    for i in range(0, lines.shape[2] - T, T):
        out, h = rnn(params, lines[:, :, i:i + T], h * keep)
        y = lines[:, :, i + 1:i + T + 1].flatten(1)
        total.append(cross_entropy(out.flatten(1, 2).mT, y, reduction="none").mean(1))
    return torch.stack(total).mean(0).exp().view(-1, len(modes), seeds)


# %% run
torch.manual_seed(0)
shapes = [(27, H), (H, H), (1, H), (H, 27), (1, 27)]
init = [torch.randn(seeds, *s) / s[0] ** 0.5 * (s[0] > 1) for s in shapes]
groups = [[p.repeat(len(modes), 1, 1).requires_grad_() for p in init] for _ in lrs]  # 每组 4 种取法 × 5 个种子
optimizer = torch.optim.Adam([{"params": group, "lr": lr} for group, lr in zip(groups, lrs)])
steps, curve = [100, 200, 300, 400, 500, 600], []
for step in range(600):
    if step % 24 == 0:  # 新的一轮：各取法的窗口起点 (n, 24, B)；状态从零开始
        in_order, mixed = starts(False), starts(True)
        order = torch.cat([in_order, in_order, mixed, mixed]).repeat(len(lrs), 1, 1)
        h = torch.zeros(len(order), B, H)
    window = train_text[order[:, step % 24, :, None] + torch.arange(T + 1)]  # (n, B, T+1)
    params = [torch.cat(p) for p in zip(*groups)]
    out, h = rnn(params, window[..., :-1], h.detach() * carry)  # 不 detach 就会报错，见最后
    loss = cross_entropy(out.flatten(0, 2), window[..., 1:].flatten(), reduction="sum") / (B * T)
    optimizer.zero_grad(), loss.backward(), optimizer.step()
    if step + 1 in steps:
        with torch.no_grad():
            curve.append(perplexity(params, val_text, 1))
print("最后一批的训练困惑度：", round((loss / len(h)).exp().item(), 2))

# %% overfit caption="1 万个字符（课程的默认数量），验证困惑度，5 个种子的平均与范围，学习率各选最好的。按顺序取并传状态的先降后升；都清零时，换不换次序差别很小。随机取、却把上一批不相干的状态传下去，过拟合反而最轻。"
import matplotlib.pyplot as plt
best = curve[-1].mean(2).argmin(0)  # 每种取法自己的学习率
curve = torch.stack(curve)[:, best, torch.arange(4)]  # (时刻, 取法, 种子)
fig, ax = plt.subplots(figsize=(5.2, 2.8))
for i, style in enumerate(("o-", "s--", "^:", "d-.")):
    ax.plot(steps, curve[:, i].mean(1), style, label=modes[i])
    ax.fill_between(steps, curve[:, i].min(1).values, curve[:, i].max(1).values, alpha=0.2)
ax.set(title="同样的窗口，四种取法", xlabel="更新次数", ylabel="验证困惑度", ylim=(8, 11.4))
ax.legend(fontsize=8, ncols=2, loc="upper center")
params = [p.view(len(lrs), 4, seeds, *p.shape[1:])[best, torch.arange(4)].flatten(0, 1) for p in params]  # 只留选中的
with torch.no_grad():
    kept, zeroed = (perplexity(params, test_text, keep)[0] for keep in (1, 0))
for i, mode in enumerate(modes):
    print(f"{mode}：测试困惑度，传状态 {kept[i].mean():.2f} ± {kept[i].std():.2f}，每个窗口清零 {zeroed[i].mean():.2f}")
assert curve[-1, 0].mean() > curve[:, 0].mean(1).min() + 0.3  # 按顺序、传状态：已在过拟合
assert kept[0].min() > kept[1:].max() and (kept[1] - kept[2]).mean().abs() < 0.4
low = curve.mean(2).min(0).values  # 各自最好的时刻：提前停止也救不了多少
assert (kept < zeroed).all() and (kept[2] - kept[3]).mean() > 0.3 and low[0] > low[1:].max() + 0.2

# %% memory caption="接着真正的前文，与接着别处的状态，两种预测的差别（总变差，0 是相同）。隔 10 个字符剩得不多，窗口的 25 个字符走完以前就看不出来了。按顺序、传状态训练的记得最久，用错状态训练的忘得最快。"
at, K = torch.arange(60, 9900, 20), 40
with torch.no_grad():
    X = test_text[at[:, None] + torch.arange(-50, K + 1)].expand(len(params[0]), -1, -1)  # 前文 50 个，之后 K 个
    right = rnn(params, X[..., :50], torch.zeros(len(X), len(at), H))[1]
    logp = [rnn(params, X[..., 50:-1], s)[0].log_softmax(-1) for s in (right, right.roll(1, 1))]
distance = ((logp[0].exp() - logp[1].exp()).abs().sum(-1) / 2).mean(1)  # (n, K)
harm = (logp[0] - logp[1]).gather(-1, X[..., 51:, None])[..., 0].mean(1)  # 用错状态多出的损失
distance, harm = (v.view(4, seeds, K).mean(1) for v in (distance, harm))
fig, ax = plt.subplots(figsize=(5.2, 2.6))
for i, style in enumerate(("-", "--", ":", "-.")):
    ax.plot(range(1, K + 1), distance[i], style, label=modes[i])
ax.set(title="错的状态影响多久", xlabel="之后第几个字符", ylabel="预测的差别"), ax.legend(fontsize=8)
print("用错状态多出的损失，第 1、5、10、25 个字符：", [round(v, 2) + 0.0 for v in harm[0, [0, 4, 9, 24]].tolist()])
assert (harm[:, 0] > 0.5).all() and (harm[:, 9:].mean(1) < 0.02).all() and (distance[:, 24] < 0.05).all()
assert distance[0, 9] > distance[1:, 9].max() and distance[3, 9] < distance[:3, 9].min()

# %% error raises="RuntimeError"
one, h = [p[:1] for p in params], torch.zeros(1, B, H)
for i in range(2):
    out, h = rnn(one, train_text[None, i * T + T * 20 * torch.arange(B)[:, None] + torch.arange(T)], h)
    print(f"第 {i + 1} 批，状态连着计算图：", h.grad_fn is not None)
    assert torch.equal(h.detach(), h) and h.detach().grad_fn is None  # 值一样，只是断开了图
    out.logsumexp(-1).mean().backward()  # 第二批要穿过第一批已经释放的图
