"""Every file of the corpus is decoded or refused in a sentence, in a process with little memory and little time."""

import os
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from corpus import Damage, flipped, joined, lying, noise, truncated
from examine import DECODED, REFUSED, WRONG, Verdict
from examiner import Examiner
from oddities import NAMES, ODD, encoded
from pairs import FRAMES, LEAST_CODECS, LEAST_MUXERS, LEAST_PAIRS, encoders, muxers, write_pairs

from faster_video.datasets import videos_in_folder
from faster_video.inference.find import find_videos

REGRESSIONS = Path(__file__).with_name("regressions")
ONCE_WRONG = {
    "frames-out-of-order.flv": REFUSED,  # the check called it sound, and reading refused it
    "last-row-first.nut": DECODED,  # "can only specify one unknown dimension"
    "rate-of-zero.avi": DECODED,  # ZeroDivisionError: pictures hours apart
    "rate-of-zero.mpg": DECODED,
    "table-of-2-32-times.mp4": REFUSED,  # "Cannot allocate memory", where nothing was to be allocated
    "times-of-decoding.mxf": DECODED,  # "damaged", though it is not
    "times-that-fall.mkv": DECODED,  # the check called it sound, and reading refused it
    "too-much-memory.mp4": REFUSED,  # as the table above, from the decoder
}
"""The regression files, and what is to come of them."""
BEHIND_ITSELF = {"mp4.mpeg4": FRAMES, "h264.libx264": 2 * FRAMES}
"""Frames of two files of a kind, one behind the other: an MP4's index knows the first only, a bare stream goes on."""
LEAST_READABLE = 250
"""Of all pairs; the others are those of which FFmpeg itself does not know again what it has written."""
MOST_BYTES = 2**30
"""By which no file may make the process grow: some twenty bytes a pixel of the largest pictures."""


@pytest.fixture(scope="module")
def examiner() -> Iterator[Examiner]:
    with Examiner() as ours:
        yield ours


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pairs")
    assert sum(1 for _ in write_pairs(folder)) >= LEAST_PAIRS
    return folder


@pytest.fixture(scope="module")
def readable(pairs: Path, examiner: Examiner) -> list[Path]:
    """The pairs that our reader decodes."""
    return [path for path in sorted(pairs.iterdir()) if examiner.examine(path).kind == DECODED]


def assert_bearable(examiner: Examiner, paths: Iterable[Path]) -> Counter[str]:
    """How many files were decoded and refused; none may be anything else, or too large."""
    verdicts = {path: examiner.examine(path) for path in paths}
    assert {path.name: verdict for path, verdict in verdicts.items() if verdict.kind == WRONG} == {}
    assert {path.name: verdict for path, verdict in verdicts.items() if verdict.peak_bytes > MOST_BYTES} == {}
    return Counter(verdict.kind for verdict in verdicts.values())


def test_pairs_are_of_many_codecs_and_containers(pairs: Path) -> None:
    names = [path.name.split(".") for path in pairs.iterdir()]
    assert len({codec for _, codec in names}) >= LEAST_CODECS
    assert len({muxer for muxer, _ in names}) >= LEAST_MUXERS
    assert {codec for _, codec in names} <= set(encoders())
    assert {muxer for muxer, _ in names} <= set(muxers())


def test_every_pair(pairs: Path, examiner: Examiner) -> None:
    kinds = assert_bearable(examiner, sorted(pairs.iterdir()))
    assert kinds[DECODED] >= LEAST_READABLE


def test_nearly_every_readable_pair_has_its_frames(readable: list[Path], examiner: Examiner) -> None:
    """DV's files have one frame; besides, three are taken for another format than they are."""
    found = Counter(examiner.examine(path).num_frames for path in readable)
    assert found[FRAMES] > 0.95 * len(readable)


@pytest.mark.slow
def test_cut_off_after_every_tenth(readable: list[Path], examiner: Examiner, tmp_path: Path) -> None:
    kinds = assert_bearable(examiner, (cut for path in readable for cut in truncated(path, tmp_path)))
    assert kinds.keys() == {DECODED, REFUSED}


@pytest.mark.slow
def test_flipped_bits(readable: list[Path], examiner: Examiner, tmp_path: Path) -> None:
    kinds = assert_bearable(examiner, (changed for path in readable for changed in flipped(path, tmp_path)))
    assert kinds.keys() == {DECODED, REFUSED}


@pytest.mark.parametrize("damage", [lying, noise])
def test_damaged(pairs: Path, examiner: Examiner, tmp_path: Path, damage: Damage) -> None:
    kinds = assert_bearable(examiner, damage(pairs, tmp_path))
    assert kinds.keys() == {DECODED, REFUSED}


def test_one_file_behind_another(pairs: Path, examiner: Examiner, tmp_path: Path) -> None:
    paths = list(joined(pairs, tmp_path))
    assert assert_bearable(examiner, paths)[DECODED] > 0.8 * len(paths)
    found = {path.name: examiner.examine(path).num_frames for path in paths}
    for kind, number in BEHIND_ITSELF.items():
        assert found[f"{kind}+{kind}"] == number, kind


@pytest.mark.parametrize("name", ODD)
def test_odd(examiner: Examiner, tmp_path: Path, name: str) -> None:
    write, expected = ODD[name]
    path = write(tmp_path / name)
    assert_bearable(examiner, [path])
    verdict = examiner.examine(path)
    if isinstance(expected, str):
        assert (verdict.kind, expected in verdict.said) == (REFUSED, True), verdict
    elif expected is not None:
        assert (verdict.kind, verdict.num_frames) == (DECODED, expected), verdict


def test_names(examiner: Examiner, tmp_path: Path) -> None:
    video = encoded(tmp_path / "plain.avi")
    for name in NAMES:
        sound, cut = tmp_path / name, tmp_path / f"cut {name}"
        shutil.copy(video, sound)
        cut.write_bytes(video.read_bytes()[:40])
        assert [examiner.examine(path).kind for path in (sound, cut)] == [DECODED, REFUSED], ascii(name)
    folder = tmp_path / "\n'\"\udcff"
    folder.mkdir()
    shutil.copy(video, folder)
    assert examiner.examine(folder / video.name).kind == DECODED
    assert videos_in_folder(folder) == [folder / video.name]


def test_links_that_lead_nowhere_and_in_circles(examiner: Examiner, tmp_path: Path) -> None:
    video = encoded(tmp_path / "video.avi")
    leading = {"sound": "video.avi", "itself": "itself.avi", "there": "back.avi", "back": "there.avi", "lost": "gone"}
    for name, target in leading.items():
        (tmp_path / f"{name}.avi").symlink_to(target)
    os.mkfifo(tmp_path / "pipe.avi")
    said = {name: examiner.examine(tmp_path / f"{name}.avi") for name in [*leading, "pipe"]}
    assert {name: verdict.kind for name, verdict in said.items()} == {
        name: DECODED if name == "sound" else REFUSED for name in said
    }
    assert "symbolic links" in said["itself"].said and "symbolic links" in said["there"].said
    assert "is not a regular file" in said["pipe"].said
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "up").symlink_to("..", target_is_directory=True)
    (tmp_path / "folder" / "round").symlink_to("round", target_is_directory=True)
    assert videos_in_folder(tmp_path / "folder") == []
    found = sorted([*(tmp_path / f"{name}.avi" for name in [*leading, "pipe"]), video])
    assert find_videos([tmp_path]) == videos_in_folder(tmp_path) == found


def test_every_regression_file_is_listed() -> None:
    assert {path.name for path in REGRESSIONS.iterdir()} == ONCE_WRONG.keys()


@pytest.mark.parametrize("name", ONCE_WRONG)
def test_what_once_went_wrong(examiner: Examiner, name: str) -> None:
    verdict = examiner.examine(REGRESSIONS / name)
    assert (verdict.kind, verdict.said if verdict.kind == WRONG else "") == (ONCE_WRONG[name], "")


ANSWERING = "import sys\nprint('ready', flush=True)\nfor line in sys.stdin:\n    "


@pytest.mark.parametrize(
    "done, seconds, said",
    [
        ("import os; os.abort()", 60, "the process ended with -6"),
        ("sys.exit(3)", 60, "the process ended with 3"),
        ("import time; time.sleep(600)", 0.5, "hung for 0.5 s"),
    ],
)
def test_a_child_that_is_lost_is_noticed_and_replaced(tmp_path: Path, done: str, seconds: float, said: str) -> None:
    program = tmp_path / "program.py"
    program.write_text(ANSWERING + done)
    with Examiner(program, seconds) as examiner:
        for _ in range(2):
            verdict = examiner.examine(tmp_path)
            assert verdict == Verdict(WRONG, said)
