"""PyTorch 的 tensor 和 NumPy 的 array 有什么区别？

要检验的说法：作为 n 维数组两者相通，可以共享同一块内存；多出来的是自动求导与设备，默认精度也不同。
能推翻它的结果：from_numpy() 复制了数据；两者默认精度相同；需要梯度的张量可以直接变成数组。
"""

# %% types
import numpy as np
import torch

a, x = np.array([1.5, 2.5]), torch.tensor([1.5, 2.5])
print("数组：", type(a).__name__, a.dtype)
print("张量：", type(x).__name__, x.dtype, "，x.type() 是", x.type())
print("整数张量：", type(torch.tensor([1])).__name__, torch.tensor([1]).dtype)
print("torch.FloatTensor 是 torch.Tensor 的子类：", issubclass(torch.FloatTensor, torch.Tensor))

assert type(a) is np.ndarray
assert type(x) is type(torch.tensor([1])) is torch.Tensor  # 元素类型不同，Python 类型相同
assert x.dtype == torch.float32 and x.type() == "torch.FloatTensor"
assert not issubclass(torch.FloatTensor, torch.Tensor)
assert isinstance(x, torch.FloatTensor) and not isinstance(x.double(), torch.FloatTensor)  # 只看 dtype 和设备
assert issubclass(torch.nn.Parameter, torch.Tensor)  # 真正的派生类是这样的

# %% memory
shared, copied = torch.from_numpy(a), torch.tensor(a)
a[0] = 100  # 改的是 NumPy 数组
print("from_numpy：", shared)
print("torch.tensor：", copied)

shared[1] = -1  # 反过来，改的是张量
print("数组 a：", a, "，同一块内存：", np.shares_memory(a, shared.numpy()))

assert shared[0] == 100 and a[1] == -1
assert np.shares_memory(a, shared.numpy())
back = shared.numpy()
back[0] = 7  # numpy() 也只换一层包装
assert shared[0] == 7 and a[0] == 7
assert torch.as_tensor(a).data_ptr() == a.ctypes.data  # 能共享就共享
assert torch.as_tensor(a, dtype=torch.float32).data_ptr() != a.ctypes.data  # 要换 dtype，只好复制
assert copied[0] == 1.5 and not np.shares_memory(a, copied.numpy())
assert np.array_equal(np.matmul(a, a), (shared @ shared).numpy())  # 同样的数，同样的结果

# %% dtype
print("np.array([0.1]) 的 dtype：    ", np.array([0.1]).dtype)
print("torch.tensor([0.1]) 的 dtype：", torch.tensor([0.1]).dtype)
print("from_numpy 保留数组的 dtype：", torch.from_numpy(np.array([0.1])).dtype)

layer = torch.nn.Linear(2, 1)  # 参数是 float32
try:
    layer(torch.from_numpy(np.array([0.1, 0.2])))
except RuntimeError as error:
    message = str(error)
    print("RuntimeError：", message)

assert np.array([0.1]).dtype == np.float64 and torch.tensor([0.1]).dtype == torch.float32
assert torch.from_numpy(np.array([0.1])).dtype == torch.float64
assert "must have the same dtype" in message

# %% precision caption="相邻两个可表示的数之间的距离。灰色点线是 1：越过它的数连个位都数不准。float32（PyTorch 的默认）在 2²⁴≈1.7×10⁷ 处越过，float64（NumPy 的默认）直到 2⁵³≈9×10¹⁵。"
import matplotlib.pyplot as plt

values = 2.0 ** np.arange(0, 61)
fig, ax = plt.subplots(figsize=(5.2, 2.8))
ax.loglog(values, np.spacing(values.astype(np.float32)), label="float32（PyTorch 默认）")
ax.loglog(values, np.spacing(values), "--", label="float64（NumPy 默认）")
ax.axhline(1, color="gray", linestyle=":", linewidth=1)
ax.set(title="默认精度能分辨多小的差别", xlabel="数的大小", ylabel="到下一个数的距离")
ax.legend()

big = 2.0**24
print("2²⁴ + 1 等于 2²⁴：张量", (torch.tensor(big) + 1 == big).item(), "，数组", np.array([big])[0] + 1 == big)
assert torch.tensor([big]) + 1 == big and np.array([big]) + 1 != big

# %% device
moved = x.to("meta")  # meta 设备只有形状没有数据，任何机器上都有
print("x 在", x.device, "，x.to('meta') 在", moved.device)
print("已经在那里时，to() 返回它自己：", x.to("cpu") is x)
try:
    moved.numpy()  # 在 GPU 上报错也是这一句，只是 meta 换成 cuda:0
except TypeError as error:
    stranded = str(error)
    print("TypeError：", stranded)
try:
    np.asarray([1.0], device="cuda")
except ValueError as error:
    refusal = str(error)
    print("np.asarray(…, device='cuda')：", refusal)

assert moved.device.type == "meta" and x.device.type == "cpu"  # x 没有被移动
assert x.to("cpu") is x
assert "cpu" in refusal and "device type tensor to numpy" in stranded

# %% grad raises="RuntimeError"
w = torch.ones(2, requires_grad=True)
(w * 3).sum().backward()
assert torch.equal(w.grad, torch.tensor([3.0, 3.0]))  # 张量记得自己从哪里来，数组不记得
assert not hasattr(a, "grad")
assert np.array_equal(w.detach().numpy(), [1, 1]) and w.detach().data_ptr() == w.data_ptr()
w.numpy()
