import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from faster_video.config import StageConfig
from faster_video.errors import ConfigError
from faster_video.training.averaging import WeightAverage
from faster_video.training.objective import Objective

LABELS = torch.tensor([0, 2, 1, 1])


def scores() -> torch.Tensor:
    return torch.randn(4, 3, generator=torch.Generator().manual_seed(0))


def objective(place: str = "stage1/0/0/0", seed: int = 0, **settings: float) -> Objective:
    return Objective(StageConfig(**settings), seed=seed, place=place)  # type: ignore[arg-type]


def test_without_smoothing_and_mixup_it_is_the_summed_cross_entropy() -> None:
    plain = objective()
    assert torch.equal(plain.loss(scores(), LABELS), functional.cross_entropy(scores(), LABELS, reduction="sum"))
    inputs = torch.ones(4, 2)
    assert plain.blend(inputs) is inputs


def test_smoothing_spreads_a_share_of_the_label_evenly() -> None:
    wanted = torch.full((4, 3), 0.3 / 3)
    wanted[range(4), LABELS] += 0.7
    by_hand = -(wanted * scores().log_softmax(1)).sum()
    assert torch.allclose(objective(label_smoothing=0.3).loss(scores(), LABELS), by_hand)


@given(alpha=st.floats(0.1, 5), step=st.integers(0, 50))
def test_mixup_blends_inputs_and_loss_in_the_same_proportion(alpha: float, step: int) -> None:
    mixed = objective(f"stage1/{step}/0/0", mixup=alpha)
    one_hot = functional.one_hot(LABELS, 3).float()
    blended = mixed.blend((one_hot, one_hot[:, :, None]))
    assert isinstance(blended, tuple) and blended[1].shape == (4, 3, 1)
    # Blended labels as soft targets: what the loss of blended inputs must be.
    by_hand = -(blended[0] * scores().log_softmax(1)).sum()
    assert torch.allclose(mixed.loss(scores(), LABELS), by_hand, rtol=1e-4)
    assert torch.allclose(blended[0].sum(1), torch.ones(4))


def test_seed_and_place_fix_how_much_is_blended() -> None:
    shares = {(seed, place): objective(place, seed, mixup=1.0).own_share for seed in (0, 1) for place in ("a", "b")}
    assert len(set(shares.values())) == 4
    assert objective("a", 0, mixup=1.0).own_share == shares[0, "a"]


@pytest.mark.parametrize("settings", [{}, {"label_smoothing": 0.2}, {"mixup": 1.0}])
def test_the_loss_of_every_clip_is_their_mean(settings: dict[str, float]) -> None:
    after_clips = torch.randn(4, 5, 3, generator=torch.Generator().manual_seed(1))
    made = objective(**settings)  # type: ignore[arg-type]
    by_hand = sum(made.loss(after_clips[:, clip], LABELS) for clip in range(5)) / 5
    torch.testing.assert_close(made.loss(after_clips, LABELS), by_hand)
    assert torch.equal(made.loss(scores()[:, None], LABELS), made.loss(scores(), LABELS))


@pytest.mark.parametrize("name", ["label_smoothing", "ema_decay", "momentum"])
def test_shares_of_one_or_more_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} is 1.0; it must be at least 0 and below 1"):
        StageConfig(**{name: 1.0})  # type: ignore[arg-type]


def test_the_average_of_weights_that_stay_is_these_weights_and_of_two_lies_between() -> None:
    module = torch.nn.BatchNorm1d(2)
    average = WeightAverage(module, 0.5)
    for step in range(3):
        average.update(module, step)
    assert torch.equal(average.tensors["weight"], torch.ones(2))
    with torch.no_grad():
        module.weight.fill_(3.0)
        module.get_buffer("num_batches_tracked").fill_(7)
    average.update(module, 100)  # far from young: the decay is the given one
    assert torch.equal(average.tensors["weight"], torch.full((2,), 2.0))
    assert average.tensors["num_batches_tracked"] == 7
    average.put_into(module)
    assert torch.equal(module.weight, torch.full((2,), 2.0))


def test_a_young_average_follows_quickly() -> None:
    module = torch.nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        module.weight.fill_(0.0)
    average = WeightAverage(module, 0.999)
    with torch.no_grad():
        module.weight.fill_(1.0)
    average.update(module, 0)
    assert average.tensors["weight"].item() == pytest.approx(0.9)
