"""网络的“一层”是什么？层数怎么数？

要检验的说法：层数是从输入到输出最多要经过几次带权重的变换（线性层或卷积层），而不是有多少份权重。
能推翻它的结果：五个以层数闻名的网络（VGG-16、ResNet-18 等）里有一个，这样数出来与论文里的数字不同。
"""

# %% mlp
from torch import fx, nn


def depth(net):
    """从输入到输出，最多要经过几次 Linear 或 Conv2d：在计算图上求最长的路。"""
    graph, passed = fx.symbolic_trace(net).graph, {}
    for node in graph.nodes:  # 节点已按先后排好
        module = net.get_submodule(node.target) if node.op == "call_module" else None
        before = max((passed[i] for i in node.all_input_nodes), default=0)
        passed[node] = before + isinstance(module, nn.Linear | nn.Conv2d)
    return max(passed.values())


net = nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))  # 课程里的 MLP
print("len(net)：", len(net), "；parameters() 的个数：", len(list(net.parameters())))
print("层数：", depth(net), "；其中隐藏层：", depth(net) - 1)

assert len(net) == 4 and len(list(net.parameters())) == 4  # 两个 weight，两个 bias
assert depth(net) == 2 == sum(isinstance(m, nn.Linear) for m in net)

# %% collapse
import torch

torch.manual_seed(0)
first, second = nn.Linear(8, 16).double(), nn.Linear(16, 3).double()
X = torch.randn(100, 8, dtype=torch.float64)
merged = nn.Linear(8, 3).double()
with torch.no_grad():
    merged.weight.copy_(second.weight @ first.weight)  # (3, 16) @ (16, 8)
    merged.bias.copy_(second.weight @ first.bias + second.bias)
    plain, with_relu, one = second(first(X)), second(first(X).relu()), merged(X)
print("两个线性层与合并成的一层，输出相同：", torch.allclose(plain, one))
A = torch.cat([X, torch.ones(100, 1)], 1)
best = A @ torch.linalg.lstsq(A, with_relu).solution  # 任何单独一个线性层能做到的最好
left = (with_relu - best).square().sum() / (with_relu - with_relu.mean(0)).square().sum()
print(f"中间有 ReLU：最好的一层也还剩 {left:.0%} 的方差解释不了")

torch.testing.assert_close(plain, one)
assert left > 0.05

# %% shared
import copy

fc = nn.Linear(8, 8).double()
tied = nn.Sequential(fc, nn.ReLU(), fc, nn.ReLU(), fc)  # 同一份权重用三次
untied = nn.Sequential(*(copy.deepcopy(m) for m in tied))  # 三份权重，值都相同
for n in (tied, untied):
    n(X).square().sum().backward()
print("层数：", depth(tied), depth(untied), "；权重的份数：", len(list(tied.parameters())) // 2, len(untied[::2]))
assert depth(tied) == depth(untied) == 3 and len(list(tied.parameters())) == 2
torch.testing.assert_close(tied(X), untied(X))  # 同一个函数，都是三层；共享时梯度是三处之和
torch.testing.assert_close(fc.weight.grad, sum(layer.weight.grad for layer in untied[::2]))

# %% published
from torchvision import models

named = {"vgg16": 16, "resnet18": 18, "googlenet": 22, "resnet50": 50, "densenet121": 121}  # 论文里的层数
options = {"vgg16": {"init_weights": False}, "googlenet": {"init_weights": False, "aux_logits": False}}
counts = {}
for name in named:
    with torch.device("meta"):  # 只要结构，不分配权重
        n = getattr(models, name)(weights=None, **options.get(name, {}))
    leaves = [m for m in n.modules() if not list(m.children())]
    weighted = sum(isinstance(m, nn.Linear | nn.Conv2d) for m in leaves)
    having = sum(bool(list(m.parameters())) for m in leaves)
    counts[name] = (depth(n), weighted, having, len(leaves), len(list(n.parameters())))
    print(f"{name:11} 最长的路 {depth(n):3d}，卷积和线性层 {weighted:3d}，带参数的模块 {having:3d}，全部模块 {len(leaves):3d}")
assert all(counts[name][0] == number for name, number in named.items())  # 一个不差
assert counts["vgg16"][1] == 16 and counts["vgg16"][4] == 2 * 16  # 一条链，没有归一化：怎么数都一样
assert counts["resnet18"][1] == 18 + 3 and counts["googlenet"][1] == 58  # 有分支，权重层比层数多
assert counts["resnet18"][2] == 41 and counts["densenet121"][2] == 2 * 121  # 归一化层也带参数，但不算
assert counts["resnet18"][4] == 62 != 2 * 18 and all(c[3] > named[n] for n, c in counts.items())

# %% plot caption="五个以层数闻名的网络，几种数法（对数轴）。最长路径上的卷积和线性层（实心圆）总是正好落在论文给的数（大圆圈）里；把所有卷积和线性层都数上，有分支的 GoogLeNet 和 ResNet 就多了；把归一化也数上，又多出一倍左右（VGG-16 没有归一化）。"
import matplotlib.pyplot as plt

fig, ax = plt.subplots(figsize=(5.2, 2.9))
rows = range(len(named))
ax.plot([c[2] for c in counts.values()], rows, "s", color="C2", label="带参数的模块")
ax.plot([c[1] for c in counts.values()], rows, "^", color="C1", label="卷积和线性层")
ax.plot([c[0] for c in counts.values()], rows, "o", color="C0", markersize=5, label="最长的路")
ax.plot(named.values(), rows, "o", color="C3", markersize=13, fillstyle="none", label="论文里的层数")
ax.set_xscale("log")
ax.set_xticks([20, 50, 100, 200], ["20", "50", "100", "200"])
ax.minorticks_off()
ax.set_yticks(rows, named)
ax.set(title="数层的几种办法", xlabel="数出来的个数", ylim=(-0.6, 5.9))
ax.legend(ncols=2, fontsize=8, loc="upper center")
