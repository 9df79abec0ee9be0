"""What is captured and replayed on a GPU: its keys and its state, with a capture that runs the model itself."""

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from inference_samples import small_bundle

from faster_video.clips import normalize
from faster_video.engine.graphs import MOST_CAPTURES, Capture, GraphedSteps, Key
from faster_video.inference.classify import whole_groups
from faster_video.model import State
from faster_video.pattern import Pattern

CPU = torch.device("cpu")


class Played(GraphedSteps):
    """Replays by running the model over the memory of the capture, as a graph would."""

    def __init__(self, pattern: str, aggregator: str = "fast_gru") -> None:
        bundle = small_bundle(pattern, aggregator)
        self.model, self.transform = bundle.model, bundle.config.transform
        super().__init__(self.model, self.transform, CPU)
        self.can_capture = True
        self.keys: list[Key] = []

    def _try_capture(self, key: Key) -> Capture | None:
        self.keys.append(key)
        size, flags, begins = key
        clips = torch.zeros(1, len(flags), *size, dtype=torch.uint8)
        before = None if begins else self._some_state(clips[:, :1], flags)
        answers, after = self._steps(clips, before)

        def replay() -> None:
            found, state = self._steps(clips, before)
            answers.copy_(found)
            after.hidden.copy_(state.hidden)

        return Capture(replay, clips, before, answers, after)


def clips_of(count: int, seed: int = 0) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(0, 256, (1, 3, 8, 32, 32), dtype=torch.uint8, generator=generator) for _ in range(count)]


@torch.inference_mode()
def wanted(steps: Played, clips: list[torch.Tensor]) -> torch.Tensor:
    answers: torch.Tensor = steps.model(normalize(torch.stack(clips, dim=1), steps.transform))
    return answers


@settings(max_examples=20, deadline=None)
@given(
    pattern=st.sampled_from(["1:2", "1:0", "0:1", "2:3", "first"]),
    aggregator=st.sampled_from(["fast_gru", "lstm", "average", "concat"]),
    parts=st.lists(st.integers(1, 4), min_size=1, max_size=4),
)
def test_batches_of_any_size_give_the_models_answers(pattern: str, aggregator: str, parts: list[int]) -> None:
    steps = Played(pattern, aggregator)
    for seed in (1, 2):  # another video through the same captures
        clips = clips_of(sum(parts), seed)
        found, state, start = [], None, 0
        for count in parts:
            answers, state = steps(clips[start : start + count], state)
            found.append(answers)
            start += count
        torch.testing.assert_close(torch.cat(found, dim=1), wanted(steps, clips), rtol=1e-4, atol=1e-5)
        assert isinstance(state, State) and state.clips_seen == sum(parts)
    assert len(steps.keys) == len(set(steps.keys)) <= len(parts)


@pytest.mark.parametrize(("pattern", "clips", "together"), [("1:2", 90, 20), ("1:6", 50, 10), ("1:7", 128, 10)])
def test_long_videos_need_few_captures(pattern: str, clips: int, together: int) -> None:
    steps = Played(pattern)
    at_once = whole_groups(together, Pattern.parse(pattern))
    blank = clips_of(1)[0]
    for _ in range(3):
        state = None
        for start in range(0, clips, at_once):
            _, state = steps([blank] * min(at_once, clips - start), state)
    assert len(steps.keys) <= 3


@settings(deadline=None)
@given(clips=st.integers(1, 50), expensive=st.integers(0, 5), cheap=st.integers(0, 9) | st.none())
def test_batches_are_whole_groups_where_one_fits(clips: int, expensive: int, cheap: int | None) -> None:
    pattern = Pattern(max(expensive, 1), cheap)
    group = pattern.expensive + (pattern.cheap or 0)
    found = whole_groups(clips, pattern)
    assert 1 <= found <= clips
    assert found % group == 0 or group > clips == found


def test_what_was_not_used_for_longest_is_dropped() -> None:
    steps = Played("1:0")
    blank = clips_of(1)[0]
    for count in range(1, MOST_CAPTURES + 2):
        steps([blank] * count)
    steps([blank] * (MOST_CAPTURES + 1))
    assert len(steps.keys) == MOST_CAPTURES + 1
    steps([blank])
    assert len(steps.keys) == MOST_CAPTURES + 2


def test_what_cannot_be_captured_runs_as_it_is(tmp_path: Path) -> None:
    steps = Played("1:2")
    steps.can_capture = False
    clips = clips_of(4)
    answers, state = steps(clips)
    torch.testing.assert_close(answers, wanted(steps, clips), rtol=1e-4, atol=1e-5)
    assert state.clips_seen == 4 and not steps.keys
