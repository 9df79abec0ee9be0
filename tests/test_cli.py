"""The command line: every wrong use ends in one clear sentence, every right one in what was asked for.

The wrong uses are the table in `wrong_uses.py`.
"""

import dataclasses
import json
import os
import re
import shlex
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest
import torch
from wrong_uses import WRONG_USES, WrongUse, make_place

import faster_video
from faster_video.bundle import Bundle, BundleConfig, load_bundle, save_bundle
from faster_video.cli import main
from faster_video.cli.parser import COMMANDS
from faster_video.config import BackboneConfig, ClipConfig, ModelConfig, Recipe, TransformConfig
from faster_video.cost import video_cost
from faster_video.datasets import read_list
from faster_video.datasets.motion_config import MotionConfig
from faster_video.evaluation import baseline, evaluate
from faster_video.inference import Classification, Classifier, load
from faster_video.model import build_model
from faster_video.recipes import faster16, get_recipe, motion

RUN = "import sys; from faster_video.cli import main; sys.exit(main())"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which all commands are given."""
    folder = tmp_path_factory.mktemp("place")
    make_place(folder)
    return folder


@pytest.fixture(autouse=True)
def in_place(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    monkeypatch.setenv("COLUMNS", "160")


def run(command: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Exit code, what is printed, and what is said on stderr."""
    code = main(shlex.split(command))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def is_said(sentence: str, stderr: str) -> bool:
    """Whether stderr is this one sentence; `…` in it stands for anything, or for itself."""
    wanted = ".+".join(map(re.escape, f"faster-video: error: {sentence}\n".split("…")))
    return re.fullmatch(wanted, stderr) is not None


def test_the_table_is_long_enough_and_names_each_use_once() -> None:
    assert len({use.what for use in WRONG_USES}) == len({use.command for use in WRONG_USES}) == len(WRONG_USES) >= 30
    assert all(sum(use.command.split()[:1] == [name] for use in WRONG_USES) >= 4 for name in COMMANDS)


@pytest.mark.parametrize(
    "command", sorted(COMMANDS.keys() - {"backbones", "benchmark", "cost", "serve"})
)  # these need no more
def test_what_is_not_given_is_named_as_its_help_names_it(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, said = run(command, capsys)
    assert code == 2 and "given" in said
    assert f"{command}." not in said


@pytest.mark.parametrize("use", WRONG_USES, ids=lambda use: use.what)
def test_wrong_use_is_one_clear_sentence(use: WrongUse, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(place.rglob("*"))
    code, printed, said = run(use.command, capsys)
    assert (code, is_said(use.sentence, said)) == (use.exit_code, True), said
    assert (printed == "") == (code == 2)
    assert sorted(place.rglob("*")) == before  # and leaves nothing behind


@pytest.mark.parametrize("what", ["text renamed to .mp4", "no command", "config file is a video"])
def test_wrong_use_in_a_process_of_its_own(what: str) -> None:
    (use,) = (use for use in WRONG_USES if use.what == what)
    done = subprocess.run([sys.executable, "-c", RUN, *shlex.split(use.command)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert is_said(use.sentence, done.stderr), done.stderr


def test_ctrl_c_is_no_traceback(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("faster_video.inference.find_videos", interrupted)
    assert run("classify wave/0.mp4 --bundle bundle", capsys) == (130, "", "interrupted\n")


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    command = [sys.executable, "-c", RUN, "cost", "--recipe", "tiny", "--json"]
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=buffered) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()  # as `| head` does, long before anything is printed
        assert (process.stderr.read(), process.wait()) == (b"", 0)


def test_classify_prints_the_timeline_and_the_best_labels(capsys: pytest.CaptureFixture[str]) -> None:
    code, printed, said = run("classify wave/0.mp4 --bundle bundle --top 2 --device cpu", capsys)
    assert (code, said) == (0, "")
    answer = load("bundle", device="cpu").classify("wave/0.mp4")
    lines = printed.splitlines()
    assert f"wave/0.mp4: {answer.label} ({answer.probability:.1%})" in lines[0]
    assert [line for line in lines if line.endswith(("  wave", "  jump", "  sit"))] == [
        f"{share:7.1%}  {label}" for label, share in answer.labels[:2]
    ]
    assert lines[-2].endswith(f" s of work for {answer.video_seconds:.2f} s of video")


def test_classify_json_is_one_list(capsys: pytest.CaptureFixture[str]) -> None:
    code, printed, said = run("classify wave jump/1.mp4 --bundle bundle --json --top 1 --pattern 0:1", capsys)
    assert (code, said) == (0, "")
    videos = json.loads(printed)
    assert [video["path"] for video in videos] == ["wave/0.mp4", "wave/1.mp4", "jump/1.mp4"]  # a folder is searched
    for video in videos:
        assert (len(video["labels"]), len(video["clips"]), video["pattern"]) == (1, 3, "0:1")
        assert not any(clip["expensive"] for clip in video["clips"])
        answer = load("bundle", pattern="0:1").classify(video["path"])
        assert video["labels"][0] == {"label": answer.label, "probability": pytest.approx(answer.probability)}


def test_classify_jsonl_is_a_line_per_file_bad_ones_too(capsys: pytest.CaptureFixture[str]) -> None:
    code, printed, said = run("classify wave/0.mp4 text.mp4 jump --bundle bundle --jsonl", capsys)
    lines = [json.loads(line) for line in printed.splitlines()]
    assert [line["path"] for line in lines] == ["wave/0.mp4", "text.mp4", "jump/0.mp4", "jump/1.mp4"]
    assert [("error" in line) for line in lines] == [False, True, False, False]
    assert lines[1]["error"].startswith("not a video file that can be read")
    assert code == 1 and is_said(f"text.mp4: {lines[1]['error']}", said)


def test_classify_plot_is_a_picture_of_the_videos_that_were_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "timeline.png"
    code, _, said = run(f"classify wave none.mp4 --bundle bundle --json --plot {picture}", capsys)
    assert code == 1
    assert said.splitlines() == [
        "faster-video: error: none.mp4: No such file or directory",
        f"timeline drawn in {picture}",
    ]
    one = tmp_path / "one.png"
    run(f"classify wave/0.mp4 --bundle bundle --json --plot {one}", capsys)
    heights = [matplotlib.image.imread(path).shape[0] for path in (one, picture)]
    assert heights[1] == pytest.approx(2 * heights[0], rel=0.1)  # two panels


def test_classify_plot_of_very_many_videos_draws_the_first_twelve(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[tuple[list[str], int]] = []

    def record(videos: list[Classification], _: str, *, left_out: int) -> None:
        drawn.append(([str(video.path) for video in videos], left_out))

    monkeypatch.setattr("faster_video.inference.plot_timeline", record)
    code, printed, said = run(f"classify {'wave ' * 7} --bundle bundle --json --plot many.png", capsys)
    assert (code, said) == (0, "timeline of the first 12 of 14 videos drawn in many.png\n")
    assert len(json.loads(printed)) == 14 and drawn == [(["wave/0.mp4", "wave/1.mp4"] * 6, 2)]


def test_labels_are_printed_without_control_characters(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = load("bundle", device="cpu").classify("wave/0.mp4")
    odd = dataclasses.replace(answer, classes=["\x1b[31m", "a\nb", "c"])
    monkeypatch.setattr("faster_video.inference.Classifier.classify_many", lambda *_: [odd])
    code, printed, _ = run("classify wave/0.mp4 --bundle bundle", capsys)
    assert code == 0 and "\x1b" not in printed and "  \\x1b[31m\n" in printed and "  a\\nb\n" in printed


def numbers(printed: str) -> dict[str, Any]:
    """Of an evaluation; times differ from run to run."""
    values: dict[str, Any] = json.loads(printed)
    for each in (values, *values["videos"]):
        del each["seconds_per_video" if each is values else "seconds"]
    return values


@pytest.mark.parametrize("source", ["list.csv", "list folder"])
def test_evaluate_json_is_what_evaluate_returns(
    source: str, place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if source != "list.csv":
        for label in ("wave", "jump"):
            (tmp_path / label).symlink_to(place / label)
        source = str(tmp_path)
    code, printed, said = run(f"evaluate bundle {source} --json --pattern 1:1", capsys)
    assert (code, said) == (0, "")
    result = evaluate(Classifier(load_bundle("bundle").with_pattern("1:1")), read_list(source).videos)
    assert numbers(printed) == numbers(json.dumps(result.as_dict()))
    assert numbers(printed)["pattern"] == "1:1"


def test_evaluate_average_is_the_baseline_of_the_same_backbones(capsys: pytest.CaptureFixture[str]) -> None:
    code, printed, _ = run("evaluate bundle list.csv --json --aggregator average", capsys)
    result = evaluate(Classifier(baseline(load_bundle("bundle"))), read_list("list.csv").videos)
    assert code == 0 and numbers(printed) == numbers(json.dumps(result.as_dict()))
    assert numbers(printed)["aggregator"] == "average"
    _, printed, _ = run("evaluate bundle list.csv --json --aggregator fast_gru", capsys)
    assert numbers(printed)["aggregator"] == "fast_gru"


def test_evaluate_prints_a_table_and_draws_the_confusion(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "confusion.svg"
    code, printed, said = run(f"evaluate bundle list.csv --plot {picture}", capsys)
    assert (code, said) == (0, f"confusion matrix drawn in {picture}\n")
    assert "4 videos, pattern 1:3, fast_gru" in printed and "per-class mean" in printed
    assert "1 wave" in printed and "3 sit" in printed  # the confusion's rows
    assert picture.read_text().lstrip().startswith("<?xml")


def test_evaluate_lists_what_it_could_not_read_and_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "list.csv").write_text(f"{Path('wave/0.mp4').absolute()},wave\nnone.mp4,jump\n")
    code, printed, said = run(f"evaluate bundle {tmp_path / 'list.csv'} --json", capsys)
    assert (code, said) == (1, "")
    values = json.loads(printed)
    assert (values["num_videos"], values["num_unreadable"]) == (2, 1)
    assert values["videos"][1]["unreadable"] == "No such file or directory"


def test_evaluate_says_how_good_it_is_without_the_missing_videos(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "list.csv").write_text("wave/0.mp4,wave\nwave/1.mp4,wave\nnone.mp4,jump\ntext.mp4,jump\n")
    command = f"evaluate bundle {tmp_path / 'list.csv'} --root ."
    code, printed, said = run(f"{command} --json", capsys)
    values = json.loads(printed)
    assert (code, said) == (1, "")
    assert [video["missing"] for video in values["videos"]] == [False, False, True, False]
    assert (values["num_videos"], values["num_unreadable"], values["num_missing"]) == (4, 2, 1)
    hits = sum(video["correct"] for video in values["videos"])
    assert (values["top1"], values["top1_without_missing"]) == (hits / 4, hits / 3)
    _, printed, _ = run(command, capsys)
    assert re.search(r"unreadable +│ +2 │ counted as wrong", printed)
    assert re.search(r"of them missing +│ +1 │ no such file", printed)
    assert re.search(rf"top-1 without missing +│ +{hits / 3:.1%} │ {hits} of 3 videos on disk", printed)


@pytest.fixture
def splits(tmp_path: Path, place: Path) -> Path:
    """Bundles of their own for splits 1 and 2, and the lists of both."""
    for number in (1, 2):
        bundle = load_bundle("bundle")
        with torch.no_grad():
            bundle.model.classifier.linear.weight.mul_(number)
        save_bundle(bundle, tmp_path / f"run-{number}")
    (tmp_path / "lists").mkdir()
    for number, names in {1: ("wave/0.mp4", "jump/0.mp4", "jump/1.mp4"), 2: ("wave/1.mp4", "jump/1.mp4")}.items():
        (tmp_path / "lists" / f"testlist0{number}.txt").write_text("".join(f"{name}\r\n" for name in names))
        lines = "".join(f"{place / name},{name.split('/')[0]}\n" for name in names)
        (tmp_path / f"own-{number}.csv").write_text(lines)
    return tmp_path


@pytest.mark.parametrize("source", ["lists --root .", "own-{split}.csv"])
def test_evaluate_splits_gives_every_split_as_it_is_alone_and_their_mean(
    source: str, splits: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, printed, said = run(f"evaluate {splits}/run-{{split}} {splits}/{source} --splits 1 2 --json", capsys)
    assert (code, said) == (0, "")
    values = json.loads(printed)
    alone = []
    for number in (1, 2):
        one = f"{source} --split {number}" if source.startswith("lists") else source.format(split=number)
        _, printed, _ = run(f"evaluate {splits}/run-{number} {splits}/{one} --json", capsys)
        alone.append(json.loads(printed))
        shown = values["splits"][number - 1]
        assert (shown.pop("split"), shown.pop("bundle")) == (number, f"{splits}/run-{number}")
        assert numbers(json.dumps(shown)) == numbers(printed)
    for name in ("top1", "top5", "per_class_mean", "top1_without_missing"):
        shares = [one[name] for one in alone]
        assert values["mean"][name] == pytest.approx(statistics.mean(shares))
        assert values["standard_deviation"][name] == pytest.approx(statistics.stdev(shares))
    assert values["confusion"] == (np.array(alone[0]["confusion"]) + np.array(alone[1]["confusion"])).tolist()


def test_evaluate_splits_judges_a_folder_of_features_for_each(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    generator = np.random.default_rng(0)
    backbone = BackboneConfig(name="features", channels=8, map_size=(1, 1, 1))
    config = BundleConfig(
        labels=["wave", "jump", "sit"],
        model=ModelConfig(expensive=backbone, cheap=backbone, pattern="1:0"),
        clips=ClipConfig(num_clips=4, frames_per_clip=8),
        transform=TransformConfig(),
    )
    for number in (1, 2):
        store = tmp_path / f"store-{number}"
        store.mkdir()
        for name in ("a", "b"):
            np.save(store / f"{name}.npy", generator.normal(size=(4, 8)).astype(np.float32))
        (store / "features.csv").write_text("a.npy,wave\nb.npy,jump\n")
        save_bundle(Bundle(model=build_model(config.model, 3).eval(), config=config), tmp_path / f"run-{number}")
    code, printed, said = run(
        f"evaluate {tmp_path}/run-{{split}} {tmp_path}/store-{{split}} --splits 1 2 --json", capsys
    )
    assert (code, said) == (0, "")
    splits = json.loads(printed)["splits"]
    for number, shown in enumerate(splits, start=1):
        _, alone, _ = run(f"evaluate {tmp_path}/run-{number} {tmp_path}/store-{number} --json", capsys)
        assert {name: shown[name] for name in json.loads(alone)} == json.loads(alone)
    assert splits[0]["videos"] != splits[1]["videos"]
    code, table, _ = run(f"evaluate {tmp_path}/run-{{split}} {tmp_path}/store-{{split}} --splits 1 2", capsys)
    assert code == 0 and "mean ± standard deviation" in table


def test_evaluate_splits_prints_a_row_per_split_and_draws_all_together(
    splits: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = splits / "confusion.svg"
    command = f"evaluate {splits}/run-{{split}} {splits}/lists --root . --splits 2 1 --plot {picture}"
    code, printed, said = run(command, capsys)
    assert (code, said) == (0, f"confusion matrix drawn in {picture}\n")
    rows = [line.strip("│ ").split(" │ ") for line in printed.splitlines() if line.startswith("│")]
    assert [row[0].strip() for row in rows[:3]] == ["2", "1", "mean ± standard deviation"]
    assert [row[4].strip() for row in rows[:2]] == ["2", "3"]  # videos
    assert re.search(r"\d% ± \d", rows[2][1]) and "missing" not in printed
    assert picture.read_text().lstrip().startswith("<?xml")


def test_evaluate_splits_counts_missing_videos(splits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (splits / "lists" / "testlist02.txt").open("a") as file:
        file.write("jump/none.avi\n")
    command = f"evaluate {splits}/run-{{split}} {splits}/lists --root . --splits 1 2"
    code, printed, _ = run(f"{command} --json", capsys)
    assert code == 1
    assert [split["num_missing"] for split in json.loads(printed)["splits"]] == [0, 1]
    _, printed, _ = run(command, capsys)
    assert "top-1 without missing" in printed


def test_cost_is_that_of_the_recipe_and_the_pattern(capsys: pytest.CaptureFixture[str]) -> None:
    code, printed, said = run("cost --json", capsys)
    assert (code, said) == (0, "")
    model = faster16().model
    assert json.loads(printed) == {"recipe": "faster16"} | video_cost(model, ClipConfig(), 224, 400).as_dict()
    _, printed, _ = run("cost --recipe tiny --classes 7 --pattern 0:1 --json", capsys)
    values = json.loads(printed)
    assert (values["recipe"], values["pattern"]) == ("tiny", "0:1")
    assert next(part["runs"] for part in values["parts"] if part["name"] == "expensive backbone") == 0
    _, table, _ = run("cost --recipe tiny --classes 7 --pattern 0:1", capsys)
    assert "One video of 8 clips, pattern 0:1" in table
    assert f"{values['ratio']:.1%} of the {values['all_expensive_gmacs']:.3g} GMACs" in table


def test_cost_beside_the_papers(capsys: pytest.CaptureFixture[str]) -> None:
    code, printed, _ = run("cost --paper --json", capsys)
    cells = json.loads(printed)
    assert code == 0 and len(cells) == 29
    assert [cell["row"] for cell in cells if not cell["agrees"]] == [cell["row"] for cell in cells if cell["misprint"]]
    _, table, _ = run("cost --paper", capsys)
    assert all(cell["row"] in table for cell in cells)


def test_make_motion_writes_the_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "set"
    command = f"make-motion {out} --videos 12 --phases 1 --size 32 --frames 20 --phase_frames [8,10] --workers 0"
    assert run(command, capsys) == (0, f"12 videos of 6 labels, train.csv and test.csv in {out}\n", "")
    assert len(read_list(out).videos) == 12
    assert json.loads((out / "motion.json").read_text())["phase_frames"] == [8, 10]


def trained_recipe(command: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Recipe, Any]:
    """The recipe with which `train` is called; nothing is trained."""
    calls: list[Any] = []

    def record(run: Any, *, resume: bool) -> None:
        calls.append(run)
        raise KeyboardInterrupt

    monkeypatch.setattr("faster_video.training.train.train", record)
    assert main(shlex.split(command)) == 130
    return calls[0].recipe, calls[0]


def test_train_takes_the_recipes_values_and_those_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    start = f"train --data list.csv --out {tmp_path / 'run'}"
    recipe, run = trained_recipe(start, monkeypatch)
    assert recipe == get_recipe("tiny") and run.data.source == Path("list.csv")
    recipe, run = trained_recipe(
        f"{start} --recipe motion --stage2.epochs 7 --seed 5 --precision bf16-mixed", monkeypatch
    )
    assert recipe.stage2.epochs == 7 and (run.seed, run.precision) == (5, "bf16-mixed")
    assert (recipe.clips, recipe.model, recipe.stage1_cheap) == (motion().clips, motion().model, motion().stage1_cheap)


def test_train_takes_the_recipe_that_the_config_file_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = tmp_path / "settings.yaml"
    config.write_text("recipe: motion\nseed: 3\nstage2:\n  epochs: 7\nmodel:\n  pattern: '1:7'\n")
    start = f"train --data list.csv --out {tmp_path / 'run'} --config {config}"
    recipe, run = trained_recipe(start, monkeypatch)
    assert recipe.transform == motion().transform and recipe.stage1_cheap == motion().stage1_cheap
    assert (recipe.stage2.epochs, recipe.model.pattern, run.seed) == (7, "1:7", 3)
    recipe, run = trained_recipe(f"{start} --stage2.epochs 9 --seed 4 --model.pattern 1:1", monkeypatch)
    assert (recipe.stage2.epochs, run.seed, recipe.model.pattern) == (9, 4, "1:1")  # the command line has the last word


OPTIONS = {
    "classify": "PATH --list --bundle --pattern --preset --stop_when --gate --device --top --json --jsonl --plot --out "
    "--retry_failed --cluster --workers",
    "extract": "BUNDLE LIST --root --split --part --out --views --networks --clips --seed --resume --cluster --workers",
    "evaluate": "BUNDLE LIST --root --split --splits --pattern --preset --stop_when --gate --device --aggregator "
    "--json --plot --out --retry_failed --cluster --workers",
    "train": "--config --data --out --recipe --validation --backbones --seed --device --precision --workers --resume "
    "--frame_cache --clips.num_clips --clips.frames_per_clip --transform.crop_size --model.expensive.name "
    "--model.cheap.width "
    "--model.aggregator --model.pattern --stage1_expensive.epochs --stage1_cheap.learning_rate --stage2.batch_size "
    "--stage2_stored_views",
    "reproduce": "EXPERIMENT --data --root --split --test --validation_share --recipe --seeds --frames --pretrain "
    "--pretrain_root --finetune_epochs --start --splits --device --precision --jobs --workers --keep_stores "
    "--frame_cache --out --stage2.epochs --model.cheap.width --clips.num_clips",
    "calibrate": "BUNDLE LIST --root --split --max_drop --part --out",
    "gate": "BUNDLE STORE --share --epochs --learning_rate --seed --preset --out",
    "plan": "BUNDLE LIST --root --split --budget --preset --patterns --clips --part --plot --json --out",
    "export": "BUNDLE --format --out",
    "cost": "BUNDLE --recipe --classes --pattern --paper --json",
    "benchmark": "BUNDLE --recipe --video --pattern --device --engine --rounds --json",
    "data": "check",
    "make-motion": "OUT --workers --set " + " ".join(f"--{name}" for name in vars(MotionConfig())),
}


def test_help_names_every_option_and_does_not_wait_for_pytorch() -> None:
    program = """
import contextlib, io, json, sys
from faster_video.cli import main
pages = {}
for command in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()) as page, contextlib.suppress(SystemExit):
        main([command, "--help"] if command else ["--help"])
    pages[command] = page.getvalue()
print(json.dumps([pages, sorted({"torch", "matplotlib", "av", "numpy"} & set(sys.modules))]))
"""
    commands = json.dumps(["", *OPTIONS])
    done = subprocess.run([sys.executable, "-c", program, commands], capture_output=True, text=True, check=True)
    pages, loaded = json.loads(done.stdout)
    assert loaded == []
    assert all(command in pages[""] for command in OPTIONS)
    for command, options in OPTIONS.items():
        missing = [
            option for option in options.split() if not re.search(rf"(^|\W){re.escape(option)}\b", pages[command])
        ]
        assert missing == [], command
    assert all("Exit code: 0; 1 if some videos could not be read" in page for page in pages.values())
    assert "usage: faster-video classify " in pages["classify"] and "[options]" not in pages["classify"]
    assert "Path to a configuration file" not in pages["train"]
    assert "How many videos" in pages["make-motion"] or "Videos in all" in pages["make-motion"]  # fields are explained


def test_only_the_options_of_the_command_that_is_named_are_declared(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("its options are of no use here, and declaring them takes time")

    for name in COMMANDS.keys() - {"backbones"}:
        monkeypatch.setattr(COMMANDS[name], "add_arguments", refuse)
    assert main(["backbones"]) == 0
    assert "efficientnet_lite0" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code in (0, None)
    assert faster_video.__version__ in capsys.readouterr().out
