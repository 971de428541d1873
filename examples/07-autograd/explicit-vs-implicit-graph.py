"""显式构造和隐式构造计算图有什么区别？

要检验的说法：隐式构造边执行边记录，图随输入的值变化；显式构造先有图后有值，图固定、能整体优化，两者梯度相同。
能推翻它的结果：没有执行到的分支也被记录；显式的图能容纳取决于值的 if；两者的梯度不同。
"""

# %% implicit
import torch

x = torch.tensor(2.0, requires_grad=True)
print("还没有运算：", x.grad_fn)
y = x * x
print("乘了一次：  ", type(y.grad_fn).__name__, "，值已经算出来：", y.item())
z = y.sin()
print("又取了 sin：", type(z.grad_fn).__name__, "←", type(z.grad_fn.next_functions[0][0]).__name__)

assert x.grad_fn is None and y.item() == 4  # 有值才有图，一次运算记一笔
assert z.grad_fn.next_functions[0][0] is y.grad_fn
assert (x * x).grad_fn is not y.grad_fn  # 再写一遍，就再记一遍

# %% explicit
from torch import fx


def f(x):
    return (x * x).sin()


graph = fx.symbolic_trace(f)  # 没有给任何值，x 只是一个占位符
nodes = [f"{node.op} {node.name}" for node in graph.graph.nodes]
print("图里的节点：", nodes)
print("后来才给值：", round(graph(torch.tensor(2.0)).item(), 4))

assert [node.op for node in graph.graph.nodes] == ["placeholder", "call_function", "call_method", "output"]
assert graph(torch.tensor(2.0)) == f(torch.tensor(2.0))

# %% same
worst = 0.0
for value in torch.linspace(-3, 3, 101):
    a, b = (value.clone().requires_grad_() for _ in range(2))
    f(a).backward()  # 隐式
    graph(b).backward()  # 显式
    worst = max(worst, (a.grad - b.grad).abs().item())
print("101 个点上，两种梯度的最大差：", worst)
exact = torch.cos(value * value) * 2 * value

assert worst == 0
torch.testing.assert_close(a.grad, exact)  # 不只是彼此相同，而且是对的

# %% optimise
def wasteful(x):
    x.exp().sum()  # 结果没有人用
    return x * 2


whole = fx.symbolic_trace(wasteful)
before = len(whole.graph.nodes)
whole.graph.eliminate_dead_code()  # 看得到整张图，才知道什么没有用
whole.recompile()
print("节点数：", before, "→", len(whole.graph.nodes))

assert before == 5 and len(whole.graph.nodes) == 3
assert whole(torch.tensor(3.0)) == wasteful(torch.tensor(3.0)) == 6

# %% depends caption="横轴是输入的值，纵轴是同一段程序这一次记录下来的乘法个数。循环几次由值决定，所以隐式构造的图每次可以不同：1 要乘 10 次才超过 1000，大于 1000 的一次也不用。"
import matplotlib.pyplot as plt


def double_until_large(x):
    while x <= 1000:  # 执行几次，取决于值
        x = x * 2
    return x


def recorded(result):
    count, node = 0, result.grad_fn
    while type(node).__name__ == "MulBackward0":
        count, node = count + 1, node.next_functions[0][0]
    return count


inputs = torch.logspace(0, 3.3, 60)
counts = [recorded(double_until_large(v.clone().requires_grad_())) for v in inputs]
fig, ax = plt.subplots(figsize=(5.2, 2.6))
ax.semilogx(inputs, counts, drawstyle="steps-post")
ax.set(title="同一段程序，图的大小随输入而变", xlabel="输入的值", ylabel="记录的乘法个数")
assert counts[0] == 10 and counts[-1] == 0

# %% control-flow raises="TraceError"
fx.symbolic_trace(double_until_large)
