"""The nets of the side-by-side runs in PyTorch: the same layers as CnnSharp's models of the same names, and two that are exported to ONNX."""
from torch import nn
from torch.nn import functional as F


def lenet5():
    """LeCun et al. 1998 in today's form: ReLU, max pooling, softmax; for images of three channels."""
    return nn.Sequential(
        nn.Conv2d(3, 6, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16 * 5 * 5, 120), nn.ReLU(),
        nn.Linear(120, 84), nn.ReLU(),
        nn.Linear(84, 10),
    )


class ResidualUnit(nn.Module):
    """He et al. 2015, figure 2; where the shape changes, the shortcut is a 1x1 convolution (option B)."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = F.relu(self.norm1(self.conv1(x)), inplace=True)
        return F.relu(self.norm2(self.conv2(y)) + self.shortcut(x), inplace=True)


def residual(widths, units):
    """A 3x3 convolution, a stage of units for each width, the later ones at half the extents, and the average of what is left."""
    layers = [nn.Conv2d(3, widths[0], 3, 1, 1, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU(inplace=True)]
    inputs = widths[0]
    for stage, outputs in enumerate(widths):
        for unit in range(units):
            layers.append(ResidualUnit(inputs, outputs, 2 if unit == 0 and stage > 0 else 1))
            inputs = outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, 10))


def resnet20():
    """He et al. 2015, section 4.2, n = 3."""
    return residual((16, 32, 64), 3)


def resnet18_cifar():
    """He et al. 2015, table 1, 18 layers, in its form for small images."""
    return residual((64, 128, 256, 512), 2)


def vgg16_cifar():
    """Simonyan and Zisserman 2014, configuration D, with batch normalization; 512 channels go to the classes at once."""
    layers, inputs = [], 3
    for outputs, convolutions in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(convolutions):
            layers += [nn.Conv2d(inputs, outputs, 3, 1, 1), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
            inputs = outputs
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(512, 10))


def norm(inputs, outputs, kernel, stride, activation, groups=1):
    """A convolution without bias, batch normalization, an activation where there is one."""
    layers = [nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(outputs)]
    return nn.Sequential(*layers, activation(inplace=True)) if activation else nn.Sequential(*layers)


class Sum(nn.Module):
    """body(x) + shortcut(x), rectified if so."""

    def __init__(self, body, shortcut=None, rectify=False):
        super().__init__()
        self.body = body
        self.shortcut = shortcut or nn.Identity()
        self.rectify = rectify

    def forward(self, x):
        y = self.body(x) + self.shortcut(x)
        return F.relu(y, inplace=True) if self.rectify else y


def resnet50():
    """He et al. 2015, table 1, 50 layers, the stride in the 3x3 convolution."""
    layers, inputs = [norm(3, 64, 7, 2, nn.ReLU), nn.MaxPool2d(3, 2, 1)], 64
    for width, units in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for unit in range(units):
            stride = 2 if unit == 0 and width != 64 else 1
            body = nn.Sequential(norm(inputs, width, 1, 1, nn.ReLU), norm(width, width, 3, stride, nn.ReLU), norm(width, 4 * width, 1, 1, None))
            layers.append(Sum(body, None if inputs == 4 * width else norm(inputs, 4 * width, 1, stride, None), rectify=True))
            inputs = 4 * width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, 1000))


def alexnet():
    """Krizhevsky 2014, one tower."""
    return nn.Sequential(
        nn.Conv2d(3, 64, 11, 4, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2),
        nn.Conv2d(64, 192, 5, 1, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2),
        nn.Conv2d(192, 384, 3, 1, 1), nn.ReLU(inplace=True), nn.Conv2d(384, 256, 3, 1, 1), nn.ReLU(inplace=True), nn.Conv2d(256, 256, 3, 1, 1), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2),
        nn.Flatten(), nn.Dropout(), nn.Linear(9216, 4096), nn.ReLU(inplace=True), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(inplace=True), nn.Linear(4096, 1000),
    )


class WideUnit(nn.Module):
    """Zagoruyko and Komodakis 2016: normalization and ReLU before the convolutions; where the shape changes, before the shortcut too."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.norm = nn.Sequential(nn.BatchNorm2d(inputs), nn.ReLU(inplace=True))
        self.body = nn.Sequential(norm(inputs, outputs, 3, stride, nn.ReLU), nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False))
        self.shortcut = None if inputs == outputs and stride == 1 else nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x):
        y = self.norm(x)
        return self.body(y) + (self.shortcut(y) if self.shortcut else x)


def wrn28_10():
    """Zagoruyko and Komodakis 2016, 28 layers, 10 times as wide."""
    layers, inputs = [nn.Conv2d(3, 16, 3, 1, 1, bias=False)], 16
    for width in (160, 320, 640):
        for unit in range(4):
            layers.append(WideUnit(inputs, width, 2 if unit == 0 and width != 160 else 1))
            inputs = width
    return nn.Sequential(*layers, nn.BatchNorm2d(inputs), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, 10))


def inverted(inputs, outputs, kernel, stride, expansion, activation, squeeze):
    """An inverted residual: 1x1 to more channels, a depthwise convolution, squeeze and excitation where there is one, 1x1 to fewer."""
    width = inputs * expansion
    body = [norm(inputs, width, 1, 1, activation)] if expansion > 1 else []
    body.append(norm(width, width, kernel, stride, activation, groups=width))
    if squeeze:
        body.append(Excitation(width, max(1, inputs // 4)))
    body.append(norm(width, outputs, 1, 1, None))
    body = nn.Sequential(*body)
    return Sum(body) if stride == 1 and inputs == outputs else body


class Excitation(nn.Module):
    """Hu et al. 2017: channels weighed by what their averages say."""

    def __init__(self, channels, squeezed):
        super().__init__()
        self.weigh = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, squeezed, 1), nn.SiLU(inplace=True), nn.Conv2d(squeezed, channels, 1), nn.Sigmoid())

    def forward(self, x):
        return x * self.weigh(x)


def inverted_stages(stages, stem, activation, squeeze, head):
    layers, inputs = [norm(3, stem, 3, 2, activation)], stem
    for expansion, outputs, units, stride, kernel in stages:
        for unit in range(units):
            layers.append(inverted(inputs, outputs, kernel, stride if unit == 0 else 1, expansion, activation, squeeze))
            inputs = outputs
    return nn.Sequential(*layers, norm(inputs, head, 1, 1, activation), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(head, 1000))


def mobilenet_v2():
    """Sandler et al. 2018, table 2."""
    stages = ((1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 32, 3, 2, 3), (6, 64, 4, 2, 3), (6, 96, 3, 1, 3), (6, 160, 3, 2, 3), (6, 320, 1, 1, 3))
    return inverted_stages(stages, 32, nn.ReLU6, False, 1280)


def efficientnet_b0():
    """Tan and Le 2019, table 1."""
    stages = ((1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3), (6, 112, 3, 1, 5), (6, 192, 4, 2, 5), (6, 320, 1, 1, 3))
    return inverted_stages(stages, 32, nn.SiLU, True, 1280)


# Trained, by the name that CnnSharp has; images of 224 x 224 where there are 1,000 classes.
MODELS = {"lenet5": lenet5, "resnet20": resnet20, "resnet18-cifar": resnet18_cifar, "vgg16-cifar": vgg16_cifar, "resnet50": resnet50, "alexnet": alexnet, "wrn28-10": wrn28_10}
LARGE = {"resnet50", "alexnet"}
EXPORTED = {"mobilenet_v2": mobilenet_v2, "efficientnet_b0": efficientnet_b0}
