"""What the page computes by itself, against Python: its modules run in a browser, without a server."""

import random
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from browsing import browsing, needs_chromium
from playwright.sync_api import Page

import faster_video
from faster_video.streaming import SegmentJoiner, StreamAnswer

pytestmark = needs_chromium

PAGE = Path(faster_video.__file__).parent / "serving" / "page"
HOST = "http://page.test/"
Clip = dict[str, Any]


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with browsing() as browser:
        page = browser.new_page()
        page.route(f"{HOST}page/*", lambda route: route.fulfill(path=PAGE / route.request.url.rsplit("/", 1)[1]))
        page.route(HOST, lambda route: route.fulfill(body="<!doctype html>", content_type="text/html"))
        page.goto(HOST)
        yield page


def call(page: Page, module: str, name: str, *given: object) -> Any:
    """What a function of a module returns."""
    code = f"(given) => import('/page/{module}.js').then((module) => module.{name}(...given))"
    return page.evaluate(code, list(given))


def made_up(generator: random.Random, count: int) -> list[Clip]:
    """Clips that overlap or leave gaps, whose labels come and go."""
    clips, start = [], 0.0
    for number in range(count):
        length = generator.uniform(0.5, 2)
        labels = [{"label": generator.choice("ab"), "probability": generator.uniform(0.2, 1)}]
        times = {"start_seconds": start, "end_seconds": start + length}
        clips.append({**times, "expensive": number % 4 == 0, **labels[0], "labels": labels, "gmacs": number})
        start += generator.uniform(0.2, 3)
    return clips


def joined(clips: list[Clip]) -> list[dict[str, Any]]:
    joiner, segments = SegmentJoiner(), []
    for number, clip in enumerate(clips):
        answer = StreamAnswer(
            **{name: value for name, value in clip.items() if name != "labels"},
            number=number,
            covered_seconds=0,
            smoothed_label=clip["label"],
            smoothed_probability=clip["probability"],
            probabilities=[],
            latency_seconds=0,
            clips_dropped=0,
            resets=0,
        )
        segments.append(joiner.add(answer))
    return [
        {name: getattr(segment, name) for name in ("start_seconds", "end_seconds", "label", "probability")}
        for segment in [*segments, joiner.finish()]
        if segment is not None
    ]


@pytest.mark.parametrize("seed", range(5))
def test_segments_are_those_of_a_stream(page: Page, seed: int) -> None:
    clips = made_up(random.Random(seed), 40)
    for found, expected in zip(call(page, "answers", "segments", clips), joined(clips), strict=True):
        assert found.pop("probability") == pytest.approx(expected.pop("probability"))
        assert found == expected


def test_of_clips_that_begin_together_the_last_counts(page: Page) -> None:
    spans = [(0, 0.5, "a"), (0, 0.5, "b"), (0, 0.5, "b"), (0.25, 0.5, "c"), (0.25, 0.5, "a")]
    clips = made_up(random.Random(0), len(spans))
    for clip, (start, end, label) in zip(clips, spans, strict=True):
        clip |= {"start_seconds": start, "end_seconds": end, "label": label}
    found = [(segment["label"], segment["end_seconds"]) for segment in call(page, "answers", "segments", clips)]
    assert found == [("b", 0.25), ("a", 0.5)]
    cues = call(page, "download", "asVtt", {"clips": clips}).split("\n\n")[1:-1]
    assert [cue.split("\n")[0] for cue in cues] == ["00:00:00.000 --> 00:00:00.250", "00:00:00.250 --> 00:00:00.500"]
    clips[4]["label"] = "b"  # then all that lasted is one stretch
    assert [(one["label"], one["end_seconds"]) for one in call(page, "answers", "segments", clips)] == [("b", 0.5)]


def test_no_clip_hides_another_in_the_picture(page: Page) -> None:
    clips = made_up(random.Random(7), 60)
    rows = call(page, "answers", "lanes", clips)
    assert max(rows) > 0
    for row in set(rows):
        inside = [clip for clip, other in zip(clips, rows, strict=True) if other == row]
        for before, after in pairwise(inside):
            assert before["end_seconds"] - after["start_seconds"] < 0.06 * 2
    seconds = [{"start_seconds": second, "end_seconds": second + 1} for second in range(9)]
    assert call(page, "answers", "lanes", seconds) == [0] * 9


def test_labels_keep_their_colours_while_others_come_and_go(page: Page) -> None:
    slots = page.evaluate(
        """async () => {
          const { Lines } = await import("/page/answers.js");
          const lines = new Lines();
          const clip = (...labels) => ({ label: labels[0],
            labels: labels.map((label, rank) => ({ label, probability: 0.5 ** (rank + 1) })) });
          const clips = [clip("a", "b", "c", "d", "e")];
          const before = lines.choose(clips);
          clips.push(clip("z", "a", "y", "x", "w"));
          return [before, lines.choose(clips)].map((all) => Object.fromEntries(all.map((l) => [l.label, l.slot])));
        }"""
    )
    assert slots[0] == {"a": 0, "b": 1, "c": 2, "d": 3, "e": 4}
    assert slots[1].keys() == {"z", "a", "b", "y", "c"}  # the best ones of both clips, then the highest
    assert len(set(slots[1].values())) == 5
    assert all(slots[1][label] == slots[0][label] for label in ("a", "b", "c"))


def test_events_may_come_in_any_pieces(page: Page) -> None:
    text = ': waiting\n\nevent: clip\ndata: {"label": "a: \\"b\\" é"}\n\n: waiting\n\nevent: result\ndata: {"n": 2}\n\n'
    expected = [{"name": "clip", "data": {"label": 'a: "b" é'}}, {"name": "result", "data": {"n": 2}}]
    for size in (1, 2, 7, 1000):
        read = """async ([text, size]) => {
          const { EventReader } = await import("/page/upload.js");
          const [reader, events] = [new EventReader(), []];
          for (let end = size; end < text.length + size; end += size) events.push(...reader.take(text.slice(0, end)));
          return events;
        }"""
        assert page.evaluate(read, [text, size]) == expected


@pytest.mark.parametrize(
    "time, digits, text",
    [(0, 1, "0:00.0"), (59.96, 1, "1:00.0"), (61, 0, "1:01"), (3599.99, 2, "59:59.99"), (3661.2, 1, "1:01:01.2")],
)
def test_times_are_written_as_clocks_show_them(page: Page, time: float, digits: int, text: str) -> None:
    assert call(page, "words", "clock", time, digits) == text


@pytest.mark.parametrize(
    "value, text", [(0, "0"), (0.01234, "0.0123"), (9.231, "9.23"), (27.48, "27.5"), (99.96, "100"), (1234.5, "1,235")]
)
def test_gmacs_have_three_figures(page: Page, value: float, text: str) -> None:
    assert call(page, "words", "figures", value) == text


@pytest.mark.parametrize("label", ["=1+1", " +1", "-1", "@a", "\t=1", "＝1", "\n"])
def test_no_cell_is_a_formula(page: Page, label: str) -> None:
    result = {"clips": made_up(random.Random(0), 1)}
    result["clips"][0]["labels"][0]["label"] = label
    assert f'"\'{label}",' in call(page, "download", "asCsv", result)
