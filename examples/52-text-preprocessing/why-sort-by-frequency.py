"""为什么词表要按频率排序？

要检验的说法：频率高的词更可能一起出现，符合局部性原理，所以按频率编号能让模型拟合得更好。
能推翻它的结果：打乱编号后模型的损失不变；高频词相邻的次数不比各自独立时多。
"""

# %% together caption="两个高频词相隔几个词出现的次数，除以把全文的词打乱后的次数。最常见的 10 个词（the、a、is……）紧挨着的少三成多，隔三个词的多两成（the … of the），再远只略多；前 500 个词与打乱后几乎一样。"
import collections, pydoc_data.topics, re
import matplotlib.pyplot as plt
import torch

paragraphs = "\n\n".join(pydoc_data.topics.topics.values()).lower().split("\n\n")
words = re.findall("[a-z]+", " ".join(dict.fromkeys(paragraphs)))  # Python 文档，去掉重复的段落
counter = collections.Counter(words)
by_frequency = [word for word, _ in counter.most_common()]
rank = {word: i for i, word in enumerate(by_frequency)}
ids, V = torch.tensor([rank[word] for word in words]), len(rank)
torch.manual_seed(0)
ratio, gaps = {}, range(1, 9)
fig, ax = plt.subplots(figsize=(5.2, 2.6))
for k, style in ((10, "o-"), (100, "s--"), (500, "^:")):
    top, mixed = ids < k, ids[torch.stack([torch.randperm(len(ids)) for _ in range(20)])] < k
    by_chance = (mixed[:, 1:] & mixed[:, :-1]).double().mean(1)  # 20 次打乱：各次的比例
    ratio[k] = [((top[d:] & top[:-d]).double().mean() / by_chance.mean()).item() for d in gaps]
    error = by_chance.std() / by_chance.mean()
    print(f"前 {k:3d} 个词，实际 / 打乱后：相邻 {ratio[k][0]:.2f}，隔三个 {ratio[k][2]:.2f}（打乱一次的波动 ±{error:.3f}）")
    assert k == 500 or ratio[k][0] < 1 - 5 * error and ratio[k][2] > 1 + 5 * error
    ax.plot(gaps, ratio[k], style, label=f"前 {k} 个词")
ax.set(title="两个高频词隔多远出现", xlabel="相隔几个词", ylabel="实际 / 打乱后"), ax.legend()
assert ratio[10][0] < 0.8 and max(ratio[10][3:]) < 1.2 and max(abs(r - 1) for r in ratio[500]) < 0.03

# %% permute
from torch.nn.functional import cross_entropy

shuffled = torch.randperm(V)  # 新编号 = shuffled[旧编号]


def train(words, params, num_steps=60):
    """由前一个词预测后一个词：嵌入、隐藏层、输出层；返回每一步的损失与训练后的嵌入。"""
    params, losses = [p.clone().requires_grad_() for p in params], []
    optimizer = torch.optim.Adam(params, lr=0.01)
    for X, y in zip(words[:-1].split(128)[:num_steps], words[1:].split(128)):
        loss = cross_entropy((params[0][X] @ params[1]).tanh() @ params[2], y)
        optimizer.zero_grad(), loss.backward(), optimizer.step()
        losses.append(loss.detach())
    return torch.stack(losses), params[0].detach()


E, W, out = (torch.randn(a, b, dtype=torch.float64) / b**0.5 for a, b in ((V, 32), (32, 32), (32, V)))
inverse = shuffled.argsort()
losses, trained = train(ids, (E, W, out))
moved, trained_moved = train(shuffled[ids], (E[inverse], W, out[:, inverse]))  # 各词带着自己的行和列搬家
other, _ = train(ids, (E.flip(1), W, out))  # 对照：编号不变，只换一组初始值
print(f"60 步损失：{losses[0]:.2f} → {losses[-1]:.2f}")
print(f"打乱编号后各步损失最多差 {(losses - moved).abs().max():.0e}；换一组初始值差 {(losses - other).abs().max():.0e}")
torch.testing.assert_close(moved, losses)
torch.testing.assert_close(trained_moved[shuffled], trained)
assert losses[-1] < losses[0] - 0.5 and (losses - other).abs().max() > 1e-3

# %% prefix caption="只保留编号最小的 k 个词，能盖住多少文本。按频率排，前缀就是该留的词；按字母或随机排，前缀没有意义。"
orders = {"按频率": torch.arange(V), "按字母": torch.tensor(sorted(range(V), key=by_frequency.__getitem__)),
          "随机": inverse}  # 第 i 号是频率排第几的词
counts = torch.tensor([counter[word] for word in by_frequency])
fig, ax = plt.subplots(figsize=(5.2, 2.5))
for (name, order), style in zip(orders.items(), ("-", "--", ":")):
    covered = counts[order].cumsum(0) / len(words) * 100
    ax.plot(range(1, V + 1), covered, style, label=name)
    print(f"{name}：前 500 个编号盖住 {covered[499]:.0f}% 的词")
    assert (covered[499] > 80) == (name == "按频率")
ax.set(title="词表只留前 k 个", xlabel="k", ylabel="盖住的文本 %"), ax.legend()
kept = {word for word in counter if counter[word] >= 5}  # 不排序，逐个看计数
print(f"min_freq = 5 留下 {len(kept)} 个词，正是按频率的前缀：", kept == set(by_frequency[:len(kept)]))
assert kept == set(by_frequency[:len(kept)]) and len(kept) < V / 2

# %% locality
number = {name: order.argsort() for name, order in orders.items()}  # 词（按频率排第几）→ 编号
batches = ids[:len(ids) // 2240 * 2240].view(-1, 2240)  # 每批 64 × 35 个词
rows, pages = ({name: sum(len((new[b] // per).unique()) for b in batches) / len(batches)
                for name, new in number.items()} for per in (1, 16))  # 64 个 float 一行 256 字节，16 行一页
size = {name: (1 + (new[ids] >= 128).double()).mean().item() for name, new in number.items()}
print("每批碰到的嵌入行：", {name: round(n) for name, n in rows.items()})
print("每批碰到的内存页：", {name: round(n) for name, n in pages.items()})
print("变长编码的字节：", {name: round(n, 2) for name, n in size.items()})
assert len(set(rows.values())) == 1
assert pages["按频率"] < 0.7 * min(pages["按字母"], pages["随机"]) and size["按频率"] < 0.8 * size["随机"]

# %% adaptive
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

heads, cutoffs, flops = {}, [100, 1000], {}  # 0–99 号在头部；100–999、1000 以后各一个尾部，维数依次是 1/4、1/16


def train_head(words, seed, lr, num_steps=200):
    """前两个词 → 下一个词，输出层是 AdaptiveLogSoftmaxWithLoss；返回验证与测试损失。"""
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Embedding(V, 32), nn.Flatten(), nn.Linear(64, 64), nn.ReLU())
    head = nn.AdaptiveLogSoftmaxWithLoss(64, V, cutoffs)
    optimizer = torch.optim.Adam([*net.parameters(), *head.parameters()], lr=lr)
    windows, *held_out = (part.unfold(0, 3, 1) for part in words.split([41000, 5000, len(words) - 46000]))
    for _ in range(num_steps):
        batch = windows[torch.randint(len(windows), (128,))]
        loss = head(net(batch[:, :2]), batch[:, 2]).loss
        optimizer.zero_grad(), loss.backward(), optimizer.step()
    with torch.no_grad():
        return [head(net(part[:, :2]), part[:, 2]).loss.item() for part in held_out]


# %% adaptive-result
for name in ("按频率", "随机"):
    words = number[name][ids]
    lr = min((0.003, 0.006), key=lambda lr: train_head(words, 99, lr)[0])  # 各选各的学习率
    heads[name] = torch.tensor([train_head(words, seed, lr)[1] for seed in range(5)])
    with FlopCounterMode(display=False) as counted:
        nn.AdaptiveLogSoftmaxWithLoss(64, V, cutoffs)(torch.randn(5000, 64), words[:5000])
    flops[name] = counted.get_total_flops() / 5000 / (2 * 64 * V)
    print(f"{name}：学习率 {lr}，测试损失 {heads[name].mean():.2f} ± {heads[name].std():.2f}，"
          f"输出层的计算量是整个 softmax 的 {flops[name]:.1%}")
gain = heads["随机"] - heads["按频率"]
assert gain.mean() > 0.1 and gain.mean() > 4 * gain.std() / 5**0.5 and flops["按频率"] < 0.85 * flops["随机"]
