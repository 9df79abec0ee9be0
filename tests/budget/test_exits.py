"""When a video is known, which rule is chosen, what probabilities are worth: on made-up answers with known truth."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from faster_video.budget import Replay, calibrate
from faster_video.budget.exits import cheapest, is_known, outcome, points_lost, rules, standard_error
from faster_video.budget.prices import Prices
from faster_video.budget.temperature import calibration_error, fit_temperature
from faster_video.errors import ConfigError, DataError
from faster_video.inference.stopping import Watch
from faster_video.policy import StopRule

ONE_EACH = Prices(first_expensive=1.0, first_cheap=1.0, expensive=1.0, cheap=1.0, gated_expensive=1.0, gated_cheap=1.0)


def made_up(videos: int, clips: int = 8, classes: int = 5, *, sharpness: float = 1.0, seed: int = 0) -> Replay:
    """Evidence that adds up; `sharpness` above 1 makes the answers surer than they should be."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(classes, (videos,), generator=generator)
    evidence = torch.randn(videos, clips, classes, generator=generator)
    evidence[torch.arange(videos), :, labels] += 0.7
    # The posterior of such evidence: its sum times the shift.
    answers = (sharpness * 0.7 * evidence.cumsum(dim=1)).log_softmax(dim=-1)
    return Replay(answers, labels, torch.zeros(videos, clips, dtype=torch.bool))


@settings(max_examples=60, deadline=None)
@given(
    confidence=st.floats(0.05, 1.0),
    clips=st.integers(1, 4),
    answers=st.lists(st.tuples(st.integers(0, 2), st.floats(0, 1)), min_size=1, max_size=9),
)
def test_all_videos_at_once_stop_where_one_alone_does(
    confidence: float, clips: int, answers: list[tuple[int, float]]
) -> None:
    rule, watch = StopRule(confidence=confidence, clips=clips), Watch(StopRule(confidence=confidence, clips=clips))
    labels, probabilities = torch.tensor([[label for label, _ in answers]]), torch.tensor([[p for _, p in answers]])
    together = is_known(probabilities.double(), labels, rule)[0].tolist()
    alone = [watch.is_known(str(label), float(p)) for label, p in zip(labels[0], probabilities[0], strict=True)]
    assert together == alone


def test_a_rule_waits_for_one_label_to_hold() -> None:
    watch = Watch(StopRule(confidence=0.8, clips=3))
    told = [("a", 0.9), ("a", 0.9), ("b", 0.9), ("b", 0.9), ("b", 0.7), ("b", 0.9), ("b", 0.8), ("b", 0.99)]
    assert [watch.is_known(*one) for one in told] == [False] * 7 + [True]
    never = Watch(None)
    assert not any(never.is_known("a", 1.0) for _ in range(9))


def test_temperature_finds_what_made_answers_too_sure() -> None:
    videos = made_up(4000, sharpness=3.0)
    answers, labels = videos.log_probabilities.flatten(0, 1), videos.labels.repeat_interleave(8)
    temperature = fit_temperature(answers, labels)
    assert temperature == pytest.approx(3.0, rel=0.1)
    assert calibration_error(answers, labels, temperature) < calibration_error(answers, labels, 1.0) / 3
    assert fit_temperature(answers / 3, labels) == pytest.approx(1.0, rel=0.1)


def test_calibrating_keeps_accuracy_within_the_bound_and_costs_less() -> None:
    videos = made_up(2000, clips=16, sharpness=2.0)
    found = calibrate(videos, ONE_EACH, max_drop=1.0)
    assert found.calibration.stop is not None and found.calibration.videos == 2000
    assert found.cost == 16 and found.stopped_cost == pytest.approx(found.stopped_clips)
    assert found.stopped_clips < 14
    assert 100 * (found.top1 - found.stopped_top1) < 1.0 + 1e-6
    assert found.expected_drop < 2.0
    stricter = calibrate(videos, ONE_EACH, max_drop=0.0)
    assert stricter.stopped_cost >= found.stopped_cost and stricter.stopped_top1 >= stricter.top1
    others = made_up(4000, clips=16, sharpness=2.0, seed=1)
    cost = ONE_EACH.after_each_clip(others)
    whole, stopped = (
        outcome(others, found.calibration.temperature, rule, cost) for rule in (None, found.calibration.stop)
    )
    assert 100 * (whole.top1 - stopped.top1) < 2.0  # on videos that nothing was chosen on


def test_where_the_end_decides_nothing_stops_early() -> None:
    clips, classes = 6, 4
    labels = torch.arange(400) % classes
    answers = torch.full((400, clips, classes), -3.0)
    answers[:, :-1, 0] = 3.0  # sure of the first label until the last clip tells
    answers[torch.arange(400), -1, labels] = 3.0
    videos = Replay(answers.log_softmax(dim=-1), labels, torch.zeros(400, clips, dtype=torch.bool))
    found = calibrate(videos, ONE_EACH, max_drop=0.5)
    assert found.calibration.stop is None
    assert (found.top1, found.stopped_top1, found.stopped_clips, found.expected_drop) == (1.0, 1.0, 6.0, 0.0)


def test_the_cheapest_rule_within_the_bound_is_taken() -> None:
    videos = made_up(500, clips=10)
    cost = ONE_EACH.after_each_clip(videos)
    whole = outcome(videos, 1.0, None, cost)
    tried = [outcome(videos, 1.0, rule, cost) for rule in rules()]
    found = cheapest(whole, tried, 2.0)
    for one in tried:
        assert one.mean_cost >= found.mean_cost or points_lost(whole, one) + standard_error(whole, one) > 2.0
    differ = int((whole.correct != found.correct).sum())
    assert standard_error(whole, found) == pytest.approx(100 * (differ + 1) ** 0.5 / 500)


def test_rules_keep_their_bound_on_other_videos() -> None:
    """In the mean; without the standard error they lose twice the bound here."""
    others = made_up(10_000, clips=16, sharpness=2.0, seed=99)
    cost, lost = ONE_EACH.after_each_clip(others), 0.0
    for seed in range(8):
        found = calibrate(made_up(400, clips=16, sharpness=2.0, seed=seed), ONE_EACH, max_drop=0.5).calibration
        whole, stopped = (outcome(others, found.temperature, rule, cost) for rule in (None, found.stop))
        lost += points_lost(whole, stopped) / 8
    assert lost < 0.5


def test_costs_are_those_of_the_networks_and_of_the_gate() -> None:
    prices = Prices(first_expensive=10, first_cheap=1, expensive=11, cheap=2, gated_expensive=14, gated_cheap=5)
    flags = torch.tensor([[True, False, True], [False, True, False]])
    blank: Tensor = torch.zeros(2, 3, 2)
    fixed = prices.after_each_clip(Replay(blank, torch.zeros(2), flags))
    gated = prices.after_each_clip(Replay(blank, torch.zeros(2), flags, gated=True))
    assert fixed.tolist() == [[10, 12, 23], [1, 12, 14]]
    assert gated.tolist() == [[10, 15, 29], [1, 15, 20]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("often", r"stop is 'often'; write the probability from which on a label is sure, such as 0\.9, or with"),
        ("0.9:two", "stop is '0.9:two'; write the probability"),
        ("90", r"stop's confidence is 90\.0; it must be a probability above 0 and at most 1"),
        ("nan", "stop's confidence is nan"),
        ("0.9:0", "stop's clips is 0; it must be at least 1"),
    ],
)
def test_wrong_rules_are_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        StopRule.parse(text)


def test_rules_are_written_as_they_are_read() -> None:
    for rule in rules():
        assert StopRule.parse(str(rule)) == rule
    assert StopRule.parse("0.9") == StopRule(confidence=0.9)


def test_too_few_videos_are_refused() -> None:
    with pytest.raises(DataError, match="there are 9 videos to calibrate with; give at least 10"):
        calibrate(made_up(9), ONE_EACH)
    with pytest.raises(ConfigError, match="max_drop is -1; it must be at least 0"):
        calibrate(made_up(20), ONE_EACH, max_drop=-1)
