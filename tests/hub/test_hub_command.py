"""The Hub at the command line: names where folders may stand, `push`, one sentence for what goes wrong."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from fake_hub import FakeHub
from hub_samples import FILES, bundle_files

from faster_video.cli import main
from faster_video.hub import card_of
from faster_video.video import write_video

RUN = "import sys; from faster_video.cli import main; sys.exit(main())"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with videos, a list of them and a bundle, in which all commands are given."""
    generator = np.random.default_rng(0)
    for label in ("wave", "jump", "sit"):
        (tmp_path / label).mkdir()
        for number in range(2):
            frames = generator.integers(0, 256, size=(24, 48, 64, 3), dtype=np.uint8)
            write_video(tmp_path / label / f"{number}.mp4", list(frames), 25)
    lines = (f"{label}/{number}.mp4,{label}\n" for label in ("wave", "jump", "sit") for number in range(2))
    (tmp_path / "list.csv").write_text("".join(lines))
    bundle_files(tmp_path / "mine")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(command: str, capfd: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Exit code, what is printed, and what is said on stderr, by libraries too."""
    code = main(shlex.split(command))
    captured = capfd.readouterr()
    return code, captured.out, captured.err


def put(hub: FakeHub, place: Path) -> str:
    """The bundle on the Hub; returns its commit."""
    return hub.put("alice/waves", {name: (place / "mine" / name).read_bytes() for name in FILES})


def test_push_says_what_is_where(alice: FakeHub, place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code, printed, said = run("push mine alice/waves --private --message First --license mit", capfd)
    model = alice.models["alice/waves"]
    assert (code, said) == (0, "")
    assert printed == f"alice/waves@{model.branches['main']} is at {alice.endpoint}/alice/waves\n"
    assert model.private and model.messages[-1] == "First"
    assert alice.file("alice/waves", "README.md").decode() == card_of(place / "mine", "alice/waves", "mit")


def test_push_dry_run_prints_the_card_and_sends_nothing(
    hub: FakeHub, place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code, printed, said = run("push mine alice/waves --license mit --dry_run", capfd)
    assert (code, said, hub.requests) == (0, "", [])
    assert printed == card_of(place / "mine", "alice/waves", "mit")


@pytest.mark.parametrize(
    "options, said",
    [
        ("--license free", "alice/new: {hub} does not take it: "),
        ("--license 'Apache 2.0'", "license is 'Apache 2.0'; write it as the Hub names it"),
        ("--license 'Apache 2.0' --dry_run", "license is 'Apache 2.0'; write it as the Hub names it"),
        ("--message ''", "the message is ''; write what the commit brings"),
    ],
)
def test_a_push_that_is_refused_makes_no_model(
    options: str, said: str, alice: FakeHub, capfd: pytest.CaptureFixture[str]
) -> None:
    code, printed, error = run(f"push mine alice/new {options}", capfd)
    assert (code, printed, error.count("\n")) == (2, "", 1)
    assert error.startswith(f"faster-video: error: {said.format(hub=alice.endpoint)}")
    assert not alice.asked("repos/create") and not alice.models


def test_the_bundles_of_the_package_are_pushed_by_name(alice: FakeHub, capfd: pytest.CaptureFixture[str]) -> None:
    assert run("push motion alice/motions", capfd)[0] == 0
    card = alice.file("alice/motions", "README.md").decode()
    assert "| top1 fast_gru first | 0.98 |" in card and "| videos | 1,200 |" in card  # as in its config.json


@pytest.mark.parametrize(
    "command",
    ["classify wave/0.mp4 --json --bundle", "evaluate {} list.csv --json", "benchmark {} --rounds 1 --json"],
)
def test_a_name_stands_where_a_folder_may(
    command: str, hub: FakeHub, place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    commit = put(hub, place)
    name = f"alice/waves@{commit}"
    command = command.format(name) if "{}" in command else f"{command} {name}"
    code, printed, said = run(command, capfd)
    json.loads(printed)  # nothing else is on stdout
    assert code == 0 and hub.asked("GET /objects/")
    assert said == ("" if command.startswith("benchmark") else f"bundle alice/waves@{commit}\n")


def test_classify_gives_the_same_from_the_hub(hub: FakeHub, place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    put(hub, place)
    answers = []
    for name in ("mine", "alice/waves"):
        code, printed, _ = run(f"classify wave jump --json --bundle {name}", capfd)
        assert code == 0
        answers.append([video["labels"] for video in json.loads(printed)])
    assert answers[0] == answers[1] and len(answers[0]) == 4


def test_training_starts_from_a_name_and_its_config_repeats_the_commit(
    hub: FakeHub, place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    commit = put(hub, place)
    short = "--stage2.epochs 1 --stage2.warmup_epochs 0 --stage2.batch_size 2 --stage2_stored_views 0 --workers 0"
    code, _, said = run(f"train --data list.csv --backbones alice/waves --out run --device cpu {short}", capfd)
    assert code == 0 and f"bundle alice/waves@{commit}\n" in said
    assert yaml.safe_load((place / "run" / "config.yaml").read_text())["backbones"] == f"alice/waves@{commit}"


def test_features_are_extracted_with_a_bundle_of_the_hub(
    hub: FakeHub, place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    commit = put(hub, place)
    code, _, said = run("extract alice/waves list.csv --out store --views 0 --workers 0 --device cpu", capfd)
    assert code == 0 and f"bundle alice/waves@{commit}\n" in said


@pytest.mark.parametrize(
    "command",
    [
        "classify wave/0.mp4 --bundle alice/none",
        "evaluate alice/none list.csv",
        "extract alice/none list.csv --out store",
        "train --data list.csv --out run --finetune alice/none",
        "benchmark alice/none",
    ],
)
def test_a_name_that_is_nowhere_is_one_sentence(
    command: str, hub: FakeHub, place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code, printed, said = run(command, capfd)
    assert (code, printed) == (2, "")
    assert said == (
        f"faster-video: error: alice/none: is no folder here, and {hub.endpoint} has no model of that name that you "
        "may read; check the name, or log in with `hf auth login` or set HF_TOKEN if it is private\n"
    )
    assert not (place / "run").exists() and not (place / "store").exists()


def test_in_processes_of_their_own_a_push_then_a_load(alice: FakeHub, place: Path) -> None:
    """As people use it: with nothing but the environment to go by."""
    environment = {**os.environ, "HF_ENDPOINT": alice.endpoint, "HF_HOME": str(place / "home"), "HF_HUB_OFFLINE": ""}

    def command(words: str, **variables: str) -> tuple[int, str, str]:
        done = subprocess.run(
            [sys.executable, "-c", RUN, *shlex.split(words)],
            capture_output=True,
            text=True,
            env={**environment, **variables},
        )
        return done.returncode, done.stdout, done.stderr

    code, printed, said = command("push mine alice/waves")
    assert (code, said) == (0, "") and printed.startswith("alice/waves@")
    name = printed.split()[0]
    online = command("classify wave/0.mp4 --json --bundle alice/waves", HF_TOKEN="")
    assert (online[0], online[2]) == (0, f"bundle {name}\n")
    alice.requests.clear()
    offline = command("classify wave/0.mp4 --json --bundle alice/waves", HF_TOKEN="", HF_HUB_OFFLINE="1")
    assert (offline[0], offline[2]) == (0, f"bundle {name}\n") and not alice.requests
    assert json.loads(offline[1])[0]["labels"] == json.loads(online[1])[0]["labels"]
    code, printed, said = command("classify wave/0.mp4 --bundle alice/none", HF_TOKEN="", HF_HUB_OFFLINE="1")
    assert (code, printed, said.count("\n")) == (2, "", 1)
    begin = "faster-video: error: alice/none: is no folder here, and HF_HUB_OFFLINE is set, and config.json is not in "
    assert said.startswith(begin)
