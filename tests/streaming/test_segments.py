"""Answers of one label are joined, and written so that players and programs read them."""

import errno
import json
import os
from io import RawIOBase
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faster_video.errors import ConfigError
from faster_video.streaming import Segment, SegmentFile, SegmentJoiner, SegmentMark, StreamAnswer
from faster_video.streaming.segments import as_cue


def answer(number: int, label: str, probability: float = 0.5, length: float = 1.0, every: float = 1.0) -> StreamAnswer:
    return StreamAnswer(
        number=number,
        start_seconds=number * every,
        end_seconds=number * every + length,
        covered_seconds=1,
        expensive=False,
        label="another",
        probability=0.9,
        smoothed_label=label,
        smoothed_probability=probability,
        probabilities=[],
        gmacs=1,
        latency_seconds=0,
        clips_dropped=0,
        resets=0,
    )


def joined(answers: list[StreamAnswer]) -> list[Segment]:
    joiner = SegmentJoiner()
    found = [joiner.add(one) for one in answers] + [joiner.finish()]
    return [segment for segment in found if segment is not None]


def test_answers_with_one_label_are_one_segment() -> None:
    labels = ["run", "run", "sit", "run"]
    found = joined([answer(number, label, 0.2 * (number + 1)) for number, label in enumerate(labels)])
    assert [(one.start_seconds, one.end_seconds, one.label) for one in found] == [
        (0, 2, "run"),
        (2, 3, "sit"),
        (3, 4, "run"),
    ]
    assert [one.probability for one in found] == pytest.approx([0.3, 0.6, 0.8])
    assert joined([]) == []


@pytest.mark.parametrize(("every", "ends"), [(0.25, [0.5, 1.5]), (3.0, [4.0, 10.0])])
def test_segments_do_not_overlap_and_leave_gaps_open(every: float, ends: list[float]) -> None:
    found = joined([answer(number, "run" if number < 2 else "sit", every=every) for number in range(4)][:4])
    assert found[0].end_seconds == ends[0] <= found[1].start_seconds
    assert found[1].end_seconds == 3 * every + 1


def test_a_cue_is_what_players_read() -> None:
    cue = as_cue(Segment(start_seconds=3599.9996, end_seconds=7261.25, label="a --> b & <c>", probability=0.456))
    assert cue == "01:00:00.000 --> 02:01:01.250\na --&gt; b &amp; &lt;c&gt; (46%)\n\n"


def test_files_hold_every_segment_as_soon_as_it_is_known(tmp_path: Path) -> None:
    answers = [answer(0, "run"), answer(1, "sit"), answer(2, "sit")]
    with SegmentFile(tmp_path / "a.vtt") as captions, SegmentFile(tmp_path / "a.jsonl") as lines:
        for number, one in enumerate(answers):
            captions.add(one)
            lines.add(one)
            assert (tmp_path / "a.jsonl").read_text().count("\n") == (number > 0)
    assert (tmp_path / "a.vtt").read_text() == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\nrun (50%)\n\n00:00:01.000 --> 00:00:03.000\nsit (50%)\n\n"
    )
    assert [json.loads(line)["label"] for line in (tmp_path / "a.jsonl").read_text().splitlines()] == ["run", "sit"]


def test_what_was_known_is_written_when_something_goes_wrong(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), SegmentFile(tmp_path / "a.jsonl") as lines:
        lines.add(answer(0, "run"))
        raise RuntimeError
    assert json.loads((tmp_path / "a.jsonl").read_text())["end_seconds"] == 1


@settings(deadline=None)
@given(labels=st.lists(st.sampled_from(["run", "sit", "<stand>"]), max_size=12), data=st.data())
@pytest.mark.parametrize("ending", [".vtt", ".jsonl"])
def test_a_marked_file_goes_on_as_if_it_had_never_stopped(
    tmp_path_factory: pytest.TempPathFactory, ending: str, labels: list[str], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("segments")
    answers = [answer(number, label, (number % 7) / 7) for number, label in enumerate(labels)]
    with SegmentFile(folder / f"whole{ending}") as file:
        for one in answers:
            file.add(one)
    at = data.draw(st.integers(0, len(answers)), "marked at")
    later = data.draw(st.integers(at, len(answers)), "killed at")
    path = folder / f"a{ending}"
    with SegmentFile(path, SegmentMark()) as file:
        for number, one in enumerate(answers[:later]):
            if number == at:
                mark = file.mark()
            file.add(one)
        mark = file.mark() if at == later else mark
    with SegmentFile(path, mark) as file:  # what came after the mark is written again
        for one in answers[at:]:
            file.add(one)
    assert path.read_bytes() == (folder / f"whole{ending}").read_bytes()


def test_a_marked_file_may_not_have_been_begun(tmp_path: Path) -> None:
    for written in (None, "", "WEB", "WEBVTT\n\n"):
        path = tmp_path / f"{written is not None}{len(written or '')}.vtt"
        if written is not None:
            path.write_text(written)
        with SegmentFile(path, SegmentMark()) as file:
            file.add(answer(0, "run"))
        assert path.read_text() == "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\nrun (50%)\n\n"


def test_another_file_than_the_marked_one_is_refused_and_left_alone(tmp_path: Path) -> None:
    with SegmentFile(tmp_path / "a.jsonl") as file:
        file.add(answer(0, "run"))
        file.add(answer(1, "sit"))
        mark = file.mark()
    contents = {"other": "{}\n" * 100, "short": "{", "notes": "mine"}
    for name, content in contents.items():
        (tmp_path / f"{name}.jsonl").write_text(content)
    for name, one in (("other", mark), ("short", mark), ("notes", SegmentMark())):
        with pytest.raises(ConfigError, match=f"{name}.jsonl: does not begin with the segments that the stream was"):
            SegmentFile(tmp_path / f"{name}.jsonl", one)
        assert (tmp_path / f"{name}.jsonl").read_text() == contents[name]
    with pytest.raises(ConfigError, match=r"none.jsonl: cannot be read \(No such file or directory\)"):
        SegmentFile(tmp_path / "none.jsonl", mark)


def test_of_a_segment_that_finds_no_room_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = pytest.raises(ConfigError, match=r"a.jsonl: cannot be written \(No space left on device\)")
    with full, SegmentFile(tmp_path / "a.jsonl") as file:
        file.add(answer(0, "run"))
        file.add(answer(1, "sit"))
        before = (tmp_path / "a.jsonl").read_text()
        monkeypatch.setattr(file, "_file", FullDisk(file._file))
        file.add(answer(2, "run"))
    assert (tmp_path / "a.jsonl").read_text() == before and before.count("\n") == 1


class FullDisk:
    """A file that takes ten bytes more."""

    def __init__(self, file: RawIOBase) -> None:
        self._file, self._room = file, 10

    def write(self, data: memoryview) -> int:
        if not self._room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = self._file.write(data[: self._room])
        self._room = 0
        assert written is not None
        return written

    def truncate(self, size: int) -> int:
        return self._file.truncate(size)

    def close(self) -> None:
        self._file.close()


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "there.vtt").write_text("mine")
    for name, sentence in (
        ("a.txt", "its name must end with .jsonl or .vtt"),
        ("there.vtt", "is there already; name another file"),
        ("no/a.vtt", r"cannot be written \(No such file or directory\)"),
    ):
        with pytest.raises(ConfigError, match=sentence):
            SegmentFile(tmp_path / name)
    assert (tmp_path / "there.vtt").read_text() == "mine"
