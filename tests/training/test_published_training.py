"""Two frozen published networks: only what folds their maps together is trained."""

from pathlib import Path

import pytest
import torch
from published_samples import small
from training_samples import write_small_set

from faster_video.bundle import Bundle, load_bundle
from faster_video.cli import main
from faster_video.cli.parser import parse_words

NAME = "published_samples:small"
PAIR = ["--expensive", NAME, "--cheap", NAME]
FEW = ["--stage2.epochs", "3", "--stage2.warmup_epochs", "1", "--stage2.batch_size", "8", "--workers", "0"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_set(tmp_path_factory.mktemp("labelled") / "set")


def train(data: Path, out: Path, *words: str) -> int:
    return main(["train", "--data", str(data / "train.csv"), "--out", str(out), *FEW, *words])


def heads(bundle: Bundle) -> dict[str, torch.Tensor]:
    return {name: value for name, value in bundle.model.state_dict().items() if "classifier" in name.split(".")}


def test_only_stage_2_is_trained(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(data, tmp_path / "run", *PAIR, "--validation", str(data / "test.csv")) == 0
    assert not (tmp_path / "run" / "stage1_expensive").exists() and (tmp_path / "run" / "stage2").is_dir()
    bundle = load_bundle(tmp_path / "run" / "bundle")
    assert bundle.config.clips.frames_per_clip == 8 and bundle.config.transform.crop_size == 32
    of_network = small().state_dict()
    for name in ("expensive", "cheap"):
        trained = bundle.model.state_dict()
        assert all(torch.equal(trained[f"{name}.network.{part}"], value) for part, value in of_network.items())
    assert bundle.config.provenance["metrics"]["data"]["videos"] > 0
    capsys.readouterr()
    assert main(["evaluate", str(tmp_path / "run" / "bundle"), str(data / "test.csv"), "--aggregator", "average"]) == 2
    assert capsys.readouterr().err == (
        "faster-video: error: aggregator is 'average', but this bundle was trained with 'fast_gru', which leaves the "
        f"own classifiers of {NAME} untrained; train one with --model.aggregator average\n"
    )


def test_averaged_scores_have_linear_heads_that_are_trained(data: Path, tmp_path: Path) -> None:
    average = ["--model.aggregator", "average", "--model.pattern", "1:1"]
    for out, epochs in (("first", "0"), ("later", "3")):
        words = [*PAIR, *average, "--stage2.warmup_epochs", "0", "--stage2.epochs", epochs]
        assert train(data, tmp_path / out, *words) == 0
    assert (
        main(["evaluate", str(tmp_path / "later" / "bundle"), str(data / "test.csv"), "--aggregator", "average"]) == 0
    )
    first, later = (heads(load_bundle(tmp_path / out / "bundle")) for out in ("first", "later"))
    changed = {name for name, value in first.items() if not torch.equal(value, later[name])}
    assert changed == {
        f"{network}.classifier.linear.{part}" for network in ("expensive", "cheap") for part in ("weight", "bias")
    }


def test_a_run_goes_on_and_is_repeated_by_its_own_settings(data: Path, tmp_path: Path) -> None:
    assert train(data, tmp_path / "run", *PAIR) == 0
    assert train(data, tmp_path / "run", *PAIR, "--resume") == 0
    assert main(["train", "--config", str(tmp_path / "run" / "config.yaml"), "--out", str(tmp_path / "again")]) == 0
    first, again = (load_bundle(tmp_path / out / "bundle").model.state_dict() for out in ("run", "again"))
    assert all(torch.equal(value, again[name]) for name, value in first.items())


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--expensive", NAME], "--expensive is given without --cheap; name both networks (see faster-video backbones"),
        (["--cheap", NAME], "--cheap is given without --expensive; name both networks (see faster-video backbones)"),
        (["--expensive", "x3d_m", "--cheap", "quick"], "unknown published network 'quick'; choose one of "),
        (["--expensive", "x3d_m", "--cheap", "x3d_xs"], "x3d_m: its weights are not on this machine; faster-video "),
        ([*PAIR, "--backbones", "default"], "--expensive and --cheap are given beside --backbones, which has networks"),
        (["--expensive", "nowhere:build", "--cheap", NAME], "'nowhere:build', which cannot be imported: No module"),
        (["--recipe", "faster16", "--model.expensive.name", "x3d_m"], "published networks are not trained here; give "),
        ([*PAIR, "--model.cheap.name", "x3d_m"], "but model.expensive and model.cheap are published_samples:small and"),
        ([*PAIR, "--model.cheap.frames", "20"], "frames_per_clip is 8, but the cheap network looks at 20 frames of "),
        ([*PAIR, "--model.expensive.frames", "20"], "but the expensive network looks at 20 frames of every clip; "),
        ([*PAIR, "--stage1_cheap.epochs", "3"], "stage1_cheap is given beside --expensive and --cheap, but "),
        ([*PAIR, "--recipe", "tiny", "--stage1_expensive.mixup", "0.1"], "stage1_expensive is given beside "),
        ([*PAIR, "--transform.mean", "[0.5, 0.5, 0.5]"], "with a published network, which makes its own of them, they"),
    ],
)  # fmt: skip
def test_wrong_uses_are_said_in_a_sentence(
    words: list[str],
    sentence: str,
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert train(data, tmp_path / "run", *words) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and sentence in said[0], said
    assert not (tmp_path / "run").exists()


def test_a_recipe_that_trains_networks_is_taken_without_that() -> None:
    given = parse_words(["train", "--data", "list.csv", *PAIR, "--recipe", "tiny"]).train
    assert (given.stage1_expensive.epochs, given.stage1_cheap.epochs, given.stage2.epochs) == (0, 0, 16)


@pytest.mark.parametrize(
    ("words", "rate"),
    [
        ([], 1e-3),
        (["--model.aggregator", "average"], 0.1),
        (["--config", "average.yaml"], 0.1),
        (["--model.aggregator", "average", "--recipe", "frozen"], 1e-3),
        (["--model.aggregator", "average", "--stage2.learning_rate", "0.01"], 0.01),
    ],
)
def test_linear_heads_on_frozen_maps_have_a_rate_of_their_own(
    words: list[str], rate: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("average.yaml").write_text("model:\n  aggregator: average\n")
    options = parse_words(["train", "--data", "list.csv", *PAIR, *words])
    assert options.train.stage2.learning_rate == rate
