"""SmallCNN, the residual networks and SmallViT: sizes that are published, and what each forward computes."""

import copy
import math

import pytest
import torch
from torch import nn

from lesson_support.errors import LessonError
from lesson_support.models import SmallCNN, SmallViT, resnet18, resnet50
from lesson_support.models.residual import BasicBlock, Bottleneck
from lesson_support.models.vision_transformer import HeadedAttention


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def parameters(model):
    return sum(each.numel() for each in model.parameters())


def multiply_adds(model, shape):
    """Of convolutions and Linear layers, from the shapes of a pass without data."""
    found = []

    def note(module, args, out):
        found.append(out.numel() // len(out) * module.weight[0].numel())

    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(note)
    model.eval()(torch.empty(shape, device="meta"))
    return sum(found)


def on_meta(make, *args, **options):
    with torch.device("meta"):
        return make(*args, **options)


PUBLISHED = {
    # torchvision's weight tables: parameters, and multiply-adds in units of 10⁹ for 224².
    "resnet18": (resnet18, 11_689_512, 1.81, 122),
    "resnet50": (resnet50, 25_557_032, 4.09, 320),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_residual_networks_have_the_published_size(name):
    make, count, billions, entries = PUBLISHED[name]
    model = on_meta(make)
    assert parameters(model) == count
    assert round(multiply_adds(model, (1, 3, 224, 224)) / 1e9, 2) == billions
    assert len(model.state_dict()) == entries


def test_published_weights_find_their_names():
    names = on_meta(resnet50).state_dict()
    for name, shape in {
        "conv1.weight": (64, 3, 7, 7),
        "bn1.running_mean": (64,),
        "layer1.0.downsample.0.weight": (256, 64, 1, 1),
        "layer1.0.downsample.1.num_batches_tracked": (),
        "layer2.0.conv2.weight": (128, 128, 3, 3),
        "layer4.2.bn3.bias": (2048,),
        "fc.weight": (1000, 2048),
    }.items():
        assert tuple(names[name].shape) == shape
    # The 3×3 carries the stride, as in the published weights.
    block = on_meta(resnet50).layer2[0]
    assert block.conv1.stride == (1, 1) and block.conv2.stride == (2, 2)
    assert [len(getattr(on_meta(resnet18), f"layer{each}")) for each in (1, 2, 3, 4)] == [2, 2, 2, 2]


@pytest.mark.parametrize("make", [resnet18, resnet50])
@pytest.mark.parametrize("stem, size", [("small", 8), ("small", 32), ("imagenet", 64)])
def test_residual_networks_take_small_images(make, stem, size):
    model = make(classes=7, channels=2, width=4, stem=stem).eval()
    with torch.no_grad():
        assert model(torch.randn(2, 2, size, size)).shape == (2, 7)
        first = model.maxpool(model.conv1(torch.randn(1, 2, size, size))).shape[-1]
    assert first == (size if stem == "small" else size // 4)


@pytest.mark.parametrize("block", [BasicBlock, Bottleneck])
@pytest.mark.parametrize("inputs, stride", [(12, 1), (12, 2), (5, 1)])
def test_a_block_adds_its_branch_to_the_shortcut(block, inputs, stride):
    torch.manual_seed(0)
    inputs = inputs if inputs == 5 else 3 * block.expansion
    layer = block(inputs, 3, stride).eval()
    last = layer.bn3 if block is Bottleneck else layer.bn2
    x = torch.randn(2, inputs, 6, 6)
    with torch.no_grad():
        shortcut = x.clone() if layer.downsample is None else layer.downsample(x)
        nn.init.zeros_(last.weight), nn.init.ones_(last.bias)
        before = x.clone()
        torch.testing.assert_close(layer(x), (shortcut + 1).relu())
    assert torch.equal(x, before)  # ReLU in place does not reach the block's input
    assert (layer.downsample is None) == (inputs == 3 * block.expansion and stride == 1)


def test_convolutions_start_with_variance_for_relu():
    torch.manual_seed(0)
    weight = resnet18(10).layer3[0].conv1.weight
    assert weight.std().item() == pytest.approx(math.sqrt(2 / (256 * 9)), rel=0.02)


def test_the_small_network_has_its_published_size_and_form():
    model = SmallCNN()
    assert parameters(model) == 126_602
    assert multiply_adds(on_meta(SmallCNN), (1, 1, 8, 8)) == (
        64 * 32 * 9 + 64 * 64 * 32 * 9 + 16 * 128 * 64 * 9 + 512 * 64 + 640
    )
    assert SmallCNN(channels=3, classes=4, width=2, image=32)(torch.randn(2, 3, 32, 32)).shape == (2, 4)


def test_flatten_lays_the_places_of_a_channel_side_by_side():
    torch.manual_seed(0)
    model, seen = SmallCNN(width=2).eval(), {}
    model.fc1.register_forward_pre_hook(lambda module, args: seen.update(flat=args[0]))
    x = torch.randn(3, 1, 8, 8)
    with torch.no_grad():
        model(x)
        maps = torch.relu(model.bn1(model.conv1(x)))
        maps = nn.functional.max_pool2d(torch.relu(model.bn2(model.conv2(maps))), 2)
        maps = nn.functional.max_pool2d(torch.relu(model.bn3(model.conv3(maps))), 2)
    assert maps.shape == (3, 8, 2, 2)
    torch.testing.assert_close(seen["flat"], maps.reshape(3, 32))


def by_heads(layer, x):
    """Attention head by head, from slices of the weights."""
    out = torch.zeros_like(x)
    for head in range(layer.heads):
        part = slice(head * layer.head_width, (head + 1) * layer.head_width)
        q, k, v = (x @ each.weight[part].T + each.bias[part] for each in (layer.q, layer.k, layer.v))
        mixed = torch.softmax(q @ k.transpose(1, 2) / math.sqrt(layer.head_width), -1) @ v
        out = out + mixed @ layer.out.weight[:, part].T
    return out + layer.out.bias


@pytest.mark.parametrize("heads", [1, 3, 6])
def test_attention_is_that_of_its_heads(heads):
    torch.manual_seed(0)
    layer, x = HeadedAttention(12, heads), torch.randn(2, 5, 12)
    torch.testing.assert_close(layer(x), by_heads(layer, x))


def keep_features(layer, kept):
    for each in (layer.q, layer.k, layer.v):
        each.weight, each.bias = nn.Parameter(each.weight[kept]), nn.Parameter(each.bias[kept])
    layer.out.weight = nn.Parameter(layer.out.weight[:, kept])


def test_a_head_taken_out_leaves_the_others_and_old_numbers_are_refused():
    torch.manual_seed(0)
    layer, x = HeadedAttention(12, 3), torch.randn(2, 5, 12)
    masked = copy.deepcopy(layer)
    with torch.no_grad():
        masked.out.weight[:, 4:8] = 0
    keep_features(layer, [0, 1, 2, 3, 8, 9, 10, 11])
    with pytest.raises(LessonError, match="8 features of q, k or v are not heads = 3 times head_width = 4"):
        layer(x)
    layer.heads = 2
    torch.testing.assert_close(layer(x), masked(x))
    layer.heads, layer.head_width = 4, 2  # runs, but other heads: who sets both says what is meant
    assert not torch.allclose(layer(x), masked(x))


def test_a_small_transformer_reads_patches_row_by_row():
    torch.manual_seed(0)
    model, seen = SmallViT(image=8, patch=4, width=6, depth=1, heads=2, classes=3, channels=2), {}
    model.layers.register_forward_pre_hook(lambda module, args: seen.update(tokens=args[0]))
    x = torch.randn(2, 2, 8, 8)
    logits = model(x)
    assert logits.shape == (2, 3) and seen["tokens"].shape == (2, 4, 6)
    patch = x[:, :, :4, 4:].reshape(2, -1)
    token = patch @ model.patches.weight.reshape(6, -1).T + model.patches.bias + model.positions[0, 1]
    torch.testing.assert_close(seen["tokens"][:, 1], token)
    tokens = model.layers(seen["tokens"])
    torch.testing.assert_close(logits, model.head(model.norm(tokens).mean(1)))
    assert model.positions.requires_grad and model.positions.std() > 0


def test_a_layer_of_the_transformer_adds_both_branches():
    torch.manual_seed(0)
    layer, x = SmallViT(width=8, depth=1, heads=2).layers[0], torch.randn(2, 3, 8)
    middle = x + by_heads(layer.attention, layer.norm1(x))
    expected = middle + layer.fc2(nn.functional.gelu(layer.fc1(layer.norm2(middle))))
    torch.testing.assert_close(layer(x), expected)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: SmallCNN(width=0), "width = 0"),
        (lambda: SmallCNN(image=10), "image = 10: expected a multiple of 4"),
        (lambda: resnet18(stem="cifar"), "stem = 'cifar': expected one of imagenet, small"),
        (lambda: resnet50(classes=0), "classes = 0"),
        (lambda: SmallViT(patch=3), "patch = 3: expected a divisor of image = 8"),
        (lambda: SmallViT(heads=5), "heads = 5: expected a divisor of width = 48"),
        (lambda: SmallViT(depth=0), "depth = 0"),
        (lambda: SmallViT(channels=0), "channels = 0"),
    ],
)
def test_sizes_that_do_not_fit_are_named(make, message):
    with pytest.raises(LessonError, match=message):
        make()
