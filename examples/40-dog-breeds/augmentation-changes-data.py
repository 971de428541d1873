"""图像增广是用变换后的图片训练吗？样本会变多吗？

要检验的说法：用变换后的图片训练，数量不变；增广相当于有了更多数据。
能推翻它的结果：原图照样进入网络；一轮的样本数变了；训练再久，见到的不同图片也不增加；增广追上了真的更多数据。
"""

# %% dataset
import torch
from sklearn.datasets import load_sample_image
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

torch.manual_seed(0)
china = torch.tensor(load_sample_image("china.jpg")).permute(2, 0, 1)
patches = [china[:, i:i + 32, j:j + 32] for i, j in torch.randint(390, (40, 2)).tolist()]
before = torch.stack(patches)

class Patches(Dataset):
    def __init__(self, images, transform):
        self.images, self.transform = images, transform

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        return self.transform(self.images[i])  # 取到才变换；存着的是原图

# %% epochs caption="40 张照片小块训练 20 轮，网络一共见过多少张不同的图。不增广永远是 40 张；翻转至多 80 张；离线存 4 份是 160 张；随机裁剪几乎每次都是新的。"
import matplotlib.pyplot as plt

flip, crop = v2.RandomHorizontalFlip(), v2.RandomResizedCrop(32, scale=(0.3, 1))
arms = {name: Patches(patches, t) for name, t in (("不增广", v2.Identity()), ("随机翻转", flip), ("随机裁剪", crop))}
arms["离线存 4 份"] = Patches([crop(x) for x in patches for _ in range(4)], v2.Identity())
originals = {x.numpy().tobytes() for x in patches}
distinct, fig = {}, plt.figure(figsize=(5.2, 2.8))
for (name, dataset), style in zip(arms.items(), ("-", "--", "o-", ":")):
    seen, curve, untouched = set(), [], 0
    for epoch in range(20):
        one_epoch = [x.numpy().tobytes() for X in DataLoader(dataset, 10, shuffle=True) for x in X]
        untouched += sum(x in originals for x in one_epoch)
        seen.update(one_epoch)
        curve.append(len(seen))
    distinct[name] = len(one_epoch), len(seen), untouched / (20 * len(one_epoch))
    plt.plot(range(1, 21), curve, style, label=name)
    print(f"{name}：一轮 {len(one_epoch)} 张，20 轮共 {len(seen)} 张不同的，其中是原图的占 {distinct[name][2]:.0%}")
plt.title("不同的图片有多少张"), plt.xlabel("训练轮数"), plt.ylabel("不同的图片数"), plt.legend()
assert [v[0] for v in distinct.values()] == [40, 40, 40, 160]  # 在线增广一轮的个数不变；离线的变了
assert distinct["不增广"][1] == 40 and distinct["随机翻转"][1] <= 80 and distinct["随机裁剪"][1] > 700
assert 0.4 < distinct["随机翻转"][2] < 0.6 and distinct["随机裁剪"][2] < 0.01
assert torch.equal(torch.stack(patches), before)  # 存着的原图没有被改动

# %% labels
from torchvision import tv_tensors

box = torch.tensor([[2, 3, 10, 20]])  # 左上、右下 (x1, y1, x2, y2)
typed = tv_tensors.BoundingBoxes(box, format="XYXY", canvas_size=(32, 32))
mirror = v2.RandomHorizontalFlip(p=1.0)
_, follows = mirror(tv_tensors.Image(patches[0]), typed)
_, stays = mirror(tv_tensors.Image(patches[0]), box)  # 普通张量：不知道它是框，原样返回
print("框，包成 tv_tensors：", box[0].tolist(), "→", follows[0].tolist())
print("框，普通张量：      ", box[0].tolist(), "→", stays[0].tolist())
assert follows[0].tolist() == [22, 3, 30, 20] and torch.equal(stays, box)

copies = patches[0].repeat(64, 1, 1, 1)  # 同一张图的 64 份，装成一批 (64, 3, 32, 32)
at_once, one_by_one = len(crop(copies).unique(dim=0)), len({crop(x).numpy().tobytes() for x in copies})
print(f"整批变换一次，得到 {at_once} 种结果；逐张变换，得到 {one_by_one} 种")
assert at_once == 1 and one_by_one > 50

# %% digits
from sklearn.datasets import load_digits
from torch.nn.functional import affine_grid, cross_entropy, grid_sample

images, labels = map(torch.tensor, load_digits(return_X_y=True))
order = torch.randperm(1797)
X, y = images[order].float().view(-1, 1, 8, 8) / 16, labels[order]  # 前 1,000 张训练，后 597 张测试
seeds, num_steps, lr = 10, 1000, 0.01
subsets = torch.stack([torch.randperm(1000) for _ in range(seeds)])  # 每个种子自己的 200 张

def augment(X):
    """每张各自随机：旋转至多 15°，缩放至多 10%，平移至多半个像素。"""
    angle, zoom, dx, dy = ((torch.rand(4, len(X)) * 2 - 1) * torch.tensor([[0.26], [0.1], [0.125], [0.125]]))
    c, s = angle.cos() * (1 + zoom), angle.sin() * (1 + zoom)
    theta = torch.stack([c, -s, dx, s, c, dy], 1).view(-1, 2, 3)
    return grid_sample(X, affine_grid(theta, X.shape, align_corners=False), align_corners=False)

# %% train
def train(pool, pool_labels, online):
    """10 个种子一起训练；pool (10, m, 64)。返回参数与每 100 次更新的测试准确率 (10, 10)。"""
    params = [(torch.randn(seeds, a, b) * (2 / a) ** 0.5).requires_grad_() for a, b in ((64, 128), (128, 10))]
    params += [torch.zeros(seeds, 1, b, requires_grad=True) for b in (128, 10)]
    def net(X):
        return torch.baddbmm(params[3], torch.baddbmm(params[2], X, params[0]).relu(), params[1])
    def accuracy(X):
        return (net(X.view(1, -1, 64).expand(seeds, -1, -1)).argmax(2) == y[1200:]).float().mean(1) * 100
    optimizer, history = torch.optim.Adam(params, lr), []
    for step in range(1, num_steps + 1):
        batch = torch.randint(pool.shape[1], (seeds, 50))
        inputs = torch.take_along_dim(pool, batch.unsqueeze(2), 1)  # (10, 50, 64)
        if online:
            inputs = augment(inputs.reshape(-1, 1, 8, 8)).view(seeds, 50, 64)  # 每次取到都重新变换
        loss = cross_entropy(net(inputs).flatten(0, 1), pool_labels.gather(1, batch).flatten()) * seeds
        optimizer.zero_grad(), loss.backward(), optimizer.step()
        if step % 100 == 0:
            with torch.no_grad():
                history.append(accuracy(X[1200:]))
    with torch.no_grad():
        noisy = torch.stack([accuracy(augment(X[1200:])) for _ in range(10)])  # 测试集也增广，重复 10 次
    return torch.stack(history), noisy

# %% compare caption="在 8×8 数字上，更新次数相同，10 个种子的平均与标准误。200 张原图最低；离线多存 4 份变换好的好一些；每次重新变换更好；真的有 1,000 张不同的图，好得多。"
few, many = X[subsets[:, :200]].flatten(2), X[subsets].flatten(2)  # (10, 200, 64) 与 (10, 1000, 64)
stored = torch.cat([few] + [augment(few.view(-1, 1, 8, 8)).view(few.shape) for _ in range(4)], 1)
small = y[subsets[:, :200]]
runs = {"200 张，不增广": (few, small, False), "离线：原图 + 4 份": (stored, small.repeat(1, 5), False),
        "在线增广": (few, small, True), "真的 1,000 张": (many, y[subsets], False)}
fig, ax = plt.subplots(figsize=(5.2, 2.9))
final = {}
for (name, arguments), style in zip(runs.items(), ("s--", "^:", "o-", "v-")):
    history, noisy = train(*arguments)
    ax.errorbar(range(100, num_steps + 1, 100), history.mean(1), history.std(1) / seeds**0.5, fmt=style, label=name)
    final[name], drop, spread = history[-1], history[-1] - noisy.mean(0), noisy.max(0).values - noisy.min(0).values
    print(f"{name}：{history[-1].mean():.1f}；测试图也增广 {noisy.mean():.1f}，重复 10 次相差 {spread.mean():.1f}")
    assert drop.mean() > 2 and spread.min() > 0.5  # 更低，而且每次不一样
ax.set(title="增广不等于更多数据", xlabel="更新次数", ylabel="测试准确率 %", ylim=(91, 99))
ax.legend(ncols=2, loc="upper center")
none, offline, online, real = final.values()
for name, gap in (("在线 − 不增广", online - none), ("在线 − 离线", online - offline), ("真的 − 在线", real - online)):
    print(f"{name}：{gap.mean():+.1f} ± {gap.std() / seeds**0.5:.1f}")
    assert gap.mean() > 0.3
