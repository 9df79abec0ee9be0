"""What the README tells people to type works as written; only lists and lengths are made small."""

import json
import re
import shlex
import sys
from pathlib import Path
from subprocess import PIPE, Popen, run

import numpy as np
import pytest

from faster_video.cli import main
from faster_video.datasets import read_list
from faster_video.datasets.motion_config import MotionConfig
from faster_video.datasets.motion_set import write_motion_set
from faster_video.packaged import PACKAGED

README = Path(__file__).parents[1] / "README.md"
SHORT_STAGE_2 = shlex.split("--stage2.epochs 1 --stage2.warmup_epochs 0 --stage2_stored_views 1 --workers 0")
SHORT = [
    *shlex.split("--stage1_expensive.epochs 1 --stage1_expensive.warmup_epochs 0"),
    *shlex.split("--stage1_cheap.epochs 1 --stage1_cheap.warmup_epochs 0"),
    *SHORT_STAGE_2,
]


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README.read_text("utf-8"), flags=re.DOTALL)


def commands() -> list[list[str]]:
    """Every `faster-video …` of the shell blocks, as words."""
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    return [shlex.split(line.partition(">")[0], comments=True) for line in lines if line.startswith("faster-video")]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the README's commands name; in `few` are three of the labels."""
    home = tmp_path_factory.mktemp("home")
    small = MotionConfig(videos=36, test_share=0.3, size=32, seed=1)
    write_motion_set(home / "set", small)
    (home / "few").mkdir()
    for part in ("train", "test"):
        listed = read_list(home / "set" / f"{part}.csv").videos
        labels = sorted({video.label for video in listed})[:3]
        lines = [f"{video.path},{video.label}" for video in listed if video.label in labels]
        (home / "few" / f"{part}.csv").write_text("\n".join(lines) + "\n")
    (home / "more-videos").mkdir()
    for number, video in enumerate(read_list(home / "set" / "test.csv").videos[:3]):
        target = home / "holiday.mp4" if number == 0 else home / "more-videos" / f"{number}.mp4"
        target.write_bytes(video.path.read_bytes())
    return home


def test_the_readme_names_every_command() -> None:
    assert {words[1] for words in commands()} == {
        "backbones",
        "benchmark",
        "calibrate",
        "classify",
        "data",
        "distill",
        "evaluate",
        "extract",
        "fetch",
        "make-motion",
        "plan",
        "reproduce",
        "serve",
        "stream",
        "train",
    }


@pytest.mark.slow
def test_the_readme_commands_run_in_their_order(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)
    later = ("classify", "calibrate", "plan")  # which use a trained bundle
    ending = [words for words in commands() if words[1] != "serve"]
    for words in sorted(ending, key=lambda words: words[1] in later):
        assert main(prepared(words, home)) == 0, words


def prepared(words: list[str], home: Path) -> list[str]:
    """The command with `LIST` and `*.mp4` filled in, and with training cut short."""
    folder = "few" if words[1] == "reproduce" or {"--expensive", "--finetune"} & set(words) else "set"
    lists = {
        "LIST": [f"{folder}/train.csv"],
        "TEST_LIST": [f"{folder}/test.csv"],
        "VALIDATION_LIST": ["set/train.csv"],
        "*.mp4": [str(path) for path in home.glob("*.mp4")],
    }
    filled = [part for word in words[1:] for part in lists.get(word, [word])]
    if words[1] == "make-motion":
        return [*filled[:-1], "24"]
    if words[1] == "train":
        return [*filled, *(SHORT_STAGE_2 if "--expensive" in words else SHORT)]
    if words[1] == "reproduce":
        return [*filled, *SHORT, "--seeds", "1"]
    if words[1] == "benchmark":
        return [*filled, "--rounds", "1"]
    if words[1] == "distill":
        return [*filled, "--epochs", "1", "--views", "1", "--workers", "0"]
    return [*filled, "--workers", "0"] if words[1] == "extract" else filled


@pytest.mark.slow
def test_the_server_answers_what_the_readme_asks_it(home: Path) -> None:
    (words,) = (words for words in commands() if words[1] == "serve")
    (asked,) = (line for block in blocks("sh") for line in block.splitlines() if line.startswith("curl"))
    with Popen([sys.executable, "-m", "faster_video", *words[1:], "--port", "0"], stderr=PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            found = re.match(r"serving at (http://127.0.0.1:\d+/) ", server.stderr.readline())
            assert found is not None
            curl = shlex.split(asked.replace("http://127.0.0.1:8000/", found.group(1)))
            answer = run(curl, cwd=home, stdout=PIPE, check=True).stdout
            assert len(json.loads(answer)["clips"]) == 8
        finally:
            server.terminate()
        assert server.wait(300) == 0


@pytest.mark.slow
def test_the_python_example_runs(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(home)
    of_files, of_streams = (
        example.replace("runs/mine/bundle", str(PACKAGED["motion"])) for example in blocks("python")
    )
    exec(of_files, {})
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + 32  # the answer, then one line per clip
    seen = {"frames": np.zeros((8, 48, 64, 3), np.uint8)}
    exec(of_streams, seen)
    assert seen["answer"] is not None  # eight frames are a clip
