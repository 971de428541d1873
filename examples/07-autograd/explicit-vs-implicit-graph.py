"""显式构造和隐式构造计算图有什么区别？

要检验的说法：隐式构造边执行边记录，图随输入的值变化；显式构造先有图后有值，图固定、能整体优化，两者梯度相同。
能推翻它的结果：同一段程序记录的图与输入无关；Python 的 while 不改写就能进入显式的图；两者的梯度不同。
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
from torch.func import grad
from torch.fx.experimental.proxy_tensor import make_fx

# 连求导也写进图里：fake 模式只给形状和 dtype，不计算任何值
grad_graph = make_fx(grad(f), tracing_mode="fake")(torch.tensor(0.0))
steps = [node.name for node in grad_graph.graph.nodes if node.op == "call_function"]
print("梯度的图：", steps)

values = torch.linspace(-3, 3, 101)
tape, planned = [], []
for value in values:
    a = value.clone().requires_grad_()
    f(a).backward()  # 隐式：边执行边记录，再往回走
    tape.append(a.grad)
    planned.append(grad_graph(value))  # 显式：只是照图计算，没有 requires_grad，也不记录
tape, planned = torch.stack(tape), torch.stack(planned)
print("101 个点上两种梯度相同：", torch.allclose(tape, planned))
assert "cos" in steps and not planned.requires_grad
torch.testing.assert_close(tape, planned)
torch.testing.assert_close(planned, torch.cos(values**2) * 2 * values)  # 不只是彼此相同，而且是对的

# %% optimise
from torch.utils.flop_counter import FlopCounterMode


def wasteful(x):
    (x @ x).sum()  # 结果没有人用
    return x * 2


def flops(run):
    with FlopCounterMode(display=False) as counter:
        run(torch.ones(64, 64))
    return counter.get_total_flops()


whole = fx.symbolic_trace(wasteful)
before = len(whole.graph.nodes)
whole.graph.eliminate_dead_code()  # 看得到整张图，才知道什么没有用
whole.recompile()
print("节点数：", before, "→", len(whole.graph.nodes))
print("矩阵乘的运算次数：隐式", flops(wasteful), "，优化后的图", flops(whole))

assert before == 5 and len(whole.graph.nodes) == 3
assert flops(wasteful) == 2 * 64**3 and flops(whole) == 0  # 隐式照做不误
assert torch.equal(whole(torch.ones(2, 2)), wasteful(torch.ones(2, 2)))

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


# %% graph-loop
def double_in_graph(x):
    return torch.while_loop(lambda x: x <= 1000, lambda x: (x * 2,), (x,))[0]


loop_graph = make_fx(double_in_graph, tracing_mode="fake")(torch.tensor(0.0))
print("图里的节点：", [node.name for node in loop_graph.graph.nodes if node.op == "call_function"])
outputs = [loop_graph(torch.tensor(v)).item() for v in (1.0, 3.0, 5000.0)]
print("输入 1、3、5000 →", outputs)  # 同一张图，循环次数不同

assert outputs == [double_until_large(torch.tensor(v)).item() for v in (1.0, 3.0, 5000.0)]
assert sum("while_loop" == node.name for node in loop_graph.graph.nodes) == 1

# %% control-flow raises="TraceError"
fx.symbolic_trace(double_until_large)
