"""数据太多，一次全读进来内存会爆，怎么办？

要检验的说法：把数据留在硬盘上，用到哪几个样本读哪几个，内存远小于数据总量，结果与全部读入相同。
能推翻它的结果：限制内存以后，内存映射与全部读入一样报 MemoryError；或者两种读法得到的批次不同。
"""

# %% file
import tempfile
import tracemalloc
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info

keep = tempfile.TemporaryDirectory()  # 程序结束时自动删除
folder = Path(keep.name)

def write(rows):
    """把 (rows, 256) 的 float32 一块一块地写进文件，写的时候也不占内存。"""
    array = np.lib.format.open_memmap(folder / f"{rows}.npy", "w+", np.float32, (rows, 256))
    for start in range(0, rows, 1000):
        array[start : start + 1000] = np.random.default_rng(start).standard_normal((1000, 256), np.float32)
    return folder / f"{rows}.npy"

paths = {rows: write(rows) for rows in (4_000, 16_000, 64_000)}
print("文件大小 MB：", {rows: round(path.stat().st_size / 1e6) for rows, path in paths.items()})
assert paths[64_000].stat().st_size > 65e6

# %% datasets
class InMemory(Dataset):
    def __init__(self, path):
        self.X = np.load(path)  # 全部读进来

    def __len__(self):
        return len(self.X)

    def __getitem__(self, i):
        return torch.from_numpy(np.array(self.X[i]))  # 只复制这一行

class OnDisk(InMemory):
    def __init__(self, path):
        self.X = np.load(path, mmap_mode="r")  # 只打开，不读

def one_epoch(dataset):
    torch.manual_seed(0)
    return [batch.sum(0) for batch in DataLoader(dataset, batch_size=500, shuffle=True)]

a, b = (one_epoch(kind(paths[4_000])) for kind in (InMemory, OnDisk))
print("打乱读取，各批次相同：", all(map(torch.equal, a, b)))
assert len(a) == 8 and all(map(torch.equal, a, b))

# %% peak caption="打乱着读一遍（DataLoader，shuffle=True）时 Python 与 NumPy 分配的峰值内存。全部读入时与文件一样大；留在硬盘上时小得多，但也在增长：打乱要存下所有样本的下标。"
import matplotlib.pyplot as plt

def peak(kind, path):
    tracemalloc.start()
    for _ in DataLoader(kind(path), batch_size=500, shuffle=True):
        pass
    used = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return used / 1e6

used = {kind.__name__: [peak(kind, path) for path in paths.values()] for kind in (InMemory, OnDisk)}
sizes = [path.stat().st_size / 1e6 for path in paths.values()]
fig, ax = plt.subplots(figsize=(5.2, 2.6))
for name, label, style in (("InMemory", "全部读入", "o-"), ("OnDisk", "内存映射", "s--")):
    ax.loglog(sizes, used[name], style, label=label)
ax.set(title="打乱着读一遍要多少内存", xlabel="文件大小 MB", ylabel="峰值内存 MB")
ax.set_xticks(sizes, [f"{size:.0f}" for size in sizes])
ax.minorticks_off()
ax.legend()
assert used["InMemory"][-1] > 0.95 * sizes[-1] and used["OnDisk"][-1] < sizes[-1] / 10
per_sample = (used["OnDisk"][-1] - used["OnDisk"][0]) * 1e6 / 60_000
print(f"留在硬盘上，每个样本还要约 {per_sample / 10:.0f}0 字节的下标，样本本身 1,024 字节")
assert 15 < per_sample < 100  # 与总量有关，只是系数小

# %% limit
import subprocess, sys

CHILD = """
import re, resource, sys
import numpy as np
status = open("/proc/self/status").read()
limit = int(re.search(r"VmData:\\s+(\\d+)", status)[1]) * 1024 + 20 * 2**20
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))  # 只许再分配 20 MB
X = np.load(sys.argv[1], mmap_mode=None if sys.argv[2] == "全部读入" else "r")
X = X.astype("float32", copy=True) if sys.argv[2] == "内存映射后又复制" else X
print(sum(float(X[i : i + 500].sum()) for i in range(0, len(X), 500)))
"""
ends = {}
for rows, how in [(4_000, "全部读入"), (64_000, "全部读入"), (64_000, "内存映射"), (64_000, "内存映射后又复制")]:
    run = subprocess.run([sys.executable, "-c", CHILD, paths[rows], how], capture_output=True, text=True)
    ends[rows, how] = "读完" if run.returncode == 0 else run.stderr.strip().splitlines()[-1].split(":")[0].split(".")[-1]
    print(f"只有 20 MB，{rows:,} 行，{how}：{ends[rows, how]}")
assert ends[4_000, "全部读入"] == ends[64_000, "内存映射"] == "读完"
assert "MemoryError" in ends[64_000, "全部读入"] and "MemoryError" in ends[64_000, "内存映射后又复制"]

# %% stream
class Stream(IterableDataset):
    """从头读到尾的数据（日志、网络流）；每个工作进程都会拿到它的一份。"""

    def __init__(self, n, share):
        self.n, self.share = n, share

    def __iter__(self):
        info = get_worker_info()
        skip = (info.id, info.num_workers) if info and self.share else (0, 1)
        return iter(range(skip[0], self.n, skip[1]))

naive, shared = (sorted(int(x) for x in DataLoader(Stream(8, share), batch_size=None, num_workers=2))
                 for share in (False, True))
print("两个工作进程，不分工：", naive)
print("两个工作进程，各读一半：", shared)
assert naive == sorted([*range(8)] * 2) and shared == list(range(8))

# %% buffer
def buffered(n, size, seed):
    """流不能整体打乱：只能在一个缓冲区里随机取。"""
    generator, buffer, order = np.random.default_rng(seed), [], []
    for i in range(n):
        buffer.append(i)
        if len(buffer) == size:
            order.append(buffer.pop(generator.integers(size)))
    return np.array(order + list(generator.permutation(buffer)))

links = {size: np.mean([np.corrcoef(np.arange(1000), buffered(1000, size, s))[0, 1] for s in range(5)])
         for size in (1, 10, 100, 1000)}
print("缓冲区大小 → 次序与原来的相关系数：", {k: round(float(v), 2) for k, v in links.items()})
assert links[1] == 1 and links[100] > 0.9 and abs(links[1000]) < 0.1
