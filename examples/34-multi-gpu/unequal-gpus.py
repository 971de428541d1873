"""不同型号的 GPU 一起训练，该怎样分配样本？

要检验的说法：按速度分配样本，快 2 倍的分 2 倍，两张卡就同时算完。
能推翻它的结果：按速度分配以后仍有一张在等；分得不等以后，DDP 平均出来的梯度不是整批的梯度。
没有 GPU：两个真的进程、真的 DDP 在 CPU 上算梯度；快慢是用公式模拟的。
"""

# %% weights timeout=300
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.functional import cross_entropy

images, digits = load_digits(return_X_y=True)
X, y = torch.tensor(images[:60], dtype=torch.float32) / 16, torch.tensor(digits[:60])
shares = [40, 20]  # 快的分 40 个，慢的分 20 个
torch.manual_seed(0)
net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


def gradient(net, X, y):
    grads = torch.autograd.grad(cross_entropy(net(X), y), [*net.parameters()])
    return torch.cat([g.flatten() for g in grads])


whole = gradient(net, X, y)
parts = [gradient(net, *part) for part in zip(X.split(shares), y.split(shares))]
plain, weighted = sum(parts) / 2, sum(n / 60 * g for n, g in zip(shares, parts))
print(f"直接平均，与整批梯度相差 {(plain - whole).norm() / whole.norm():.1%}")
print(f"按 n/N 加权，相差 {(weighted - whole).norm() / whole.norm():.1%}")
torch.testing.assert_close(weighted, whole)
assert (plain - whole).norm() > 0.02 * whole.norm()

# %% worker
worker = """
import sys, torch, torch.distributed as dist
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel
folder, rank = sys.argv[1], int(sys.argv[2])
torch.set_num_threads(1)
dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
net, X, y, shares = torch.load(f"{folder}/job.pt", weights_only=False)
X, y = X.split(shares)[rank], y.split(shares)[rank]
found = []
for scale in (1, 2 * len(X) / sum(shares)):  # 照常；乘上 进程数 × n / N，抵消 DDP 的平均
    ddp = DistributedDataParallel(net)
    net.zero_grad()
    (cross_entropy(ddp(X), y) * scale).backward()
    found.append(torch.cat([p.grad.flatten() for p in net.parameters()]))
torch.save(found, f"{folder}/rank{rank}.pt")
dist.barrier()  # 谁也不先走：对方还在通信时退出，进程会异常结束
dist.destroy_process_group()
"""

# %% ddp
import subprocess, sys, tempfile
from pathlib import Path

with tempfile.TemporaryDirectory() as folder:
    Path(folder, "worker.py").write_text(worker, encoding="utf-8")
    torch.save((net, X, y, shares), f"{folder}/job.pt")
    command = [sys.executable, f"{folder}/worker.py", folder]
    running = [subprocess.Popen([*command, str(rank)], stderr=subprocess.PIPE, text=True) for rank in (0, 1)]
    errors = [process.communicate(timeout=200)[1] for process in running]
    assert all(process.returncode == 0 for process in running), errors
    found = [torch.load(f"{folder}/rank{rank}.pt") for rank in (0, 1)]
print("两个进程得到同样的梯度：", all(torch.equal(a, b) for a, b in zip(*found)))
for name, got in zip(("DDP 照常", "DDP，损失先乘 2n/N"), found[0]):
    print(f"{name}：与整批梯度相差 {(got - whole).norm() / whole.norm():.1%}")
torch.testing.assert_close(found[0][0], plain)  # DDP 直接平均两张卡，不管各有几个样本
torch.testing.assert_close(found[0][1], whole)
assert torch.equal(found[0][0], found[1][0]) and torch.equal(found[0][1], found[1][1])

# %% batch-norm
with_bn = nn.Sequential(nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 10))
whole_bn = gradient(with_bn, X, y)
for split in (shares, [30, 30]):  # 分得不等；平均分
    parts_bn = [gradient(with_bn, *part) for part in zip(X.split(split), y.split(split))]
    off = (sum(n / 60 * g for n, g in zip(split, parts_bn)) - whole_bn).norm() / whole_bn.norm()
    print(f"有批量归一化，分成 {split}，按 n/N 加权：与整批梯度相差 {off:.0%}")
    assert off > 0.05
hidden = with_bn[0](torch.tensor(images, dtype=torch.float32) / 16).detach()
errors = {}
for n in (60, *shares):  # 随机抽 n 个样本，统计量离全体有多远
    draws = torch.stack([hidden[torch.randint(1797, (n,))].mean(0) for _ in range(2000)])
    errors[n] = ((draws - hidden.mean(0)) / hidden.std(0)).square().mean().sqrt().item()
print("均值的误差（以标准差为单位）：", {n: round(e, 3) for n, e in errors.items()})
assert abs(errors[20] / errors[40] - 2**0.5) < 0.05

# %% memory
from torch.utils.data import DistributedSampler

def saved_bytes(n):  # 前向为反向留下的激活值，参数不算
    saved, params = {}, {p.data_ptr() for p in net.parameters()}
    def note(t):
        return saved.update({t.data_ptr(): t.numel() * t.element_size()}) or t
    with torch.autograd.graph.saved_tensors_hooks(note, lambda t: t):
        net(X[:n]).square().mean()
    return sum(size for address, size in saved.items() if address not in params)


print(f"激活值：40 个样本 {saved_bytes(40):,} 字节，20 个 {saved_bytes(20):,} 字节")
lengths = [len(DistributedSampler(range(1797), num_replicas=2, rank=rank)) for rank in (0, 1)]
print("DistributedSampler 把 1,797 个样本分成", lengths, "，重复的有", sum(lengths) - 1797, "个")
dropped = len(DistributedSampler(range(1797), num_replicas=2, rank=0, drop_last=True))
assert 1.9 < saved_bytes(40) / saved_bytes(20) <= 2.01 and lengths == [899, 899] and dropped == 898

# %% idle caption="模拟：一步的时间取决于分给快卡多少（共 60 个样本，快卡每单位时间算 2 个，慢卡 1 个）。没有固定开销时（实线）最低点在 40，两张卡同时算完；快卡每步多出 12 个单位的开销时（虚线），最低点移到 32，按 2:1 分反而要等快卡。"
import matplotlib.pyplot as plt

n = torch.arange(61)  # 分给快卡的样本数，其余 60 - n 个归慢卡
fig, ax = plt.subplots(figsize=(5.2, 2.8))
step = {}
for extra, style in ((0, "-"), (12, "--")):
    fast, slow = extra + n / 2, 60.0 - n  # 两张卡各要多久
    step[extra] = torch.maximum(fast, slow)  # 同步训练：大家都等最慢的那张
    ax.plot(n, step[extra], style, label=f"快卡的固定开销 {extra}")
    print(f"固定开销 {extra:2d}：平均分 {step[extra][30]:.0f}；2:1 分 {step[extra][40]:.0f}，"
          f"其中等待 {(fast - slow).abs()[40]:.0f}；最好是快卡分 {int(step[extra].argmin())} 个")
ax.set(title="同步的一步等于最慢的那张卡", xlabel="分给快卡的样本数（共 60）", ylabel="一步的时间（单位）")
ax.legend()
print(f"只用快卡：{60 / 2:.0f}。平均分给两张卡，一点也不比它快")
assert step[0].argmin() == 40 and step[0][40] == 60 / 3 and step[0][30] == 60 / 2
assert step[12].argmin() < 40 and step[12][40] > step[12][30]
