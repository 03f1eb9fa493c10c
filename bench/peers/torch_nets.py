"""The nets of the side-by-side runs in PyTorch: the same layers as CnnSharp's models of the same names, for 32x32 images."""
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


MODELS = {"lenet5": lenet5, "resnet20": resnet20, "resnet18-cifar": resnet18_cifar, "vgg16-cifar": vgg16_cifar}
