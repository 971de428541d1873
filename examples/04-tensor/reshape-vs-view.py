"""reshape() 和 view() 有什么区别？

要检验的说法：换形状时，view() 从不复制，做不到就报错；reshape() 能不复制就不复制。
能推翻它的结果：view() 复制了一次；或者 view() 能做到，reshape() 却复制了。
"""

# %% minimal label="怎么写"
import torch

x = torch.arange(6)  # (6,)
a = x.view(2, 3)  # (2, 3) 同一块存储，换个形状来看
b = x.reshape(2, 3)  # (2, 3) 这里 reshape 也没有复制
c = x.reshape(2, 3).clone()  # (2, 3) 要副本，就写 clone()

b[0, 0] = 100  # 改的是 reshape 的结果
print("x =", x.tolist(), "，跟着变了")
print("a =", a.tolist(), "，跟着变了")
print("c =", c.tolist(), "，没有变")

assert a.data_ptr() == x.data_ptr() and a[0, 0] == 100  # 证据：view 共享存储
assert b.data_ptr() == x.data_ptr()  # 证据：reshape 没有复制
assert x[0] == 100  # 证据：改一个，另一个也变
assert c[0, 0] == 0  # 证据：clone 才是副本

# %% transposed label="转置以后"
t = x.view(2, 3).t()  # (3, 2) 转置不搬数据，只交换步长

try:
    t.view(6)
except RuntimeError as error:
    message = str(error)
    print("t.view(6)：", message)

flat = t.reshape(6)  # 步长接不上，只好复制一份
flat[0] = -1
print("flat =", flat.tolist())
print("t    =", t.flatten().tolist(), "，没有变")

assert "at least one dimension spans across" in message  # 证据：步长接不上就报错
# 证据：reshape 复制了
assert flat.data_ptr() != t.data_ptr() and flat[0] == -1 and t[0, 0] == 100

# %% picture caption="切片：下移一步跳过两个位置；转置：向右走反而是大步。" fold="画三个 2×3 的张量"
import matplotlib.pyplot as plt

strip = torch.arange(12)
layouts = {
    "连续": strip[:6].view(2, 3),
    "切片": strip.view(2, 6)[:, :3],
    "转置": strip[:6].view(3, 2).t(),
}

fig, axes = plt.subplots(1, 3, figsize=(4.4, 1.9))
for ax, (name, layout) in zip(axes, layouts.items()):
    ax.imshow(layout, cmap="Blues", vmin=-4, vmax=16)
    for i in range(2):
        for j in range(3):
            ax.text(j, i, layout[i, j].item(), ha="center", va="center")
    ax.set(title=f"{name} {layout.stride()}", xticks=[], yticks=[])
    ax.grid(False)
fig.suptitle("每个元素的存储位置与步长", fontsize=10)

assert [layout.stride() for layout in layouts.values()] == [(3, 1), (6, 1), (1, 2)]

# %% not-contiguous label="不连续也能 view"
y = layouts["切片"]  # (2, 3) 步长 (6, 1)，不连续
z = y.view(2, 3, 1)  # (2, 3, 1) 照样成功：没有合并任何轴
print("连续吗：", y.is_contiguous(), "；view(2, 3, 1) 的步长：", z.stride())
print("reshape 复制了吗：   ", y.reshape(2, 3, 1).data_ptr() != y.data_ptr())
print("contiguous 复制了吗：", y.contiguous().data_ptr() != y.data_ptr())

assert not y.is_contiguous()
assert z.data_ptr() == y.data_ptr()  # 证据：不连续也能 view
assert y.contiguous().data_ptr() != y.data_ptr()  # 证据：contiguous 复制而 reshape 不

# %% minus-one label="-1 与元素个数"
print("view(3, -1)    →", tuple(x.view(3, -1).shape))
print("reshape(3, -1) →", tuple(x.reshape(3, -1).shape))

refused = {}
for name in ("view", "reshape"):
    for shape in [(2,), (2, -1, -1)]:  # 只写一部分大小；写两个 -1
        try:
            getattr(x, name)(*shape)
        except RuntimeError as error:
            refused[name, shape] = str(error)
            print(f"{name}{shape}：{error}")

assert x.view(3, -1).shape == (3, 2)  # 证据：view 支持 -1
assert x.reshape(3, -1).shape == (3, 2)  # 证据：reshape 支持 -1
assert ("reshape", (2,)) in refused  # 证据：只写一部分大小会报错
assert refused["view", (2,)] == refused["reshape", (2,)]  # 证据：对个数的要求一样

# %% rule label="全部试一遍" fold="把规则写成代码，与 view() 逐个对照"
import itertools


def segments(tensor):
    """把步长接得上的相邻轴并成一段，返回每段的元素个数。"""
    merged = []
    for size, stride in zip(tensor.shape, tensor.stride()):
        if size == 1:  # 只有一个元素的轴，步长用不上
            continue
        if merged and merged[-1][1] == size * stride:  # 内层走完一圈 = 外层走一步
            merged[-1] = (merged[-1][0] * size, stride)
        else:
            merged.append((size, stride))
    return [size for size, _ in merged]


def can_view(tensor, shape):
    """新形状从左到右恰好把每一段分完，就不必搬动数据。"""
    sizes = [size for size in shape if size != 1]
    for total in segments(tensor):
        product = 1
        while sizes and product < total:
            product *= sizes.pop(0)
        if product != total:
            return False
    return True


base = torch.arange(48).view(2, 3, 8)
sources = []
for order in itertools.permutations(range(3)):
    sources.append(base[:, :, :4].permute(order))  # 切片
    sources.append(base[:, :, ::2].permute(order))  # 隔一个取一个
    sources.append(base[:, :, :4].contiguous().permute(order))  # 只是转置
    repeated = torch.arange(6).view(2, 3, 1).expand(2, 3, 4)  # 步长 0
    sources.append(repeated.permute(order))
sources.append(torch.arange(48).view(24, 2)[:, :1])  # 大小为 1 的轴

sizes = (1, 2, 3, 4, 6, 8, 12, 24)
shapes = [
    shape
    for n in (1, 2, 3, 4)
    for shape in itertools.product(sizes, repeat=n)
    if torch.Size(shape).numel() == 24
]

viewed = copied = rule_wrong = reshape_wrong = values_wrong = 0
for source, shape in itertools.product(sources, shapes):
    reshaped = source.reshape(shape)
    try:
        view = source.view(shape)
        works = True
    except RuntimeError:
        works = False
    shares = reshaped.data_ptr() == source.data_ptr()
    viewed += works
    copied += not shares
    rule_wrong += works != can_view(source, shape)
    reshape_wrong += works != shares
    values_wrong += not torch.equal(reshaped, source.contiguous().view(shape))
    if works:
        assert view.data_ptr() == source.data_ptr()  # 证据：view 从不复制

print(f"{len(sources)} 个张量 × {len(shapes)} 种形状")
print(f"view 成功 {viewed} 次，报错 {copied} 次")
print("与步长的规则不符：", rule_wrong, "次")
print("view 成功而 reshape 复制了，或反过来：", reshape_wrong, "次")
print("reshape 的值与 contiguous().view() 不同：", values_wrong, "次")

assert viewed > 500 and copied > 500
assert rule_wrong == 0  # 证据：步长接得上才能 view
assert reshape_wrong == 0  # 证据：reshape 能不复制就不复制
assert values_wrong == 0  # 证据：任意形状的张量都能 reshape

# %% which label="各种写法" fold="每种写法各试一个连续的和一个转置的张量"
ways = {
    "x.view(6)": lambda x: x.view(6),
    "x.reshape(6)": lambda x: x.reshape(6),
    "x.flatten()": lambda x: x.flatten(),
    "x.contiguous().view(6)": lambda x: x.contiguous().view(6),
    "x.reshape(6).clone()": lambda x: x.reshape(6).clone(),
    "x.unsqueeze(0)": lambda x: x.unsqueeze(0),
    "x.transpose(0, 1)": lambda x: x.transpose(0, 1),
}


def outcome(way, tensor):
    """试一次，说出是同一块存储、副本还是报错。"""
    try:
        return "共享" if way(tensor).data_ptr() == tensor.data_ptr() else "副本"
    except RuntimeError:
        return "报错"


straight = torch.arange(6).view(2, 3)
found = {name: (outcome(way, straight), outcome(way, t)) for name, way in ways.items()}
print("| 写法 | 连续的张量 | 转置过的张量 |")
print("|---|---|---|")
for name, (first, second) in found.items():
    print(f"| `{name}` | {first} | {second} |")

assert found["x.flatten()"] == found["x.reshape(6)"] == ("共享", "副本")
assert found["x.view(6)"] == ("共享", "报错")

# %% dtype label="view 的另一个意思"
ones = torch.ones(2)
bits = ones.view(torch.int32)  # 不改形状，把同样的字节当作另一种类型来读
print("1.0 的字节当作整数：", bits.tolist())

try:
    ones.reshape(torch.int32)
except TypeError as error:
    print("reshape 没有这种用法：", str(error).splitlines()[0])

assert bits.data_ptr() == ones.data_ptr() and bits[0] == 0x3F800000
