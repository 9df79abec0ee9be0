"""From an official list to a trained and evaluated bundle, end to end, in every form of LIST."""

import json
from pathlib import Path

import pytest
from official_trees import TREES, Tree, write_tree
from training_samples import small_recipe, write_small_set

from faster_video.bundle import load_bundle
from faster_video.cli import main
from faster_video.datasets import read_list
from faster_video.training.run import RunConfig
from faster_video.training.train import train


@pytest.fixture(scope="module")
def motion_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_set(tmp_path_factory.mktemp("set") / "motion")


def train_on(tree: Tree, out: Path, *, split: int | None = None) -> Path:
    """The bundle trained for one epoch of every stage on what is on disk."""
    data = read_list(tree.data, root=tree.root, split=split, part="train").present()
    run = RunConfig(recipe=small_recipe(epochs=1), data=data, out=out, workers=0)
    train(run)
    return run.bundle_folder


def evaluated(command: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, object]]:
    """Exit code and JSON."""
    capsys.readouterr()
    code = main(["evaluate", *command, "--json", "--device", "cpu"])
    captured = capsys.readouterr()
    return code, json.loads(captured.out)


@pytest.mark.parametrize("kind", TREES)
def test_every_form_of_list_is_trained_on_and_evaluated(
    kind: str, motion_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = write_tree(kind, tmp_path / "data", motion_set)
    listed = read_list(tree.data, root=tree.root, part="train")
    assert len(listed.videos) - len(listed.missing) == 24
    assert len(listed.missing) == (kind in ("Kinetics", "path label"))
    bundle = train_on(tree, tmp_path / "run")
    assert load_bundle(bundle).labels == listed.present().labels and len(listed.present().labels) == 12
    assert not (tmp_path / "run" / "broken.csv").exists()
    root = [] if tree.root is None else ["--root", str(tree.root)]
    code, values = evaluated([str(bundle), str(tree.validation), *root], capsys)
    missing = int(kind == "path label")
    assert (code, values["num_videos"], values["num_unreadable"]) == (missing, 12 + missing, missing)
    assert values["num_missing"] == missing


def test_the_mean_over_splits_is_of_bundles_trained_apart(
    motion_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = write_tree("UCF-101", tmp_path / "data", motion_set)
    for split in (1, 3):
        train_on(tree, tmp_path / f"run-{split}", split=split)
    command = [str(tmp_path / "run-{split}" / "bundle"), str(tree.data), "--splits", "1", "3"]
    code, values = evaluated(command, capsys)
    shown = values["splits"]
    assert code == 0 and isinstance(shown, list) and isinstance(values["mean"], dict)
    assert [(split["split"], split["num_videos"]) for split in shown] == [(1, 12), (3, 12)]
    assert values["mean"]["top1"] == pytest.approx(sum(split["top1"] for split in shown) / 2)
    assert {video["path"] for video in shown[0]["videos"]}.isdisjoint(video["path"] for video in shown[1]["videos"])
