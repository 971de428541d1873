"""卷积神经网络是做结构化数据，还是非结构化数据？

要检验的说法：卷积网络本身是结构化的；深度学习用结构化的网络，抽取结构化或非结构化数据的信息。
能推翻它的结果：打乱像素，卷积像 MLP 一样不受影响（那么它没有什么“结构”）；连不拆散邻居的转置也让卷积变差
（那么要紧的不是邻居）；或者打乱表格的列，卷积也变差（那么表格的列序也是它要的结构）。
"""

# %% matrix
import torch
from torch import nn

torch.manual_seed(0)
conv = nn.Conv2d(1, 1, 3, padding=1, bias=False).double()
W = conv(torch.eye(64).double().view(64, 1, 8, 8)).detach().view(64, 64)  # 卷积写成矩阵：每行一个输入像素
near, perm = W != 0, torch.randperm(64)  # near：卷积能有的连接
print(f"64 个像素到 64 个输出，全连接有 4096 个权重；卷积非零的 {near.sum()} 个，不同的只有 {len(W[near].unique())} 个")

x, dense = torch.randn(5, 64).double(), torch.randn(64, 64).double()
torch.testing.assert_close(x[:, perm] @ dense[perm], x @ dense)  # 打乱输入，全连接只要照样打乱权重的行
needed = (W[perm] != 0)  # 卷积要照样打乱，就得有这些连接
kept = (needed & near).sum() / needed.sum()
print(f"打乱以后：全连接换一下权重的编号，输出不变；卷积需要的连接，它有的只占 {kept:.0%}")
assert near.sum() == 484 and len(W[near].unique()) == 9 and kept < 0.3

# %% neighbours caption="左：一个像素（圆圈）与各个像素的相关的绝对值，像的（亮的）聚在它周围；空白的像素从来是 0。中：打乱以后，像的散在各处。右：乳腺癌的 30 列两两的相关，像的列不只在对角线旁边。"
import matplotlib.pyplot as plt
from sklearn.datasets import load_breast_cancer, load_digits

pixels, numbers = (torch.tensor(a) for a in load_digits(return_X_y=True))
cells, kinds = (torch.tensor(a) for a in load_breast_cancer(return_X_y=True))
fig, axes = plt.subplots(1, 3, figsize=(5.2, 2.1), layout="constrained")
digit_r, cell_r = (torch.corrcoef(A.T).abs() for A in (pixels, cells))
axes[0].imshow(digit_r[27].view(8, 8), vmax=0.6), axes[0].plot(3, 3, "o", mfc="none", color="C3")
axes[1].imshow(digit_r[27][perm].view(8, 8), vmax=0.6), axes[2].imshow(cell_r)
for ax, title in zip(axes, ("像素，原样", "像素，打乱", "乳腺癌的列")):
    ax.set(title=title, xticks=[], yticks=[])
for name, r, width in (("手写数字", digit_r, 8), ("乳腺癌", cell_r, 30)):
    pairs = torch.tensor([r[j, j + 1] for j in range(len(r) - 1) if j % width < width - 1])
    every = r[~torch.eye(len(r), dtype=bool)]  # 有的像素从来是 0，没有相关可言：nan，不算
    print(f"{name}：{len(r)} 列，左右相邻的两列相关 {pairs.nanmean():.2f}，任意两列 {every.nanmean():.2f}")
    assert pairs.nanmean() > (2 if width == 8 else 1) * every.nanmean()

# %% data
seeds, ways = 8, ("原样", "转置", "打乱")

def prepare(A, target, shape, n):  # 每个种子有自己的划分和打乱；返回 (N, 3 种排法 × 种子, 高, 宽) 和标签
    Xs, ys = [], []
    for seed in range(seeds):
        torch.manual_seed(seed)
        order = torch.randperm(len(A))
        X = A[order].float()
        X = X - X[:n].mean(0)  # 只用训练集的平均与尺度；像素用同一个尺度，表格的列各有各的单位
        X = X / (X[:n].std() if shape[0] > 1 else X[:n].std(0))
        turned = X.view(-1, *shape).transpose(1, 2).flatten(1) if shape[0] > 1 else X.flip(1)
        Xs.append(torch.stack([X, turned, X[:, torch.randperm(X.shape[1])]], 1)), ys.append(target[order])
    return torch.stack(Xs, 2).flatten(1, 2).view(len(A), -1, *shape), torch.stack(ys, 1).repeat(1, 3)

tasks = {"手写数字": (*prepare(pixels, numbers, (8, 8), 1000), 1000, 300),  # 训练 1000；300 张验证用来挑学习率；其余测试
         "乳腺癌": (*prepare(cells, kinds, (1, 30), 300), 300, 100)}
print({name: tuple(X.shape) for name, (X, *_) in tasks.items()})
X = tasks["手写数字"][0]
values = X.flatten(2).sort(2).values
assert torch.equal(X[:, 0].mT, X[:, seeds])  # 转置也是一种重排，只是邻居还是邻居
assert torch.equal(values[:, :seeds], values[:, 2 * seeds :]) and not torch.equal(X[:, 0], X[:, 2 * seeds])

# %% train
def train(kind, X, y, n, valid, lr=0.01, num_steps=300):  # lr 在验证集上从 0.003 到 0.1 里选，各种排法一样
    G, (h, w), classes = X.shape[1], X.shape[2:], int(y.max()) + 1
    def conv(inputs, outputs, *args):  # G 个互不相干的网络一起训练
        return nn.Conv2d(G * inputs, G * outputs, *args, groups=G)
    size, pad, pool = (min(h, 3), 3), (min(h, 3) // 2, 1), nn.MaxPool2d((min(h, 2), 2))
    hidden = 25 if h > 1 else 20  # MLP 的参数与卷积网络一样多
    torch.manual_seed(0)
    layers = {"卷积": lambda: [conv(1, 8, size, 1, pad), nn.ReLU(), pool, conv(8, 16, size, 1, pad), nn.ReLU(), pool,
                             conv(16, classes, (max(h // 4, 1), w // 4))],  # 表格是高为 1 的图：一维卷积
              "MLP": lambda: [conv(1, hidden, (h, w)), nn.ReLU(), conv(hidden, classes, 1)]}
    net = nn.Sequential(*layers[kind]())
    optimizer = torch.optim.Adam(net.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=num_steps)
    for _ in range(num_steps):
        i, g = torch.randint(n, (32, G)), torch.arange(G)
        loss = nn.functional.cross_entropy(net(X[i, g]).view(-1, classes), y[i, g].flatten())
        optimizer.zero_grad(), (loss * G).backward(), optimizer.step(), schedule.step()
    with torch.no_grad():
        right = (net(X[n + valid :]).view(-1, G, classes).argmax(2) == y[n + valid :]).float() * 100
    return right.mean(0).view(3, seeds), sum(p.numel() for p in net.parameters()) // G

# %% compare
from sklearn.ensemble import HistGradientBoostingClassifier

def trees(X, y, n, valid):  # 学习率没有挑：只看它在不在乎排法
    scores = []
    for X, y in zip(X.flatten(2).numpy().swapaxes(0, 1), y.T):
        model = HistGradientBoostingClassifier(learning_rate=0.3, max_iter=20, max_leaf_nodes=8).fit(X[:n], y[:n])
        scores.append(model.score(X[n + valid :], y[n + valid :]) * 100)
    return torch.tensor(scores).view(3, seeds)

result = {}
for task, (X, y, n, valid) in tasks.items():
    for kind in ("卷积", "MLP"):
        right, size = train(kind, X, y, n, valid)
        result[task, f"{kind}（{size} 个参数）"] = right
    result[task, "梯度提升树"] = trees(X, y, n, valid)
for (task, kind), right in result.items():
    gap = right[2] - right[0]  # 同一个种子、同一种划分
    print(f"{task}，{kind}：" + " → ".join(f"{r.mean():.1f}" for r in right),
          f"，打乱与原样差 {gap.mean():+.1f} ± {gap.std() / seeds**0.5:.1f}")
(conv, mlp, tree), (table_conv, table_mlp, table_tree) = (list(result.values())[i : i + 3] for i in (0, 3))
assert (conv[2] - conv[0]).mean() < -1.5 and (conv[1] - conv[0]).mean().abs() < 1.5  # 打乱变差，转置不变
assert 90 < conv[2].min() and conv[2].mean() < mlp[2].mean() - 1  # 还学得会，但不如不假定邻居的 MLP
assert all((a[2] - a[0]).mean().abs() < 1 for a in (mlp, tree, table_conv, table_mlp, table_tree))
assert 96 < conv[:2].mean() < 98 and 93 < conv[2].mean() < 96  # 错误率约 3% 与约 6%
assert (table_conv.mean(1) - 97).abs().max() < 1.5 and min(a.mean(1).min() for a in (mlp, tree, table_mlp)) > 95
assert (table_conv - table_mlp).mean().abs() < 2 and 94 < table_tree.mean() < table_mlp.mean() + 1.5

# %% plot caption="三种排法的测试正确率，8 个种子的平均与范围。左：像素打乱以后只有卷积掉下来；转置也是重排，但邻居还是邻居，卷积不受影响。右：表格的列怎么排，三种模型都看不出差别。"
fig, axes = plt.subplots(1, 2, figsize=(5.2, 2.7), sharey=True, layout="constrained")
for ax, task, names in zip(axes, tasks, (ways, ("原样", "倒序", "打乱"))):
    rights = [right for (name, _), right in result.items() if name == task]
    for kind, right, style in zip(("卷积", "MLP", "树"), rights, ("o-", "s--", "^:")):
        ax.plot(right.mean(1), style, label=kind)
        ax.fill_between(range(3), right.amin(1), right.amax(1), alpha=0.15)
    ax.set(title=task, ylabel="测试正确率 %" if task == "手写数字" else "", ylim=(90, 100))
    ax.set_xticks(range(3), names)
axes[0].legend(fontsize=8)
