"""one-hot 编码的列太多，内存放不下怎么办？

要检验的说法：稀疏存储能解决；换别的编码能解决；忽略这一列也行；Embedding 与 one-hot 是两回事。
能推翻它的结果：稀疏存储的字节数随类别数增长；Embedding 与 one-hot @ W 的输出或梯度不同；各种编码准确率都一样。
"""

# %% bytes caption="同样 1,000 行，类别从 10 个增加到 10,000 个。稠密的 one-hot 成比例地变大（两轴都是对数），稀疏存储与只存编号的两条是水平线。"
import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F

n, sizes, memory = 1000, (10, 100, 1000, 10_000), []
for K in sizes:
    idx = torch.randint(K, (n,), generator=torch.Generator().manual_seed(0))
    dense = F.one_hot(idx, K)  # (n, K)
    where, one = torch.stack([torch.arange(n), idx]), torch.ones(n)  # 每行只有一个 1，记下它在哪里
    coo = torch.sparse_coo_tensor(where, one, (n, K), check_invariants=True).coalesce()
    assert torch.equal(coo.to_dense(), dense.float())  # 同一个矩阵
    memory.append((dense.nbytes, dense.float().nbytes, coo.indices().nbytes + coo.values().nbytes, idx.nbytes))
names = ("F.one_hot", "float32 稠密", "稀疏 COO", "只存编号")
fig, ax = plt.subplots(figsize=(5.2, 2.8))
for name, line, style in zip(names, zip(*memory), ("o-", "s--", "^-", "v:")):
    ax.loglog(sizes, line, style, label=name)
ax.set(title="1,000 行类别数据占多少字节", xlabel="类别数（one-hot 的列数）", ylabel="字节")
ax.legend()
print("F.one_hot 的类型：", dense.dtype)
print("10,000 类，每行的字节数：", {a: b // n for a, b in zip(names, memory[-1])})
assert dense.element_size() == 8 and memory[-1][0] == 1000 * memory[0][0] and memory[-1][2:] == memory[0][2:]

# %% embedding
torch.manual_seed(0)
emb, lazy = (torch.nn.Embedding(K, 16, sparse=sparse) for sparse in (False, True))
lazy.weight.data.copy_(emb.weight.data)
W = emb.weight.detach().clone().requires_grad_()
outs = F.one_hot(idx, K).float() @ W, emb(idx), lazy(idx)  # (n, K) @ (K, 16) 与查表
for out in outs:
    (out - 1).square().mean().backward()
grads = W.grad, emb.weight.grad, lazy.weight.grad
print("输出逐位相等：", torch.equal(outs[0], outs[1]), "，梯度相等：", torch.allclose(grads[0], grads[1]))
print("权重的字节数：", W.nbytes, "，它的梯度：", grads[1].nbytes)
values, rows = grads[2].coalesce().values(), grads[2].coalesce().indices()  # sparse=True：只存出现过的行
print(f"sparse=True 的梯度只存 {len(values)} 行，共 {values.nbytes + rows.nbytes} 字节")
assert torch.equal(outs[0], outs[1]) and torch.equal(outs[0], outs[2])
torch.testing.assert_close(torch.sparse.mm(coo, W), outs[1])  # 稀疏的 one-hot 也能直接乘
torch.testing.assert_close((grads[0], grads[0]), (grads[1], grads[2].to_dense()))
assert W.nbytes == grads[1].nbytes == 4 * K * 16 and len(values) == len(idx.unique())

# %% column
import re
import numpy as np
import scipy.sparse as sp
from pydoc_data.topics import topics  # Python 语言参考，随 Python 一起安装
from sklearn.feature_extraction import FeatureHasher
from sklearn.preprocessing import OneHotEncoder, TargetEncoder

docs = [re.findall("[a-z]+", topics[k].lower()) for k in sorted(topics)]
rows = [(doc[i - 1], doc[i - 20], len(doc[i - 1]), len(doc[i - 2]), len(doc[i]) > 4, g)
        for g, doc in enumerate(docs) for i in range(20, len(doc), 2)]
word, far, l1, l2, y, group = map(np.array, zip(*rows))  # 预测下一个词是不是长词（至少 5 个字母）
basic = sp.csr_matrix(np.stack([l1, l2], 1) / 10)  # 其余的列：前两个词的长度
onehot = OneHotEncoder().fit_transform(word[:, None])
stored = onehot.data.nbytes + onehot.indices.nbytes + onehot.indptr.nbytes
full = onehot.shape[0] * onehot.shape[1] * 8
print(f"{onehot.shape[0]} 行，“前一个词”有 {onehot.shape[1]} 种")
print(f"稠密的 float64 要 {full:.1e} 字节；OneHotEncoder 默认给稀疏矩阵：{stored:.1e} 字节")
assert stored * 1000 < full

# %% encoders
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold


def accuracy(train, valid, test, kind, m=None, col=word):
    if kind == "编号当数值":
        extra = np.searchsorted(np.unique(col), col)[:, None] / len(np.unique(col))
    elif kind == "哈希":
        extra = FeatureHasher(m, input_type="string", alternate_sign=False).transform([[w] for w in col])
    elif kind == "目标均值":  # 训练行用交叉拟合的均值，免得看见自己的标签
        encoder = TargetEncoder(cv=KFold(5))
        inner, extra = encoder.fit_transform(col[train, None], y[train]), encoder.transform(col[:, None])
        extra[train] = inner
    else:  # one-hot；给了 m 就只留最常见的，其余归入“其他”
        encoder = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=m)
        extra = encoder.fit(col[train, None]).transform(col[:, None])
    X = sp.hstack([basic, extra]).tocsr() if kind != "丢掉" else basic
    models = [LogisticRegression(C=C, solver="liblinear").fit(X[train], y[train]) for C in (0.1, 1, 10)]
    return max(models, key=lambda m: m.score(X[valid], y[valid])).score(X[test], y[test]) * 100


def gap(a, b):  # 同一种划分上成对相减：平均与标准误
    d = score[a] - score[b]
    return d.mean(), d.std(ddof=1) / 5**0.5


# %% accuracy
parts = [np.random.default_rng(s).permutation(len(docs)) for s in range(5)]  # 按文档划分，5 次
splits = [[np.isin(group, p[a:b]) for a, b in ((0, 40), (40, 55), (55, 79))] for p in parts]
arms = {k: (k,) for k in ("one-hot", "丢掉", "编号当数值", "目标均值")} | {"远处的词": ("one-hot", None, far)}
arms |= {(k, m): (k, m) for k in ("哈希", "合并稀有") for m in (16, 64, 256, 1024)} | {"哈希成 16384 列": ("哈希", 16384)}
score = {name: np.array([accuracy(*split, *arm) for split in splits]) for name, arm in arms.items()}
print(f"one-hot 的准确率 {score['one-hot'].mean():.1f}%；改成下面的做法，变化：")
for name in ("丢掉", "编号当数值", "目标均值", "哈希成 16384 列"):
    print(f"  {name}：", "{:+.1f} ± {:.1f}".format(*gap(name, "one-hot")))
print("另一列（远处的词）：留下比丢掉", "{:+.1f} ± {:.1f}".format(*gap("远处的词", "丢掉")))
assert gap("丢掉", "one-hot")[0] < -6 and abs(gap("编号当数值", "丢掉")[0]) < 2 > abs(gap("远处的词", "丢掉")[0])
assert gap("目标均值", "one-hot")[0] > -1.5 < gap("哈希成 16384 列", "one-hot")[0]
assert gap(("哈希", 64), "one-hot")[0] < -3 and gap(("合并稀有", 1024), "one-hot")[0] > -1.5

# %% columns caption="测试准确率，5 种划分的平均与标准差。列数够多，两种压缩都接近完整的 one-hot（上面的横线）；列数越少损失越大。同样的列数，合并稀有类别比哈希损失得少：哈希让不相干的词共用一列。"
fig, ax = plt.subplots(figsize=(5.2, 2.8))
for kind, style in (("合并稀有", "o-"), ("哈希", "s--")):
    values = np.array([score[kind, m] for m in (16, 64, 256, 1024)])
    ax.errorbar((16, 64, 256, 1024), values.mean(1), values.std(1, ddof=1), fmt=style, capsize=3, label=kind)
for name, color in (("one-hot", "C2"), ("丢掉", "C3")):
    ax.axhline(score[name].mean(), color=color, linestyle=":", label=name)
ax.set(title="编码用多少列，准确率有多高", xlabel="列数", ylabel="测试准确率 %", xscale="log", ylim=(53, 72))
ax.legend(ncols=2, loc="upper left")
assert all(gap(("合并稀有", m), ("哈希", m))[0] > 0.5 for m in (16, 64, 256, 1024))

# %% error raises="RuntimeError"
try:
    F.one_hot(torch.tensor([0.0, 1.0]))  # 编号必须是 int64
except RuntimeError as error:
    print(error)
F.one_hot(torch.tensor([0, 3]), num_classes=3)  # 3 个类别的编号是 0、1、2
