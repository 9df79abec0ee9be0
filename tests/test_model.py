"""The whole model: clip by clip as all at once, each clip through its own network, states that nothing touches.

Shapes: B videos, N clips per video, C colours, T H W frames of a clip, D channels, t h w feature map, K classes.
"""

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from model_samples import SIDE, random_clips, randomised, small_config
from torch import Tensor, nn

from faster_video.aggregators import Average, FastGru
from faster_video.backbones import PooledClassifier, build_backbone
from faster_video.config import AGGREGATOR_NAMES, BackboneConfig
from faster_video.errors import ConfigError
from faster_video.model import Faster, State, build_model, make_projection
from faster_video.pattern import Pattern

PATTERNS = ["1:0", "0:1", "1:1", "1:3", "2:1", "first"]
LEARNED = [name for name in AGGREGATOR_NAMES if name != "average"]


def stepped(model: Faster, clips: Tensor) -> Tensor:
    """What a live stream computes: [B, N, C, T, H, W] to [B, N, K], one clip at a time."""
    state, answers = None, []
    for number in range(clips.shape[1]):
        answer, state = model.step(clips[:, number].clone(), state)
        answers.append(answer)
    return torch.stack(answers, dim=1)


@torch.inference_mode()
def by_hand(model: Faster, clips: Tensor) -> Tensor:
    """`forward` written out from the equations with the model's parts, pattern and all: [B, N, K]."""
    letters = model.pattern.flags(clips.shape[1])
    maps = [
        model.expensive(clip) if letter else model.cheap(clip)
        for clip, letter in zip(clips.unbind(1), letters, strict=True)
    ]
    if model.aggregator.averages_scores:
        heads = [model.expensive.classifier if letter else model.cheap.classifier for letter in letters]
        scores = torch.stack([head(x).softmax(-1) for head, x in zip(heads, maps, strict=True)], dim=1)
        return (scores.cumsum(1) / torch.arange(1, len(maps) + 1).view(1, -1, 1)).log()
    seen = [x if letter else model.projection(x) for x, letter in zip(maps, letters, strict=True)]
    outputs = model.aggregator(torch.stack(seen, dim=1))  # [B, N, D, t, h, w]
    return torch.stack([model.classifier(o).log_softmax(-1) for o in outputs.unbind(1)], dim=1)


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("aggregator", AGGREGATOR_NAMES)
def test_step_clip_by_clip_equals_forward(aggregator: str, pattern: str) -> None:
    model, clips = randomised(small_config(aggregator, pattern)), random_clips(2, 5)
    with torch.inference_mode():
        whole = model(clips)
        torch.testing.assert_close(stepped(model, clips), whole, atol=1e-5, rtol=0)
    torch.testing.assert_close(by_hand(model, clips), whole, atol=1e-5, rtol=0)
    torch.testing.assert_close(whole.exp().sum(-1), torch.ones(2, 5))
    for before, after in pairwise(whole.unbind(1)):
        assert (before - after).abs().max() > 1e-4  # or equal answers would show nothing


@pytest.mark.parametrize("aggregator", AGGREGATOR_NAMES)
def test_an_answer_depends_on_no_later_clip_and_on_no_other_video(aggregator: str) -> None:
    model, clips = randomised(small_config(aggregator, "1:1")), random_clips(2, 4)
    changed = clips.clone()
    changed[:, 2:] = random_clips(2, 2, seed=9)
    with torch.inference_mode():
        whole, other = model(clips), model(changed)
        alone = model(clips[1:])
    torch.testing.assert_close(other[:, :2], whole[:, :2], atol=1e-6, rtol=0)
    assert (other[:, 2:] - whole[:, 2:]).abs().max() > 1e-4
    torch.testing.assert_close(alone, whole[1:], atol=1e-5, rtol=0)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_each_clip_is_seen_by_its_own_network_only(pattern: str) -> None:
    model, clips, seen = randomised(small_config(pattern=pattern)), random_clips(1, 7), []
    for name, backbone in (("E", model.expensive), ("c", model.cheap)):
        assert isinstance(backbone, nn.Module)
        backbone.register_forward_pre_hook(lambda _, inputs, name=name: seen.append((name, float(inputs[0].sum()))))
    with torch.inference_mode():
        model(clips)
    letters = {"1:0": "EEEEEEE", "0:1": "ccccccc", "1:1": "EcEcEcE", "1:3": "EcccEcc", "2:1": "EEcEEcE"}
    assert "".join(letter for letter, _ in seen) == letters.get(pattern, "Ecccccc")
    assert [total for _, total in seen] == [float(clip.sum()) for clip in clips.unbind(1)]  # in time order


@pytest.mark.parametrize("aggregator", LEARNED)
def test_learned_aggregators_never_run_the_backbones_own_classifiers(aggregator: str) -> None:
    model = randomised(small_config(aggregator, "1:1"))
    before = model(random_clips(1, 3))
    for backbone in (model.expensive, model.cheap):
        nn.init.constant_(backbone.classifier.linear.weight, float("nan"))
    torch.testing.assert_close(model(random_clips(1, 3)), before)


def test_average_is_the_mean_of_each_clips_own_softmax() -> None:
    model, clips = randomised(small_config("average", "1:1")), random_clips(2, 3)
    with torch.inference_mode():
        networks = (model.expensive, model.cheap, model.expensive)
        scores = [
            network.classifier(network(clip)).softmax(-1)
            for network, clip in zip(networks, clips.unbind(1), strict=True)
        ]
        torch.testing.assert_close(model(clips)[:, -1].exp(), sum(scores) / 3)
    assert (scores[0] - scores[1]).abs().max() > 0.05


def test_average_of_certain_clips_has_no_infinite_logarithm() -> None:
    model = randomised(small_config("average", "1:0"))
    nn.init.constant_(model.expensive.classifier.linear.weight, 0)
    model.expensive.classifier.linear.bias.data = torch.tensor([1000.0, 0.0, -1000.0])
    answer = model(random_clips(1, 2))
    assert torch.isfinite(answer).all()
    torch.testing.assert_close(answer.exp()[0, -1], torch.tensor([1.0, 0.0, 0.0]))


@pytest.mark.parametrize("aggregator", AGGREGATOR_NAMES)
def test_a_state_is_never_changed_so_a_stream_can_be_branched_and_taken_up_again(aggregator: str) -> None:
    model, clips = randomised(small_config(aggregator, "1:1")), random_clips(1, 3)
    with torch.inference_mode():
        _, first = model.step(clips[:, 0])
        kept = State(first.hidden.clone(), first.clips_seen)
        left, state_left = model.step(clips[:, 1], first)
        right, _ = model.step(clips[:, 2], first)
        again, state_again = model.step(clips[:, 1], first)
    assert torch.equal(first.hidden, kept.hidden) and first.clips_seen == kept.clips_seen == 1
    assert torch.equal(left, again) and torch.equal(state_left.hidden, state_again.hidden)
    assert state_left.clips_seen == 2
    assert not torch.equal(left, right)


def test_two_streams_through_one_model_do_not_meet() -> None:
    model, clips = randomised(small_config("lstm", "1:1")), random_clips(2, 3)
    states: list[State | None] = [None, None]
    last = [torch.empty(0), torch.empty(0)]
    with torch.inference_mode():
        for number in range(3):
            for video in (0, 1):
                last[video], states[video] = model.step(clips[video : video + 1, number], states[video])
        whole = model(clips)[:, -1]
    torch.testing.assert_close(torch.cat(last), whole, atol=1e-5, rtol=0)


@pytest.mark.parametrize("aggregator", AGGREGATOR_NAMES)
@settings(max_examples=6, deadline=None)
@given(pattern=st.sampled_from(PATTERNS), first=st.integers(1, 5), seed=st.integers(0, 99))
def test_clips_of_a_network_may_go_through_it_together(aggregator: str, pattern: str, first: int, seed: int) -> None:
    model, clips = randomised(small_config(aggregator, pattern)), random_clips(2, 6, seed)
    with torch.inference_mode():
        before, state = model.steps(clips[:, :first])
        after, state = model.steps(clips[:, first:], state)
        torch.testing.assert_close(torch.cat([before, after], dim=1), model(clips), atol=1e-5, rtol=0)
    assert state.clips_seen == 6


@given(pattern=st.sampled_from(PATTERNS), num_clips=st.integers(1, 6), seed=st.integers(0, 99))
@settings(max_examples=10, deadline=None)
def test_folding_stored_feature_maps_equals_forward(pattern: str, num_clips: int, seed: int) -> None:
    model, clips = randomised(small_config(pattern=pattern)), random_clips(1, num_clips, seed)
    with torch.inference_mode():
        state, flags = None, model.pattern.flags(num_clips)
        for clip, expensive in zip(clips.unbind(1), flags, strict=True):
            answer, state = model.fold(model.features(clip, expensive=expensive), state)
        torch.testing.assert_close(answer, model(clips)[:, -1], atol=1e-5, rtol=0)


def test_projection_is_there_only_where_channels_differ() -> None:
    projection = build_model(small_config(), 3).projection
    assert isinstance(projection, nn.Conv3d)
    assert (projection.in_channels, projection.out_channels, projection.kernel_size) == (64, 128, (1, 1, 1))
    assert isinstance(build_model(small_config(cheap_width=1 / 16), 3).projection, nn.Identity)


class FinerMaps(nn.Module):
    """Somebody else's cheap network: 5 channels, and more places in time and space than the expensive one."""

    def __init__(self) -> None:
        super().__init__()
        self.channels = 5
        self.colours = nn.Conv3d(3, 5, 1)
        self.classifier = PooledClassifier(5, 3)

    def forward(self, clip: Tensor) -> Tensor:
        """[B, C, T, H, W] to [B, 5, T/2, H/8, W/8]."""
        return nn.functional.avg_pool3d(self.colours(clip), (2, 8, 8))

    def feature_size(self, frames: int, height: int, width: int) -> tuple[int, int, int]:
        """Of its own map; not asked of a cheap network."""
        return frames // 2, height // 8, width // 8

    def require_clip(self, shape: torch.Size) -> None:
        """Not asked of a cheap network either."""


def test_a_foreign_networks_larger_map_is_pooled_and_projected() -> None:
    torch.manual_seed(0)
    expensive, cheap = build_backbone(BackboneConfig(name="r3d50", width=1 / 16), 3), FinerMaps()
    model = Faster(
        expensive=expensive,
        cheap=cheap,
        pattern=Pattern.parse("1:1"),
        aggregator=FastGru(expensive.channels),
        classifier=PooledClassifier(expensive.channels, 3),
        projection=make_projection(5, expensive.channels),
    ).eval()
    clips = torch.randn(1, 4, 3, 16, 2 * SIDE, 3 * SIDE)  # [B, N, C, T, H, W]: a map of 2×2×3
    with torch.inference_mode():
        finer, pooled = cheap(clips[:, 1]), model.features(clips[:, 1], expensive=False)
        assert (finer.shape[2:], pooled.shape[2:]) == ((8, 8, 12), (2, 2, 3))
        assert pooled.shape[2:] == model.features(clips[:, 0], expensive=True).shape[2:]
        for t, h, w in ((0, 0, 0), (1, 1, 2)):  # each place is the mean of its own part of the finer map
            part = finer[0, :, 4 * t : 4 * t + 4, 4 * h : 4 * h + 4, 4 * w : 4 * w + 4]
            torch.testing.assert_close(pooled[0, :, t, h, w], part.mean(dim=(1, 2, 3)))
        torch.testing.assert_close(stepped(model, clips), model(clips), atol=1e-5, rtol=0)
        assert (model(clips)[:, 1] - model(clips)[:, 0]).abs().max() > 1e-6  # the cheap clip is heard


@pytest.mark.parametrize("name", ["r2d26", "r2plus1d50", "r3d50"])
@pytest.mark.parametrize("frames, height, width", [(8, 32, 33), (16, 48, 65), (24, 64, 32)])
def test_feature_size_is_that_of_the_map(name: str, frames: int, height: int, width: int) -> None:
    backbone = build_backbone(BackboneConfig(name=name, width=1 / 64), 2).to("meta")
    clip = torch.empty(1, 3, frames, height, width, device="meta")
    assert backbone(clip).shape[2:] == backbone.feature_size(frames, height, width)


@pytest.mark.parametrize("shape", [(3, 8, 32, 32), (1, 3, 8, 32, 32), (1, 0, 3, 8, 32, 32), (1, 1, 1, 3, 8, 32, 32)])
def test_clips_of_another_kind_are_refused_by_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError) as caught:
        randomised(small_config())(torch.zeros(shape))
    assert str(caught.value) == (
        f"clips has shape {list(shape)}; it must be [videos, clips, colours, frames, height, width] "
        "with at least one clip"
    )


@pytest.mark.parametrize("clip", [(3, 12, 32, 32), (3, 7, 32, 32), (3, 0, 32, 32), (1, 8, 32, 32), (3, 8, 31, 32)])
def test_clips_that_no_network_was_made_for_are_refused(clip: tuple[int, ...]) -> None:
    model = randomised(small_config())
    for call in (lambda: model(torch.zeros(1, 2, *clip)), lambda: model.step(torch.zeros(1, *clip))):
        with pytest.raises(ConfigError) as caught:
            call()
        assert str(caught.value) == (
            f"a clip has shape {[1, *clip]}; it must be [videos, 3, frames, height, width] with frames a multiple of "
            "8, and height and width at least 32"
        )
    with pytest.raises(ConfigError, match=r"a clip has shape \[3, 8, 32, 32\]; it must be"):
        model.step(torch.zeros(3, 8, 32, 32))


def test_another_pattern_or_aggregator_shares_the_modules_and_leaves_the_model_as_it_was() -> None:
    model = randomised(small_config(pattern="1:3"))
    assert isinstance(model.cheap, nn.Module)
    model.cheap.train()  # as stage 1 leaves it: sharing must not change that either
    other, averaged = model.with_pattern(Pattern.parse("0:1")), model.with_aggregator(Average())
    assert (str(model.pattern), str(other.pattern), str(averaged.pattern)) == ("1:3", "0:1", "1:3")
    assert isinstance(model.aggregator, FastGru) and isinstance(averaged.aggregator, Average)
    for shared in (other, averaged):
        assert shared.expensive is model.expensive and shared.classifier is model.classifier
        assert not shared.training and isinstance(shared.cheap, nn.Module) and shared.cheap.training
