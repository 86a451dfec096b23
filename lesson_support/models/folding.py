"""BatchNorm in evaluation mode multiplies and adds a number for each feature: both fit into a Linear."""

import copy

from torch import nn
from torch.nn.utils.fusion import fuse_linear_bn_eval


def fold_batchnorm(layers: nn.Sequential) -> nn.Sequential:
    """The layers in evaluation mode, each BatchNorm1d behind a Linear multiplied into it; `layers` stay."""
    folded: list[nn.Module] = []
    for layer in copy.deepcopy(layers).eval():
        if isinstance(layer, nn.BatchNorm1d) and folded and isinstance(folded[-1], nn.Linear):
            folded[-1] = fuse_linear_bn_eval(folded[-1], layer)
        else:
            folded.append(layer)
    return nn.Sequential(*folded).eval()
