"""样本数不是批量大小的整数倍时，多余的数据会被随机剔除吗？

要检验的说法：默认得到一个较小的批次，一个也不丢；drop_last=True 才丢，而且打乱时每轮丢的不同。
能推翻它的结果：默认有样本没有出现；或者下一轮的数据补进了最后一批；或者 drop_last 总丢同一些样本。
"""

# %% default
import torch
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset

data = TensorDataset(torch.arange(10))


def epoch(loader):
    return [batch.tolist() for (batch,) in loader]


torch.manual_seed(0)
loader = DataLoader(data, batch_size=4, shuffle=True)
for number in (1, 2):
    batches = epoch(loader)
    print(f"第 {number} 轮：", batches)
    assert [len(batch) for batch in batches] == [4, 4, 2]  # 最后一批小一些
    assert sorted(sum(batches, [])) == list(range(10))  # 每个样本恰好一次，没有丢，也没有补

# %% drop-last
dropper = DataLoader(data, batch_size=4, shuffle=True, drop_last=True)
dropped = [sorted(set(range(10)) - set(sum(epoch(dropper), []))) for _ in range(200)]
print("前 4 轮丢掉的样本：", dropped[:4])
print("200 轮里每个样本丢掉的次数：", [sum(i in d for d in dropped) for i in range(10)])
fixed = DataLoader(data, batch_size=4, drop_last=True)  # 不打乱
print("不打乱时每轮丢掉：", [sorted(set(range(10)) - set(sum(epoch(fixed), []))) for _ in range(2)])

assert all(len(d) == 2 for d in dropped)
assert all(20 < sum(i in d for d in dropped) < 60 for i in range(10))  # 平均 40 次，标准差约 5.7
assert all(sorted(set(range(10)) - set(sum(epoch(fixed), []))) == [8, 9] for _ in range(3))

# %% carry-over
class CarryOver:
    """不够一批的，留到下一轮补全：确实可以做到，但要自己写。"""

    def __init__(self, size, batch_size):
        self.sampler, self.batch_size, self.left = RandomSampler(range(size)), batch_size, []

    def __iter__(self):
        for index in self.sampler:
            self.left.append(index)
            if len(self.left) == self.batch_size:
                yield self.left
                self.left = []


carry = DataLoader(data, batch_sampler=CarryOver(10, 4))
rounds = [epoch(carry) for _ in range(2)]
print("留到下一轮：", rounds)
assert [len(b) for r in rounds for b in r] == [4, 4, 4, 4, 4]
assert len(rounds[0]) == 2 and len(rounds[1]) == 3  # 第 1 轮剩下的 2 个，第 2 轮开头补上
assert len(list(BatchSampler(range(10), 4, drop_last=False))) == 3  # 标准的采样器不会这样做

# %% weight caption="最后一批只有 1 个样本时（101 个样本，批量 20），它的梯度与完整批次的梯度各离全体梯度多远（相对误差，500 次打乱的分布）。小批的梯度噪声大得多，而按批取平均的损失给了它同样的步长。"
import matplotlib.pyplot as plt
from sklearn.datasets import load_diabetes

X, y = (torch.tensor(a[:101], dtype=torch.float64) for a in load_diabetes(return_X_y=True))
X, y = X / X.std(0), (y - y.mean()) / y.std()
per_sample = 2 * (X @ torch.zeros(10, dtype=torch.float64) - y)[:, None] * X  # (101, 10) 每个样本的梯度
whole = per_sample.mean(0)
torch.manual_seed(0)
distance = {"完整的批次（20 个样本）": [], "最后一批（1 个样本）": []}
for _ in range(500):
    order = torch.randperm(101)
    for label, part in zip(distance, (order[:20], order[100:])):
        distance[label].append(((per_sample[part].mean(0) - whole).norm() / whole.norm()).item())
fig, ax = plt.subplots(figsize=(5.2, 2.6))
for (label, values), style in zip(distance.items(), ("-", "--")):
    ax.hist(values, bins=torch.linspace(0, 6, 40).tolist(), histtype="step", linestyle=style, label=label)
ax.set(title="小批的梯度离全体梯度有多远", xlabel="相对误差", ylabel="次数")
ax.legend()
full, tiny = (torch.tensor(v).square().mean().sqrt().item() for v in distance.values())
print(f"均方根相对误差：完整批次 {full:.1f}，最后一批 {tiny:.1f}，相差 {tiny / full:.1f} 倍")
close = [(per_sample[torch.randperm(101)[:18]].mean(0) - whole).norm() for _ in range(500)]  # 18 个，接近整批
near = torch.stack(close).square().mean().sqrt().item() / whole.norm().item()
print(f"最后一批有 18 个时，只是完整批次的 {near / full:.1f} 倍")
assert 0.9 < near / full < 1.25  # 接近整批时没有差别
assert 3.5 < tiny / full < 7  # 20 个样本取平均，噪声约小 √20 ≈ 4.5 倍（不放回，略多一点）

# %% batchnorm raises="ValueError"
torch.nn.Sequential(torch.nn.Linear(10, 3), torch.nn.BatchNorm1d(3))(X[:1].float())
