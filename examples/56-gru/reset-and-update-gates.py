"""GRU 的重置门和更新门结构一样，怎么区分？

要检验的说法：两个门的网络结构一样，是梯度下降自动学出了谁是重置门、谁是更新门。
能推翻它的结果：未训练、参数完全相同时，两个门对输出的作用和得到的梯度就不同；互换参数而不换公式，结果就变。
"""

# %% own
import torch
from torch import nn

def gru(inputs, W, b, h, change=lambda r, z: (r, z), course=False):
    """n 个 GRU 一起算。inputs：(n, B, T, 3H)，已乘权重，次序 r、z、n，与 nn.GRU 相同。"""
    H, states, gates = h.shape[-1], [], []
    for x in inputs.unbind(2):
        hidden = h @ W + b  # (n, B, 3H)
        r, z = change(*torch.sigmoid(x + hidden)[..., :2 * H].split(H, -1))  # 结构相同的两个门
        past = (r * h) @ W[..., 2 * H:] + b[..., 2 * H:] if course else r * hidden[..., 2 * H:]
        h = z * h + (1 - z) * torch.tanh(x[..., 2 * H:] + past)  # 位置不同：r 在候选里面，z 在外面
        states.append(h), gates.append(torch.stack([r, z]).detach())
    return torch.stack(states, 2), torch.stack(gates, 3)  # (n, B, T, H)，(2, n, B, T, H)

torch.manual_seed(0)
oracle, X, h0 = nn.GRU(5, 4, batch_first=True), torch.randn(3, 6, 5), torch.zeros(1, 3, 4)
inputs, W, b = X @ oracle.weight_ih_l0.T + oracle.bias_ih_l0, oracle.weight_hh_l0.T[None], oracle.bias_hh_l0
torch.testing.assert_close(gru(inputs[None], W, b, h0)[0][0], oracle(X)[0])
gap = (gru(inputs[None], W, b, h0, course=True)[0][0] - oracle(X)[0]).abs().max()
print(f"自己写的与 nn.GRU 相同；课程的公式（先重置、再乘权重）最多差 {gap:.2f}")
assert gap > 1e-3 and oracle.weight_hh_l0[:4].shape == oracle.weight_hh_l0[4:8].shape  # 两个门的参数形状一样

# %% roles
def with_gates(r, z):
    """把 nn.GRU 的两个门用很大的偏置钉在 0 或 1，返回走一步的新状态。"""
    fixed = nn.GRU(5, 4, batch_first=True)
    fixed.load_state_dict(oracle.state_dict())
    fixed.bias_ih_l0.data[:8] = torch.tensor([r, z]).repeat_interleave(4) * 2000.0 - 1000
    return fixed(X[:, :1], h)[0][:, 0]
h, (W_in, W_hn, b_in, b_hn) = torch.randn(1, 3, 4), [p[8:] for p in oracle.parameters()]
for r in (0, 1):
    torch.testing.assert_close(with_gates(r, 1), h[0])  # z = 1：原样复制，r 是几都一样
now, past = X[:, 0] @ W_in.T + b_in, h[0] @ W_hn.T + b_hn
torch.testing.assert_close(with_gates(1, 0), torch.tanh(now + past))  # r = 1、z = 0：普通的 RNN
torch.testing.assert_close(with_gates(0, 0), torch.tanh(now))  # r = z = 0：与 h 无关
print("z = 1：状态原样复制；r = 1、z = 0：普通 RNN；r = 0、z = 0：只看 x")

# %% score
import pydoc_data.topics, re
from torch.nn.functional import cross_entropy
paragraphs = "\n\n".join(pydoc_data.topics.topics.values()).lower().split("\n\n")
text = " ".join(dict.fromkeys(re.sub("[^a-z]+", " ", p).strip() for p in paragraphs))  # 去掉重复的段落
corpus = torch.tensor([0 if c == " " else ord(c) - 96 for c in text])  # 空格是 0
train_text, (val_text, _, test_text) = corpus[:-60000], corpus[-60000:-30000].view(3, 50, 200)
seeds, H, shapes = 5, 30, ((27, 90), (30, 90), (1, 90), (30, 27), (1, 27))  # 输入、循环、偏置、输出、偏置
init = [torch.randn(seeds, *shape) / H**0.5 * (shape[0] > 1) for shape in shapes]
symmetric = [torch.cat([p[..., :H], p[..., :H], p[..., 2 * H:]], -1) for p in init[:3]] + init[3:]  # 两个门完全相同
def score(params, windows, change=lambda r, z: (r, z)):
    """windows：(n, B, T+1) 的字符；返回每个 GRU 的损失 (n,)，以及两个门的值。"""
    E, W, b, U, c = params
    inputs = E[torch.arange(len(E)).view(-1, 1, 1), windows[..., :-1]]
    states, gates = gru(inputs, W, b, torch.zeros(len(E), windows.shape[1], H), change)
    out = states @ U[:, None] + c[:, None]
    return cross_entropy(out.flatten(1, 2).mT, windows[..., 1:].flatten(1), reduction="none").mean(1), gates

# %% gradients
params = [p.clone().requires_grad_() for p in symmetric]
loss, (r, z) = score(params, train_text[:20000].view(1, 50, -1)[..., :41].expand(seeds, -1, -1))
grads = torch.autograd.grad(loss.sum(), params[1])[0].split(H, -1)  # r、z、n 的循环权重，各 (5, H, H)
cosine = torch.cosine_similarity(grads[0].flatten(1), grads[1].flatten(1))
print("两个门的值完全相同：", torch.equal(r, z), "，梯度的余弦：", [round(v, 2) for v in cosine.tolist()])
assert torch.equal(r, z) and cosine.abs().max() < 0.5

# %% train
arms, lrs = ["完整 24", "r = 1 30", "z = 0 30", "r = z 30", "r = z 24", "初始相同 24"], [0.01, 0.03]  # 后面是单元数
arm = torch.arange(6).repeat_interleave(seeds).repeat(len(lrs)).view(-1, 1, 1)
idle = (torch.arange(H) >= 24) & ((arm == 0) | (arm > 3))  # 这几种只用 24 个单元
def change(r, z):  # 多出来的单元 z 恒为 1：状态一直是 0，等于没有
    return r.where(arm != 1, 1.0), z.where((arm != 3) & (arm != 4), r).where(arm != 2, 0.0).where(~idle, 1.0)
groups = [[torch.cat([a, a, a, a, a, s]).requires_grad_() for a, s in zip(init, symmetric)] for _ in lrs]
optimizer = torch.optim.Adam([{"params": group, "lr": lr} for group, lr in zip(groups, lrs)])
for step in range(300):
    start = torch.randint(len(train_text) - 20, (seeds, 16, 1)).repeat(12, 1, 1)  # 各种 GRU 用同样的批量
    loss, _ = score([torch.cat(p) for p in zip(*groups)], train_text[start + torch.arange(21)], change)
    optimizer.zero_grad(), loss.sum().backward(), optimizer.step()
with torch.no_grad():
    params = [torch.cat(p) for p in zip(*groups)]
    val, test = (score(params, part.expand(len(arm), -1, -1), change)[0].exp().view(2, 6, seeds)
                 for part in (val_text, test_text))
best = val.mean(2).argmin(0)  # 每种自己的学习率
print("选中的学习率：", [lrs[i] for i in best])
sizes = [(28 + h) * gates * h + 27 * (h + 1) for gates, h in ((3, 24), (2, 30), (2, 24))]
print("参数个数：完整的 24 个单元 {}；只有一个门的，30 个单元 {}，24 个单元 {}".format(*sizes))

# %% ablation caption="300 次更新后的测试困惑度，每点一个种子；下面的数是单元数。参数一样多时，去掉更新门（z = 0）或两门合一（r = z）与完整的看不出差别，去掉重置门（r = 1）更差。单元一样多，两门合一就差了。两个门从相同的参数出发，与随机出发相差很少。"
import matplotlib.pyplot as plt
fig, ax = plt.subplots(figsize=(5.2, 2.5))
test = test[best, torch.arange(6)]  # (6 种, 5 个种子)
ax.plot(range(6), test, "o", color="C0", alpha=0.6), ax.set_xticks(range(6), [a[:-3] + "\n" + a[-2:] for a in arms])
ax.set(title="一个门够不够", ylabel="测试困惑度")
worse = test[1:] - test[0]  # 同一个种子、同样的批量，逐个相减
for name, w in zip(arms[1:], worse):
    print(f"{name[:-3]}，{name[-2:]} 个单元：比完整的高 {w.mean():.2f} ± {w.std() / seeds**0.5:.2f}")
def clear(d): return d.mean() > 4 * d.std() / seeds**0.5
assert clear(worse[0]) and clear(worse[3]) and worse[1:3].mean(1).abs().max() < 0.25
assert clear(worse[3] - worse[4]) and worse[4].mean() < 0.25  # 初始相同，训练以后还是分开了

# %% swap caption="训练好的 GRU 读到一个词的第几个字符时，两个门的平均值（0 是空格），5 个种子的平均与范围。空格处两个门都接近关上，状态几乎重新开始；单看平均值，分不出谁是谁。"
trained, windows = [p[best[0] * 30:][:seeds] for p in params], test_text.expand(seeds, -1, -1)  # 完整的 GRU
used, H = torch.arange(90).view(3, 30)[:, :24].flatten(), 24  # 只取用到的 24 个单元
mine, init = ([E[..., used], W[:, :H, used], b[..., used], U[:, :H], c] for E, W, b, U, c in (trained, init))
order = torch.arange(3 * H).view(3, H)[[1, 0, 2]].flatten()  # r、z 的参数对换
swapped, untrained = ([p[..., order] for p in ps[:3]] + ps[3:] for ps in (mine, init))
with torch.no_grad():
    loss, gates = score(mine, windows)
    only, both = score(swapped, windows)[0], score(swapped, windows, lambda r, z: (z, r))[0]
    early = (score(untrained, windows)[0] - score(init, windows)[0]).abs().min()
print(f"困惑度 {loss.exp().mean():.1f}；只对换参数 {only.exp().mean():.1f}；参数与公式都对换 {both.exp().mean():.1f}")
torch.testing.assert_close(both, loss)
assert only.exp().min() > 2 * loss.exp().max() and early > 1e-5  # 没训练过的，对换参数也会变
place = torch.arange(199) - torch.where(test_text[:, :-1] == 0, torch.arange(199), -1).cummax(1).values
means = torch.stack([gates.mean(-1)[:, :, place == k].mean(-1) for k in range(9)], -1)  # (2, 5, 9)
fig, ax = plt.subplots(figsize=(5.2, 2.5))
for mean, style, name in zip(means, ("o-", "s--"), ("重置门 r", "更新门 z")):
    ax.plot(mean.mean(0), style, label=name)
    ax.fill_between(range(9), mean.min(0).values, mean.max(0).values, alpha=0.2)
ax.set(title="训练之后，门开多大", xlabel="词里的第几个字符", ylabel="平均值"), ax.legend()
assert (means[..., 0] < 0.75 * means[..., 1:].amin(-1)).all() and (means[0] - means[1]).abs().mean() < 0.08
