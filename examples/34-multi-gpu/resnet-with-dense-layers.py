"""ResNet 的卷积层能不能全部换成全连接层？
要检验的说法：能换（函数上做得到），但大得存不下；小规模上换掉以后泛化变差，主要是没有了权重共享，不是参数多。
能推翻它的结果：卷积写不成全连接；参数比卷积还少的全连接网络泛化得更好；物体到处移动时，全连接与卷积一样好。"""

# %% count
import torch, torchvision
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
with torch.device("meta"):  # 只有形状，没有数据：多大的层都造得出来
    net, X, convs = torchvision.models.resnet18(), torch.empty(1, 3, 224, 224), []
for m in net.modules():
    if isinstance(m, nn.Conv2d):
        m.register_forward_hook(lambda m, X, out: convs.append((m.weight.numel(), X[0].numel(), out.numel())))
with FlopCounterMode(display=False) as flops:
    net(X)
with FlopCounterMode(display=False) as dense_flops, torch.device("meta"):
    dense = [nn.Linear(n_in, n_out, bias=False) for _, n_in, n_out in convs]  # 输入、输出大小与卷积层一样
    for linear in dense:
        linear(torch.empty(1, linear.in_features))
conv_params, dense_params = [n for n, _, _ in convs], [linear.weight.numel() for linear in dense]
more, slower = sum(dense_params) / sum(conv_params), dense_flops.get_total_flops() / flops.get_total_flops()
print(f"{len(convs)} 个卷积层的参数：{sum(conv_params) / 1e6:.1f} 百万，{sum(conv_params) * 4 / 1e6:.0f} MB")
print(f"换成全连接：{sum(dense_params) / 1e9:.0f} 十亿，{sum(dense_params) * 4 / 1e12:.1f} TB，是 {more:,.0f} 倍")
print(f"一张图的计算量是 {slower:.0f} 倍")
assert more > 30_000 and 150 < slower < 300 and sum(dense_params) * 4 > 1e12

# %% layers caption="ResNet-18 的 20 个卷积层，从输入到输出，以及大小相同的全连接层（对数轴）。越靠近输入，特征图越大，换成全连接越离谱；卷积则相反，越深参数越多。"
import matplotlib.pyplot as plt
fig, ax = plt.subplots(figsize=(5.2, 2.6))
for params, style, label in ((dense_params, "s-", "全连接"), (conv_params, "o-", "卷积")):
    ax.semilogy(range(1, 21), params, style, label=label)
ax.set(title="同样的输入、输出大小，一层有多少参数", xlabel="第几个卷积层", ylabel="参数个数")
_ = ax.set(ylim=(1e3, 1e14), xticks=range(1, 21, 3)), ax.legend(ncols=2, loc="upper right")

# %% mixer
def mlp(n, hidden):
    return [nn.LayerNorm(768), nn.Linear(n, hidden), nn.Linear(hidden, n)]
with torch.device("meta"):  # MLP-Mixer-B/16：14×14 块、768 个通道；每层一个 MLP 混合位置，一个混合通道
    layers12 = sum((mlp(196, 384) + mlp(768, 3072) for _ in range(12)), [])
    mixer = nn.ModuleList([nn.Linear(16 * 16 * 3, 768), *layers12, nn.LayerNorm(768), nn.Linear(768, 1000)])
total = sum(p.numel() for p in mixer.parameters())
print(f"MLP-Mixer-B/16：{sum(isinstance(m, nn.Linear) for m in mixer)} 个全连接层，没有卷积，共 {total / 1e6:.1f} 百万参数")
assert total < 6 * sum(conv_params) and not any(isinstance(m, nn.Conv2d) for m in mixer)

# %% equal
from torch.nn.functional import conv2d, cross_entropy
S, C, D = 5, 12, 192  # 5 个种子一起算；12 个通道 × 4×4 = 192
def layer(h, W):  # W 三维是全连接 (种子, 入, 出)，五维是卷积 (种子, 出通道, 入通道, 高, 宽)
    if W.dim() == 3:
        return h @ W
    side, stride = (12, 3) if W.shape[-1] == 5 else (4, 1)
    z = h.transpose(0, 1).reshape(h.shape[1], -1, side, side)  # (批量, 种子 × 通道, 高, 宽)
    z = conv2d(z, W.flatten(0, 1), stride=stride, padding=1, groups=S)
    return z.view(h.shape[1], S, -1).transpose(0, 1)
torch.manual_seed(0)
conv = [torch.randn(S, C, 1, 5, 5) * (2 / 25) ** 0.5,
        *(torch.randn(S, C, C, 3, 3) * (scale / (9 * C)) ** 0.5 for scale in (2, 0.2))]
def unroll(Ks):  # 单位矩阵的每一行送进卷积，出来的就是等价的矩阵
    return [layer(torch.eye(n).expand(S, n, n), K).contiguous() for n, K in zip((144, D, D), Ks)]
as_dense = unroll(conv)
for n, K, W in zip((144, D, D), conv, as_dense):
    x = torch.randn(S, 7, n)
    torch.testing.assert_close(x @ W, layer(x, K), atol=1e-4, rtol=1e-4)  # 同一个函数
    print(f"{K[0].numel()} 个参数的卷积 = {n}×{W.shape[2]} 的矩阵，其中 {(W == 0).float().mean():.0%} 是 0")

# %% data
from sklearn.datasets import load_digits
(images, digits), g = load_digits(return_X_y=True), torch.Generator().manual_seed(0)
order, each = torch.stack([torch.randperm(1797, generator=g) for _ in range(S)]), torch.arange(S)[:, None]
y = torch.tensor(digits)[order]
pixels, data, anywhere = torch.arange(64), {}, torch.randint(5, (2, S, 1797, 1), generator=g)
for name, (top, left) in (("居中", torch.full_like(anywhere, 2)), ("移动", anywhere)):  # 8×8 放进 12×12，训练与测试都是
    places = (top + pixels // 8) * 12 + left + pixels % 8
    data[name] = torch.zeros(S, 1797, 144).scatter_(2, places, torch.tensor(images).float()[order] / 16)

# %% train
def forward(Ws, X):
    h = layer(X, Ws[0]).relu()
    h = (h + layer(layer(h, Ws[1]).relu(), Ws[2])).relu()  # 一个残差块
    pooled = h.view(S, -1, C, 2, 2, 2, 2).mean((4, 6)).flatten(2) if h.shape[2] == D else h  # 四个角各取平均
    return pooled @ Ws[3]
def train(init, X, lr, local=False, num_steps=250):  # 返回训练、验证、测试准确率 (3, 种子)，权重
    torch.manual_seed(1)
    size = 4 * C if init[0].shape[-1] in (5, D) else init[0].shape[-1]
    head = [torch.randn(S, size, 10) / size**0.5] if len(init) == 3 else []  # 训练好的权重带着自己的输出层
    Ws = [W.clone().requires_grad_() for W in [*init, *head]]
    for W in Ws * local:  # 等于 0 的权重一直是 0
        W.register_hook(lambda grad, mask=W.detach() != 0: grad * mask)
    optimizer = torch.optim.Adam(Ws, lr, fused=True)
    for _ in range(num_steps):
        batch = each, torch.randint(300, (S, 32))
        loss = cross_entropy(forward(Ws, X[batch]).flatten(0, 1), y[batch].flatten(), reduction="sum")
        optimizer.zero_grad(), loss.backward(), optimizer.step()
    right = (forward(Ws, X).argmax(2) == y).float() * 100
    return torch.stack([part.mean(1) for part in right.split((300, 300, 1197), 1)]), [W.detach() for W in Ws]

# %% result caption="300 张训练图，测试准确率。圆点：不同宽度的全连接网络，5 个种子的平均；星：卷积，每个种子一颗。数字居中时（上），全连接比卷积参数多三十倍也不差。数字到处移动时（下），卷积高出一大截，而参数最少的全连接最差。"
torch.manual_seed(2)
widths, stages = [12, 24, 64, D], (2, 2, 0.2)
inits = {w: [torch.randn(S, a, w) * (c / a) ** 0.5 for a, c in zip((144, w, w), stages)] for w in widths}
inits |= {"卷积": conv, "局部": as_dense, "像卷积": as_dense}  # 后两者从卷积的矩阵出发，只在“移动”时试
test, fit, trained, params = {}, {}, {}, {k: sum(W[0].numel() for W in init) for k, init in inits.items()}
for place, X in data.items():
    for k, init in list(inits.items())[: 7 if place == "移动" else 5]:
        runs = [train(init, X, lr, k == "局部") for lr in (3e-3, 1e-2)]  # 局部：看得与卷积一样近，但不共享
        (fit[place, k], _, test[place, k]), trained[k] = max(runs, key=lambda run: run[0][1].mean())  # 看验证集
test["移动", "展开"] = train([*unroll(trained["卷积"][:3]), trained["卷积"][3]], X, 3e-3)[0][2]  # 从训练好的卷积出发
fig, ax = plt.subplots(figsize=(5.2, 2.9))
for place, color in (("居中", "C0"), ("移动", "C1")):
    ax.semilogx(*zip(*((params[w], test[place, w].mean()) for w in widths)), color + "o-", label=f"{place}：全连接")
    ax.semilogx([params["卷积"]] * S, test[place, "卷积"], "*", ms=9, color=color, label=f"{place}：卷积")
    print(f"{place}：测试 %", {k: f"{v.mean():.1f} ± {v.std():.1f}" for (p, k), v in test.items() if p == place})
ax.set(title="参数多少不是原因", xlabel="参数个数", ylabel="测试准确率 %", ylim=(20, 100))
_ = ax.legend(fontsize=7, ncols=2)

# %% compare
def better(place, a, b):  # 同一个种子上的差：平均与标准误
    return (d := test[place, a] - test[place, b]).mean(), d.std() / S**0.5
for a, b in (("卷积", D), ("卷积", "局部"), ("卷积", "像卷积"), ("局部", D), ("像卷积", D), ("展开", "卷积")):
    print(f"移动：{a} 减 {b}：{better('移动', a, b)[0]:.1f} ± {better('移动', a, b)[1]:.1f}")
print(f"宽度 {D} 与卷积，训练准确率最低的：{(low := min(fit[p, k].mean() for p, k in fit if k in (D, '卷积'))):.0f}%")
assert low > 95 and (fit["移动", D] - test["移动", D]).mean() > 30  # 训练集几乎都背下了：是过拟合
assert better("居中", D, "卷积")[0] > -1 and better("居中", D, 12)[0] > 1 and better("移动", D, 12)[0] > 8
assert min(better("移动", "卷积", k)[0] for k in (D, "局部", "像卷积")) > 3 and better("移动", "展开", "卷积")[0] > -2
assert params[12] < params["卷积"] < params[D] / 20 and abs(better("移动", "像卷积", D)[0]) < 6
