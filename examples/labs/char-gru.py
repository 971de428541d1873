# ---
# title: 字符级 GRU
# tags: [RNN, 序列, 文本]
# questions: [52-1, 55-1, 56-1, 07-3, 51-1]
# description: 用 Python 自带的文档训练一个字符级语言模型：词表、两种批量、GRU、梯度裁剪、困惑度，与 n 元语法比较，再按温度生成文字。
# ---

# %% [markdown]
# # 字符级 GRU
#
# 语言模型根据前文给下一个字符的概率。这个实验从文本做到生成，每一步都不省略：
# 清洗、词表、取批量、GRU、梯度裁剪、在没见过的文字上量困惑度，最后让模型自己写。
#
# 文本不用下载，是 Python 自带的帮助文档（`help("for")` 显示的那些）。
# 对照是最简单的语言模型：数一数每个字符后面常跟什么。GRU 要比它好，才算学到了东西。

# %% [markdown]
# ## 文本
#
# 文档里有许多重复的段落，先去掉，否则测试的文字可能在训练里见过。
# 一律小写，连续的空白合成一个空格。最后 4 万个字符留作测试，再往前 2 万个用来验证。

# %% text
import re, textwrap
import pydoc_data.topics
import torch
from torch import nn
from torch.nn import functional as F

paragraphs = "\n\n".join(pydoc_data.topics.topics.values()).lower().split("\n\n")
cleaned = (re.sub(r"[^\w\s.,:;()'\"-]|--+", " ", p) for p in paragraphs)  # 少见的符号、横线不要
cleaned = (" ".join(p.split()) for p in cleaned)
text = " ".join(dict.fromkeys(p for p in cleaned if p))  # 去掉重复的段落，次序不变
train_text, val_text, test_text = text[:-60000], text[-60000:-40000], text[-40000:]
print("训练的开头：", textwrap.shorten(train_text, 70, placeholder="…"))
print("字符个数：超过 20 万", len(train_text) > 200_000)
assert len(train_text) > 200_000 and "  " not in text

# %% [markdown]
# ## 词表
#
# 每个字符一个编号，按出现的次数从多到少排；出现太少的一律是 `<unk>`，编号 0。
# 编号的次序不影响模型，排序是为了方便截断，
# 见[为什么词表要按频率排序？](../52-text-preprocessing/why-sort-by-frequency.md)

# %% vocab
from collections import Counter

class Vocab:
    def __init__(self, tokens, min_freq=50):
        self.counts = Counter(tokens).most_common()  # 从多到少
        self.names = ["<unk>"] + [c for c, n in self.counts if n >= min_freq]
        self.ids = {c: i for i, c in enumerate(self.names)}

    def __len__(self):
        return len(self.names)

    def encode(self, text):
        return torch.tensor([self.ids.get(c, 0) for c in text])

    def decode(self, ids):
        return "".join(self.names[i] for i in ids)

vocab = Vocab(train_text)  # 只看训练的文字
train_ids, val_ids, test_ids = (vocab.encode(t) for t in (train_text, val_text, test_text))
print("词表的前十个：", vocab.names[:10])
print(f"词表里没有的字符在测试文字里占 {(test_ids == 0).float().mean():.2%}")
assert vocab.decode(vocab.encode("hello world")) == "hello world"
assert (test_ids == 0).float().mean() < 0.02 and 30 < len(vocab) < 80

# %% frequencies caption="训练文字里各字符的次数，按从多到少排，纵轴是对数。空格和 e、t 最多；最后的数字与标点少两个数量级。"
import matplotlib.pyplot as plt

fig, ax = plt.subplots(figsize=(5.2, 2.6))
counts = [n for _, n in vocab.counts[:len(vocab) - 1]]
ax.plot(counts, ".-")
ax.set_xticks(range(0, len(counts), 3), [repr(c)[1:-1].replace(" ", "空格")
                                         for c, _ in vocab.counts[:len(counts):3]])
ax.set(title="字符的次数相差很多", xlabel="字符", ylabel="次数", yscale="log")
assert counts == sorted(counts, reverse=True) and counts[0] > 100 * counts[-1]
assert vocab.names[1:4] == [" ", "e", "t"]

# %% [markdown]
# ## 对照：n 元语法
#
# 数出训练文字里每段 $n$ 个字符的次数，就能估计 $P(x_t \mid x_{t-n+1}, \dots, x_{t-1})$。
# 没见过的组合次数是 0，所以每一阶都向低一阶借一点（相当于先有 5 次按低阶分布的观察）。
#
# **困惑度**是平均负对数概率的指数：可以理解为模型平均在几个字符之间犹豫。一律猜词表里的每个字符同样可能，困惑度就是词表的大小。

# %% ngrams
V = len(vocab)

def codes(ids, n):
    """每段 n 个字符变成一个整数。"""
    return ids.unfold(0, n, 1) @ V ** torch.arange(n - 1, -1, -1)

def ngram_losses(ids):
    """1 到 4 元语法在每个位置上的负对数概率；都从第 4 个字符开始，比较才公平。"""
    p, losses = 1 / V, {}
    for n in (1, 2, 3, 4):
        joint = torch.bincount(codes(train_ids, n), minlength=V**n)
        before = joint.view(-1, V).sum(1)  # 前 n - 1 个字符出现的次数
        code = codes(ids, n)[4 - n:]
        p = (joint[code] + 5 * p) / (before[code // V] + 5)
        losses[n] = -p.log()
    return losses

ngram = {n: losses.mean().exp().item() for n, losses in ngram_losses(test_ids).items()}
print("测试困惑度：", {f"{n} 元": round(v, 1) for n, v in ngram.items()}, "，词表大小", V)
assert V > ngram[1] > ngram[2] > ngram[3] > ngram[4]

# %% bigram-map caption="每一行是一个字符，颜色是它后面跟各字符的概率（最常见的 16 个字符）。h 后面多半是 e，d 后面多半是空格。这样的规律二元语法都知道；但它只看一个字符，不知道自己在词的哪里。"
bigram = torch.bincount(codes(train_ids, 2), minlength=V * V).view(V, V)
rows = bigram[1:17, 1:17].float() / bigram[1:17].sum(1, keepdim=True)
marks = ["␣" if c == " " else c for c in vocab.names[1:17]]
fig, ax = plt.subplots(figsize=(4.2, 3.4))
image = ax.imshow(rows, interpolation="none")
ax.set_xticks(range(16), marks)
ax.set_yticks(range(16), marks)
ax.grid(False)
ax.set(title="二元语法：后一个字符的概率", xlabel="后一个字符", ylabel="前一个字符")
fig.colorbar(image)
top = bigram[vocab.ids["t"]].argmax().item()
print(f"t 后面最常见的是 {vocab.names[top]!r}")
assert top == vocab.ids["h"]
assert rows[marks.index("h"), marks.index("e")] > 0.4

# %% [markdown]
# 阶数越高越准，但表的大小是词表的 $n$ 次方，绝大多数格子永远是 0。
# 看多远才够，见[马尔可夫假设中的 τ 是不是越大越好？](../51-sequence-models/how-large-tau.md)
# RNN 换一个办法：不存表，把前文压缩进一个固定大小的状态。
#
# ## 取批量
#
# 长文本要切成许多短的窗口。**按顺序**取时，第 $i$ 行的下一批紧接着这一批，状态可以传下去；
# **随机**取时没有这种关系，每批的状态从零开始。

# %% batches
def sequential_batches(ids, batch_size, num_steps):
    offset = torch.randint(num_steps, ()).item()  # 每轮的切口不同
    length = (len(ids) - offset - 1) // batch_size
    X = ids[offset:offset + length * batch_size].view(batch_size, -1)
    y = ids[offset + 1:offset + 1 + length * batch_size].view(batch_size, -1)
    for i in range(0, length - num_steps + 1, num_steps):
        yield X[:, i:i + num_steps], y[:, i:i + num_steps]

def random_batches(ids, batch_size, num_steps):
    offset = torch.randint(num_steps, ()).item()
    starts = torch.arange(offset, len(ids) - num_steps - 1, num_steps)
    for chosen in starts[torch.randperm(len(starts))].split(batch_size):
        if len(chosen) == batch_size:
            at = chosen[:, None] + torch.arange(num_steps)
            yield ids[at], ids[at + 1]

torch.manual_seed(0)
for name, batches in (("按顺序", sequential_batches), ("随机", random_batches)):
    (X1, y1), (X2, _), *_ = batches(train_ids, 32, 20)
    follows = (y1[:, -1] == X2[:, 0]).float().mean()
    print(f"{name}：第一行 {vocab.decode(X1[0])!r} → {vocab.decode(X2[0])!r}")
    assert torch.equal(X1[:, 1:], y1[:, :-1]) and (follows == 1) == (name == "按顺序")

# %% [markdown]
# ## GRU 走一步
#
# `nn.GRU` 每读一个字符，先算两个门，再算候选，最后把旧状态与候选混合：
#
# $$
# \begin{aligned}
# r &= \sigma(W_{ir} x + b_{ir} + W_{hr} h + b_{hr}), \qquad z = \sigma(W_{iz} x + b_{iz} + W_{hz} h + b_{hz}), \\
# n &= \tanh(W_{in} x + b_{in} + r \odot (W_{hn} h + b_{hn})), \\
# h' &= z \odot h + (1 - z) \odot n .
# \end{aligned}
# $$
#
# 手写一步，与库对照。两个门为什么结构相同、作用不同，见[GRU 的重置门和更新门结构一样，怎么区分？](../56-gru/reset-and-update-gates.md)

# %% by-hand
oracle = nn.GRU(8, 6, batch_first=True)
x, h = torch.randn(3, 8), torch.randn(3, 6)
with torch.no_grad():
    from_x = (x @ oracle.weight_ih_l0.T + oracle.bias_ih_l0).chunk(3, 1)  # 次序是 r、z、n
    from_h = (h @ oracle.weight_hh_l0.T + oracle.bias_hh_l0).chunk(3, 1)
    r, z = (torch.sigmoid(a + b) for a, b in zip(from_x[:2], from_h[:2]))
    candidate = torch.tanh(from_x[2] + r * from_h[2])
    mine = z * h + (1 - z) * candidate
    _, theirs = oracle(x[:, None], h[None])
torch.testing.assert_close(mine, theirs[0])
print("手写的一步与 nn.GRU 相同；状态的形状：", tuple(theirs.shape), "（层数，批量，隐藏单元）")

# %% [markdown]
# ## 模型
#
# 嵌入 → GRU → 每个位置一个全连接层。输出是下一个字符的得分。

# %% model
class CharGRU(nn.Module):
    def __init__(self, vocab_size, num_hiddens=128, num_embed=32):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, num_embed)
        self.gru = nn.GRU(num_embed, num_hiddens, batch_first=True)
        self.output = nn.Linear(num_hiddens, vocab_size)

    def forward(self, X, state=None):
        H, state = self.gru(self.embedding(X), state)  # (批量, 步数, 隐藏单元)
        return self.output(H), state

torch.manual_seed(0)
net = CharGRU(V)
X, y = next(sequential_batches(train_ids, 32, 20))
out, state = net(X)
loss = F.cross_entropy(out.flatten(0, 1), y.flatten())
print("输入：", tuple(X.shape), "，输出：", tuple(out.shape), "，状态：", tuple(state.shape))
print(f"没有训练时的困惑度与词表大小之比：{loss.exp() / V:.2f}")
assert out.shape == (*X.shape, V) and 0.8 < loss.exp() / V < 1.3

# %% [markdown]
# 没有训练时，困惑度约等于词表的大小：每个字符差不多同样可能。
#
# ## 状态传下去，图要断开
#
# 按顺序取批量时，上一批的状态还连着上一批的计算图，而那张图在 `backward()` 之后已经释放。
# 不断开就会报错；`detach()` 只断开图，值不变。

# %% detach
loss.backward()
try:
    F.cross_entropy(net(y, state)[0].flatten(0, 1), y.flatten()).backward()
except RuntimeError as error:
    message = str(error)
print("不 detach：", message.split(" (")[0])
out, _ = net(y, state.detach())
F.cross_entropy(out.flatten(0, 1), y.flatten()).backward()  # 断开以后就可以
print("detach 以后：反向传播成功，状态的值不变", torch.equal(state, state.detach()))
assert "backward through the graph a second time" in message

# %% [markdown]
# ## 梯度裁剪
#
# 反向传播要穿过几十步，梯度偶尔会很大。裁剪把全部参数的梯度看作一个长向量，
# 长度超过 $\theta$ 就缩到 $\theta$，方向不变：
#
# $$
# g \leftarrow \min\left(1, \frac{\theta}{\lVert g \rVert}\right) g .
# $$

# %% clip
def my_clip(params, theta):
    norm = torch.cat([p.grad.flatten() for p in params]).norm()
    for p in params:
        p.grad *= min(1, theta / norm)
    return norm

params = list(net.parameters())
saved = [p.grad.clone() * 50 for p in params]  # 放大 50 倍，让裁剪起作用
results = []
for clip in (my_clip, nn.utils.clip_grad_norm_):
    for p, g in zip(params, saved):
        p.grad = g.clone()
    before = clip(params, 1.0)
    results.append(torch.cat([p.grad.flatten() for p in params]))
print(f"裁剪之后的长度：{results[0].norm():.3f}")
torch.testing.assert_close(results[0], results[1], rtol=1e-4, atol=1e-7)
torch.testing.assert_close(results[0] * before, torch.cat([g.flatten() for g in saved]))  # 方向不变

# %% [markdown]
# ## 训练
#
# 按顺序取批量、传状态、裁剪。每 50 次更新在验证文字上量一次困惑度。

# %% train
def perplexity(net, ids, carry=True, rows=40, num_steps=50):
    """rows 行并排读完整段文字；carry=False 时每个窗口都从零状态开始。"""
    lines = ids[:len(ids) // rows * rows].view(rows, -1)
    state, losses = None, []
    with torch.no_grad():
        for i in range(0, lines.shape[1] - num_steps, num_steps):
            out, state = net(lines[:, i:i + num_steps], state if carry else None)
            y = lines[:, i + 1:i + num_steps + 1]
            losses.append(F.cross_entropy(out.flatten(0, 1), y.flatten()))
    return torch.stack(losses).mean().exp().item()

def train_step(net, optimizer, X, y, state, theta):
    out, state = net(X, state)
    loss = F.cross_entropy(out.flatten(0, 1), y.flatten())
    optimizer.zero_grad()
    loss.backward()
    norm = nn.utils.clip_grad_norm_(net.parameters(), theta)  # 返回裁剪之前的长度
    optimizer.step()
    return loss.item(), norm.item(), state.detach()

# %% run
def train(net, num_epochs, lr=0.005, theta=1.0, batches=sequential_batches):
    optimizer = torch.optim.Adam(net.parameters(), lr=lr)
    history, validation = [], []
    for _ in range(num_epochs):
        state = None  # 每一轮从文本的开头重新开始
        for X, y in batches(train_ids, 32, 35):
            if batches is random_batches:
                state = None  # 随机取：这一批与上一批无关
            loss, norm, state = train_step(net, optimizer, X, y, state, theta)
            history.append((loss, norm))
            if len(history) % 50 == 0:
                validation.append((len(history), perplexity(net, val_ids)))
    return torch.tensor(history), torch.tensor(validation)

torch.manual_seed(0)
net = CharGRU(V)
history, validation = train(net, num_epochs=3)
print("更新次数：", len(history))
print(f"训练困惑度：前 20 次 {history[:20, 0].mean().exp():.1f}，"
      f"最后 50 次 {history[-50:, 0].mean().exp():.1f}")
print(f"验证困惑度：{validation[0, 1]:.1f} → {validation[-1, 1]:.1f}")
assert validation[-1, 1] < 0.7 * validation[0, 1] and validation[-1, 1] < V / 8

# %% curves caption="困惑度随更新次数的变化，纵轴是对数；横线是二元与四元语法在同一段验证文字上的困惑度。很快越过二元语法，然后越来越慢。"
fig, ax = plt.subplots(figsize=(5.2, 2.8))
smooth = history[:len(history) // 10 * 10, 0].view(-1, 10).mean(1).exp()
ax.plot(torch.arange(len(smooth)) * 10 + 5, smooth, label="训练", alpha=0.7)
ax.plot(validation[:, 0], validation[:, 1], "o-", label="验证")
table = {n: losses.mean().exp() for n, losses in ngram_losses(val_ids).items()}
for n, color in ((2, "C2"), (4, "C3")):
    ax.axhline(table[n], linestyle="--", color=color, label=f"{n} 元语法")
ax.set(title="从猜字符到认识词", xlabel="更新次数", ylabel="困惑度", yscale="log")
ticks = [3, 5, 10, 20, 40]
ax.set_yticks(ticks, ticks)
ax.minorticks_off()
ax.legend(ncols=2)
assert validation[-1, 1] < table[4] < table[2]

# %% [markdown]
# ## 裁剪有没有用
#
# 刚才的训练里裁剪动手了几次？再看它要紧的时候：用 SGD，学习率 4 与大 4 倍的 16，都只训练 80 次。

# %% clip-training caption="SGD 的训练损失（每 4 次平均）。学习率 16 又不裁剪，损失比没有训练还高；裁剪到 0.25，同样的学习率就能训练，与学习率 4、不裁剪的差不多。"
print(f"Adam 的 {len(history)} 次更新：裁剪了 {(history[:, 1] > 1).sum()} 次，"
      f"梯度长度的中位数 {history[:, 1].median():.2f}")

def sgd(lr, theta, num_steps=80):
    torch.manual_seed(0)  # 三次训练的初始值与批次都相同
    net, state, losses = CharGRU(V, num_hiddens=64), None, []
    optimizer = torch.optim.SGD(net.parameters(), lr=lr)
    for _, (X, y) in zip(range(num_steps), sequential_batches(train_ids, 32, 35)):
        loss, _, state = train_step(net, optimizer, X, y, state, theta)
        losses.append(loss)
    return torch.tensor(losses).view(-1, 4).mean(1)

runs = {(4, torch.inf): "-", (16, torch.inf): "--", (16, 0.25): "-."}
fig, ax = plt.subplots(figsize=(5.2, 2.6))
for (lr, theta), style in runs.items():
    runs[lr, theta] = losses = sgd(lr, theta)
    name = "不裁剪" if theta == torch.inf else f"裁剪到 {theta}"
    ax.plot(range(2, 80, 4), losses, style, label=f"学习率 {lr}，{name}")
    print(f"学习率 {lr}，{name}：最后的损失 {losses[-3:].mean():.1f}")
ax.set(title="裁剪挡住了太大的步子", xlabel="更新次数", ylabel="训练损失", yscale="log")
ax.set_yticks([2, 5, 10, 20, 40], [2, 5, 10, 20, 40])
ax.minorticks_off()
ax.legend(loc=(0.58, 0.22), fontsize=8)
plain, wild, clipped = (losses[-3:].mean() for losses in runs.values())
assert (history[:, 1] > 1).float().mean() < 0.05  # 学习率合适时几乎用不上
assert wild > torch.tensor(V).log() > clipped and clipped < plain + 0.3

# %% [markdown]
# 裁剪限制的是一步的长度，它至多是学习率乘 $\theta$。学习率合适时它只是保险，几乎用不上；
# 学习率太大时它让训练不至于毁掉，但并不比一开始就选对学习率更好。
#
# ## 在没见过的文字上
#
# 测试的文字来自另外的主题。再加一段更远的：`import this` 的《Python 之禅》，它不在训练文字里。

# %% evaluate
import codecs, contextlib, io

with contextlib.redirect_stdout(io.StringIO()):  # import this 会把它打印出来
    import this
zen = re.sub(r"\s+", " ", codecs.decode(this.s, "rot13")).lower()
zen_ids = vocab.encode(zen)
tested = {"传状态": perplexity(net, test_ids), "每个窗口清零": perplexity(net, test_ids, carry=False)}
print("GRU 的测试困惑度：", {k: round(v, 2) for k, v in tested.items()})
print("n 元语法：", {f"{n} 元": round(v, 2) for n, v in ngram.items()})
zen_perplexity = perplexity(net, zen_ids, rows=1)
one, two = (ngram_losses(zen_ids)[n].mean().exp() for n in (1, 2))
print(f"《Python 之禅》：GRU {zen_perplexity:.1f}，1 元 {one:.1f}，2 元 {two:.1f}；"
      f"在训练文字里出现过：", zen[:40] in train_text)
assert tested["传状态"] < 0.6 * ngram[2] and tested["传状态"] < ngram[3]
assert tested["传状态"] < tested["每个窗口清零"]
assert tested["传状态"] < zen_perplexity < 0.8 * two and zen[:40] not in train_text

# %% [markdown]
# 《之禅》的句子不像文档，所以困惑度高得多，但仍比二元语法好。
# 传状态比每个窗口清零好一些，差别不大：受影响的主要是窗口开头的几个字符，
# 见[RNN 的批量该随机取还是按顺序取？](../55-rnn/random-or-sequential-batches.md)
#
# ## 它学到了词
#
# 平均值看不出学到了什么。按“这是词里的第几个字母”分开看损失：

# %% in-word caption="测试文字里，词的第几个字母，平均损失是多少。第一个字母两者差不多一样难猜；往后 GRU 越来越有把握，二元语法只看一个字符，从第二个字母起就不再进步。"
with torch.no_grad():
    out, _ = net(test_ids[None, :-1])
gru_loss = F.cross_entropy(out[0], test_ids[1:], reduction="none")[2:]  # 与二元语法对齐
letters = torch.tensor([c.isalpha() for c in test_text])
at = torch.arange(len(letters))
place = (at - torch.where(letters, -1, at).cummax(0).values)[3:]  # 词里的第几个字母；别的是 0
fig, ax = plt.subplots(figsize=(5.2, 2.6))
means = {}
for losses, style, name in ((ngram_losses(test_ids)[2], "s--", "二元语法"), (gru_loss, "o-", "GRU")):
    means[name] = torch.stack([losses[place == k].mean() for k in range(1, 9)])
    ax.plot(range(1, 9), means[name], style, label=name)
ax.set(title="越往词的后面越有把握", xlabel="词里的第几个字母", ylabel="平均损失")
ax.set_ylim(0)
ax.legend()
print("GRU：     ", [round(v, 2) for v in means["GRU"].tolist()])
print("二元语法：", [round(v, 2) for v in means["二元语法"].tolist()])
assert means["GRU"][4] < means["GRU"][0] / 2 < means["二元语法"][4]
assert (means["GRU"] < means["二元语法"])[1:].all()

# %% [markdown]
# ## 让它写
#
# 每次从模型给的分布里抽一个字符，再喂回去。抽之前把得分除以**温度** $\tau$：
# $\tau$ 小，分布变尖，总选最可能的；$\tau$ 大，分布变平，什么都可能出现。

# %% generate
@torch.no_grad()
def generate(net, prefix, length, temperature, seed=0, copies=1):
    """读完 prefix，再抽 length 个字符；返回 copies 段文字。"""
    g = torch.Generator().manual_seed(seed)
    X, written, state = vocab.encode(prefix).repeat(copies, 1), [], None
    for _ in range(length):
        out, state = net(X, state)
        scores = out[:, -1] / temperature
        scores[:, 0] = -torch.inf  # 不写 <unk>
        X = torch.multinomial(scores.softmax(1), 1, generator=g)
        written.append(X)
    return [prefix + vocab.decode(row) for row in torch.cat(written, 1).tolist()]

for temperature in (0.5, 1.0):
    print(f"温度 {temperature}：")
    print(textwrap.fill(generate(net, "the function ", 220, temperature)[0], 80))
assert generate(net, "the ", 30, 0.5) == generate(net, "the ", 30, 0.5)  # 种子相同，文字相同

# %% temperature caption="每种温度写 20 段、每段 150 个字符。温度低，写出来的几乎都是训练文字里有的词，但翻来覆去就那些；温度高，花样多，假词也多。"
known = set(re.findall("[a-z]{3,}", train_text))
temperatures, real, variety = [0.2, 0.5, 0.8, 1.0, 1.3], [], []
for temperature in temperatures:
    words = [w for t in generate(net, "the ", 150, temperature, copies=20)
             for w in re.findall("[a-z]{3,}", t)[1:-1]]  # 最后一个词可能没写完
    real.append(sum(w in known for w in words) / len(words))
    variety.append(len(set(words)) / len(words))
fig, ax = plt.subplots(figsize=(5.2, 2.6))
ax.plot(temperatures, [100 * v for v in real], "o-", label="训练文字里有的词")
ax.plot(temperatures, [100 * v for v in variety], "s--", label="不重复的词")
ax.set(title="温度：像不像与重不重复", xlabel="温度", ylabel="占写出的词 %", ylim=(0, 105))
ax.legend()
print("有的词：  ", {t: f"{v:.0%}" for t, v in zip(temperatures, real)})
print("不重复的：", {t: f"{v:.0%}" for t, v in zip(temperatures, variety)})
assert real[0] > 0.9 and real[0] > real[3] > real[4] and variety[0] < variety[3] < variety[4]

# %% [markdown]
# ## 可以试着改
#
# - `train(net, 3, batches=random_batches)`：随机取批量，测试困惑度有没有差别？每个窗口清零时呢？
# - 训练文字只留 1 万个字符，训练 60 轮：验证困惑度从哪里开始回升？两种取法谁升得早？
# - `sgd` 的学习率 16、`theta` 取 1：还训练得动吗？取 0.05 呢？
# - `nn.GRU` 换成 `nn.RNN` 或 `nn.LSTM`（状态是两个张量，都要 `detach()`）：同样的更新次数，困惑度差多少？
# - `num_hiddens` 改成 32 和 256；再把训练轮数加倍，看大的模型什么时候开始值得。
# - 生成时每次都取得分最高的字符（温度趋于 0）：多久开始循环？
#
# ## 用到的问题
#
# - [为什么词表要按频率排序？](../52-text-preprocessing/why-sort-by-frequency.md)：编号的次序与拟合无关。
# - [RNN 的批量该随机取还是按顺序取？](../55-rnn/random-or-sequential-batches.md)：次序与状态是两件事。
# - [GRU 的重置门和更新门结构一样，怎么区分？](../56-gru/reset-and-update-gates.md)：靠公式里的位置。
# - [为什么要先 backward() 才有 .grad？](../07-autograd/why-backward-first.md)：计算图什么时候记录、什么时候释放。
# - [马尔可夫假设中的 τ 是不是越大越好？](../51-sequence-models/how-large-tau.md)：n 元语法该看多远。
