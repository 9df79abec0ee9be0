"""The clip networks against Table 1.

Shapes: B clips, C colours, T H W frames of a clip, D channels, t h w feature map, K classes.
"""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from faster_video.backbones import BACKBONES, ClipResNet, PooledClassifier, build_backbone
from faster_video.backbones.blocks import Bottleneck, conv_bn_relu, scaled
from faster_video.backbones.published import PUBLISHED
from faster_video.backbones.r2plus1d import factorised_channels
from faster_video.config import BACKBONE_NAMES, BackboneConfig
from faster_video.errors import ConfigError

names = pytest.mark.parametrize("name", BACKBONE_NAMES)
expensive_names = pytest.mark.parametrize("name", ["r2plus1d50", "r3d50"])


def network(name: str, width: float, num_classes: int) -> ClipResNet:
    built = build_backbone(BackboneConfig(name=name, width=width), num_classes)
    assert isinstance(built, ClipResNet)
    return built.eval()


def on_meta(name: str, width: float = 1.0) -> ClipResNet:
    """Layers without memory: enough to look at, nothing to compute."""
    with torch.device("meta"):
        return network(name, width, 400)


def tiny(name: str, seed: int = 0) -> ClipResNet:
    torch.manual_seed(seed)
    return network(name, 1 / 16, 5)


def blocks_of(backbone: ClipResNet) -> list[list[Bottleneck]]:
    """res2 … res5, each a list of blocks."""
    return [[block for block in stage.modules() if isinstance(block, Bottleneck)] for stage in backbone.stages]


def convolutions(module: nn.Module) -> list[nn.Conv3d]:
    return [layer for layer in module.modules() if isinstance(layer, nn.Conv3d)]


@names
@given(
    width=st.floats(1 / 64, 1 / 4),
    eighths=st.integers(1, 5),
    height=st.integers(32, 200),
    width_pixels=st.integers(32, 200),
    batch=st.integers(1, 3),
)
@settings(max_examples=15, deadline=None)
def test_a_map_has_an_eighth_of_the_frames_and_a_32nd_of_the_side(
    name: str, width: float, eighths: int, height: int, width_pixels: int, batch: int
) -> None:
    backbone = on_meta(name, width)
    features = backbone(torch.empty(batch, 3, 8 * eighths, height, width_pixels, device="meta"))
    assert features.shape == (batch, backbone.channels, eighths, -(-height // 32), -(-width_pixels // 32))
    assert backbone.channels == 4 * scaled(512, width)
    assert backbone.classifier(features).shape == (batch, 400)


@names
def test_the_paper_s_map_is_2048_by_7_by_7(name: str) -> None:
    features = on_meta(name)(torch.empty(1, 3, 32, 224, 224, device="meta"))
    assert features.shape == (1, 2048, 4, 7, 7)


@pytest.mark.parametrize(
    ("name", "blocks"), [("r2d26", [2, 2, 2, 2]), ("r2plus1d50", [3, 4, 6, 3]), ("r3d50", [3, 4, 6, 3])]
)
def test_blocks_per_stage_and_their_widths(name: str, blocks: list[int]) -> None:
    stages = blocks_of(on_meta(name))
    assert [len(stage) for stage in stages] == blocks
    for stage, channels in zip(stages, (64, 128, 256, 512), strict=True):
        for block in stage:
            reduce, *_, restore = [
                *convolutions(block.reduce),
                *convolutions(block.middle),
                *convolutions(block.restore),
            ]
            assert (reduce.kernel_size, restore.kernel_size) == ((1, 1, 1), (1, 1, 1))
            assert (reduce.out_channels, restore.out_channels) == (channels, 4 * channels)


@names
def test_the_stride_sits_on_the_middle_and_the_shortcut_of_a_stage_s_first_block(name: str) -> None:
    temporal = 1 if name == "r2d26" else 2
    expected = [(1, 1, 1), (temporal, 2, 2), (temporal, 2, 2), (temporal, 2, 2)]
    for stage, stride in zip(blocks_of(on_meta(name)), expected, strict=True):
        for number, block in enumerate(stage):
            wanted = torch.tensor(stride if number == 0 else (1, 1, 1))
            strides = torch.tensor([layer.stride for layer in convolutions(block.middle)])
            assert torch.equal(strides.prod(dim=0), wanted)
            assert all(layer.stride == (1, 1, 1) for layer in convolutions(block.reduce) + convolutions(block.restore))
            shortcut = convolutions(block.shortcut)
            assert [layer.stride for layer in shortcut] == ([stride] if number == 0 else [])


def test_r2plus1d_splits_space_and_time_with_table_1_s_m_in_every_block() -> None:
    for stage, channels, between in zip(
        blocks_of(on_meta("r2plus1d50")), (64, 128, 256, 512), (144, 288, 576, 1152), strict=True
    ):
        assert factorised_channels(channels) == between
        for number, block in enumerate(stage):
            space, time = convolutions(block.middle)
            assert (space.kernel_size, space.out_channels) == ((1, 3, 3), between)
            assert (time.kernel_size, time.out_channels) == ((3, 1, 1), channels)
            if number == 0 and channels > 64:
                assert (space.stride, time.stride) == ((1, 2, 2), (2, 1, 1))


@pytest.mark.parametrize(("name", "kernel"), [("r2d26", (1, 3, 3)), ("r3d50", (3, 3, 3))])
def test_the_middle_of_the_other_two_is_one_convolution(name: str, kernel: tuple[int, int, int]) -> None:
    middles = [convolutions(block.middle) for stage in blocks_of(on_meta(name)) for block in stage]
    assert {layer.kernel_size for middle in middles for layer in middle} == {kernel}
    assert {len(middle) for middle in middles} == {1}


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("r2d26", [((8, 7, 7), 64, (8, 2, 2))]),
        ("r2plus1d50", [((1, 7, 7), 45, (1, 2, 2)), ((3, 1, 1), 64, (1, 1, 1))]),
        ("r3d50", [((3, 7, 7), 64, (1, 2, 2))]),
    ],
)
def test_conv1_is_table_1_s(name: str, layers: list[tuple[object, int, object]]) -> None:
    stem = convolutions(on_meta(name).stem)
    assert [(layer.kernel_size, layer.out_channels, layer.stride) for layer in stem] == layers


@pytest.mark.parametrize("changed", [0, 1, 2])
@torch.no_grad()
def test_each_time_step_of_r2d26_sees_only_its_own_eight_frames(changed: int) -> None:
    backbone = tiny("r2d26")
    clip = torch.randn(1, 3, 24, 64, 64)
    other = clip.clone()
    other[:, :, 8 * changed : 8 * changed + 8] = torch.randn(1, 3, 8, 64, 64)
    same = torch.isclose(backbone(clip), backbone(other)).flatten(3).all(dim=3).all(dim=1)[0]  # [t]
    assert same.tolist() == [step != changed for step in range(3)]
    for frame in (8 * changed, 8 * changed + 7):  # the first and the last of the eight count
        other = clip.clone()
        other[:, :, frame] += 1
        assert not torch.allclose(backbone(clip)[:, :, changed], backbone(other)[:, :, changed])


@expensive_names
@torch.no_grad()
def test_the_expensive_ones_see_across_time_steps(name: str) -> None:
    backbone = tiny(name)
    for block in (block for stage in blocks_of(backbone) for block in stage):
        nn.init.ones_(block.restore[1].weight)  # type: ignore[arg-type]
    clip = torch.randn(1, 3, 16, 32, 32)
    other = clip.clone()
    other[:, :, 8:] = torch.randn(1, 3, 8, 32, 32)
    assert not torch.allclose(backbone(clip)[:, :, 0], backbone(other)[:, :, 0])


@names
def test_every_normalisation_has_the_authors_constants(name: str) -> None:
    normalisations = [layer for layer in on_meta(name).modules() if isinstance(layer, nn.BatchNorm3d)]
    assert {(layer.eps, layer.momentum) for layer in normalisations} == {(1e-3, 0.1)}


@names
def test_every_convolution_is_without_bias(name: str) -> None:
    assert {layer.bias for layer in convolutions(on_meta(name))} == {None}


@names
@torch.no_grad()
def test_every_block_begins_as_its_shortcut(name: str) -> None:
    for stage in blocks_of(tiny(name)):
        for block in stage:
            reduce = block.reduce[0]
            assert isinstance(reduce, nn.Conv3d)
            x = torch.randn(2, reduce.in_channels, 4, 4, 4)
            assert torch.equal(block(x), torch.relu(block.shortcut(x)))


@names
def test_weights_begin_as_he_initialised_by_fan_out(name: str) -> None:
    torch.manual_seed(0)
    backbone = build_backbone(BackboneConfig(name=name, width=1 / 4), 5)
    for layer in convolutions(backbone):
        if layer.weight.numel() > 4000:
            fan_out = layer.out_channels * layer.weight[0, 0].numel()
            assert layer.weight.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.1)
    assert not backbone.classifier.linear.bias.any()


@given(kernel=st.tuples(*[st.sampled_from([1, 3, 5, 7])] * 3), size=st.integers(1, 9))
@settings(max_examples=20, deadline=None)
def test_padding_keeps_the_size_at_stride_one(kernel: tuple[int, int, int], size: int) -> None:
    x = torch.empty(1, 2, size, size, size, device="meta")
    assert conv_bn_relu(2, 3, kernel).to("meta").eval()(x).shape == (1, 3, size, size, size)


@given(channels=st.integers(1, 1024))
def test_a_split_convolution_has_at_most_the_weights_of_a_full_one(channels: int) -> None:
    def split(between: int) -> int:
        return 9 * channels * between + 3 * between * channels

    full = 27 * channels**2
    assert split(factorised_channels(channels)) <= full < split(factorised_channels(channels) + 1)


@torch.no_grad()
def test_the_classifier_pools_over_time_and_space_then_projects() -> None:
    torch.manual_seed(0)
    classifier, features = PooledClassifier(4, 3), torch.randn(2, 4, 2, 3, 3)
    expected = features.flatten(2).mean(dim=2) @ classifier.linear.weight.T + classifier.linear.bias
    torch.testing.assert_close(classifier(features), expected)


@given(channels=st.sampled_from([45, 64, 128, 256, 512]), width=st.floats(1 / 64, 8))
def test_a_width_factor_never_leaves_a_layer_empty(channels: int, width: float) -> None:
    assert scaled(channels, width) >= 1
    assert abs(scaled(channels, width) - channels * width) <= 0.5 or scaled(channels, width) == 1
    assert scaled(channels, 1.0) == channels


def test_the_table_and_the_config_know_the_same_names() -> None:
    assert sorted(BACKBONES) == sorted(BACKBONE_NAMES)


def test_an_unknown_name_is_refused_with_the_choices() -> None:
    with pytest.raises(ConfigError) as refused:
        BackboneConfig(name="resnet50")
    choices = ", ".join(sorted(("features", *BACKBONES, *PUBLISHED)))
    assert str(refused.value) == f"unknown backbone 'resnet50'; choose one of {choices}"


@pytest.mark.parametrize("width", [0.0, 0.01, 9.0, float("nan")])
def test_an_impossible_width_is_refused_by_name(width: float) -> None:
    with pytest.raises(ConfigError, match=f"width of r3d50 is {width}; it must lie between 1/64 and 8"):
        BackboneConfig(name="r3d50", width=width)
