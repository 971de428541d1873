"""reshape() 和 view() 有什么区别？

要检验的说法：view() 从不复制，做不到就报错；reshape() 能不复制就不复制，做不到才复制。
能推翻它的结果：view() 成功而 reshape() 复制了，或者 view() 报错而 reshape() 没有复制。
"""

# %% storage
import torch

x = torch.arange(6)
v, r = x.view(2, 3), x.reshape(2, 3)
print("view 与 x 同一块存储：   ", v.data_ptr() == x.data_ptr())
print("reshape 与 x 同一块存储：", r.data_ptr() == x.data_ptr())

r[0, 0] = 100  # 改的是 reshape 的结果，x 和 v 也跟着变
print("x =", x)
print("x 的形状没有变：", tuple(x.shape))

assert v.data_ptr() == x.data_ptr() == r.data_ptr()
assert x[0] == 100 and v[0, 0] == 100
assert x.shape == (6,) and r.shape == (2, 3)

# %% minus-one
print("view(3, -1)    →", tuple(x.view(3, -1).shape))
print("reshape(3, -1) →", tuple(x.reshape(3, -1).shape))

errors = {}
for name in ("view", "reshape"):
    for shape in [(4,), (2, -1, -1)]:  # 元素个数对不上；-1 写了两次
        try:
            getattr(x, name)(*shape)
        except RuntimeError as error:
            errors[name, shape] = str(error)
            print(f"{name}{shape}：{error}")

assert x.view(3, -1).shape == x.reshape(3, -1).shape == (3, 2)
assert len(errors) == 4  # 两个函数对形状的要求一模一样

# %% not-contiguous
y = torch.arange(12).view(3, 4)[:, :2]  # 只留左边两列：步长仍是 (4, 1)
print("步长", y.stride(), "，连续：", y.is_contiguous())

z = y.view(3, 2, 1)  # 不连续，view 照样成功：只拆分了一个轴，没有跨行合并
print("view(3, 2, 1) 的步长", z.stride(), "，同一块存储：", z.data_ptr() == y.data_ptr())
print("reshape(3, 2, 1) 同一块存储：", y.reshape(3, 2, 1).data_ptr() == y.data_ptr())
print("contiguous() 同一块存储：    ", y.contiguous().data_ptr() == y.data_ptr())

assert not y.is_contiguous()
assert z.data_ptr() == y.data_ptr() == y.reshape(3, 2, 1).data_ptr()
assert y.contiguous().data_ptr() != y.data_ptr()

# %% copy
t = torch.arange(6).view(2, 3).t()  # (3, 2)，步长 (1, 3)
flat = t.reshape(6)  # 展平要合并两个轴，步长接不上，只好复制
flat[0] = -1
print("reshape 的结果：", flat)
print("原来的 t 没有变：", t.flatten())

assert flat.data_ptr() != t.data_ptr()
assert t[0, 0] == 0 and flat[0] == -1

# %% rule
import itertools

shapes = [s for n in (1, 2, 3, 4) for s in itertools.product((1, 2, 3, 4, 6, 12, 24), repeat=n)
          if torch.Size(s).numel() == 24]
base = torch.arange(48).view(2, 3, 8)[:, :, :4]  # 24 个元素，不连续
sources = [base.permute(p) for p in itertools.permutations(range(3))]
sources += [base.contiguous().permute(p) for p in itertools.permutations(range(3))]

viewable, copied, disagree, unequal = 0, 0, 0, 0
for source, shape in itertools.product(sources, shapes):
    reshaped = source.reshape(shape)
    shares = reshaped.data_ptr() == source.data_ptr()
    unequal += not torch.equal(reshaped, source.contiguous().view(shape))
    try:
        ok = source.view(shape).data_ptr() == source.data_ptr()
    except RuntimeError:
        ok = False
    viewable, copied, disagree = viewable + ok, copied + (not shares), disagree + (ok != shares)
print(f"{len(sources)} 种步长 × {len(shapes)} 种目标形状")
print(f"view 成功 {viewable} 次，reshape 复制 {copied} 次，两者不一致 {disagree} 次")
print(f"reshape 与 contiguous().view() 的值不同 {unequal} 次")

assert viewable > 100 and copied > 100 and disagree == unequal == 0

# %% offsets caption="按行读取 3×4 的张量时，依次经过的存储位置。连续张量是一条直线；切片每到行尾跳一次，但每行之内仍然等距；转置来回跳跃。"
import matplotlib.pyplot as plt

grid = torch.arange(24).view(4, 6)
layouts = {
    "连续": torch.arange(12).view(3, 4),
    "切片 [:3, :4]": grid[:3, :4],  # 步长 (6, 1)
    "转置": torch.arange(12).view(4, 3).t(),  # 步长 (1, 3)
}
fig, ax = plt.subplots(figsize=(5.2, 2.8))
for (label, layout), style in zip(layouts.items(), ("o-", "^:", "s--")):
    ax.plot(layout.flatten(), style, label=label)  # 元素的值就是它的存储位置
ax.set(title="逐个读取元素时的存储位置", xlabel="第几个元素", ylabel="存储位置")
ax.legend()

# %% error raises="RuntimeError"
t.view(6)
