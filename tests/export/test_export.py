"""Exported graphs answer as the bundle does, whatever folds the clips, whatever runs the graphs."""

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from export_samples import need, of_classifier, of_graphs, small_pair
from inference_samples import LABELS, small_bundle, write_sample
from torch import nn

import faster_video
from faster_video.backbones.published import pair
from faster_video.bundle import Bundle, BundleConfig, save_bundle
from faster_video.cli import main
from faster_video.config import AGGREGATOR_NAMES, ClipConfig
from faster_video.export import FORMATS, export_bundle
from faster_video.export.onnx import OPSET
from faster_video.model import build_model

TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sample(tmp_path_factory.mktemp("video") / "sample.mp4", num_frames=60)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Format → a small pair's export in it, which tests only read."""

    @cache
    def made(form: str) -> Path:
        folder = tmp_path_factory.mktemp("exported") / form
        export_bundle(small_pair(), folder, form)
        return folder

    return made


def rewrite_pattern(folder: Path, expensive: int, cheap: int | None) -> None:
    """As docs/export.md has it: a pattern is a line of graphs.json."""
    about = json.loads((folder / "graphs.json").read_text("utf-8"))
    about["pattern"] = {"expensive": expensive, "cheap": cheap}
    (folder / "graphs.json").write_text(json.dumps(about), "utf-8")


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("aggregator", AGGREGATOR_NAMES)
def test_every_clip_has_the_classifiers_probabilities_under_any_pattern(
    aggregator: str, form: str, video: Path, tmp_path: Path
) -> None:
    need(form)
    bundle = small_pair(aggregator, "1:3")
    export_bundle(bundle, tmp_path / "graphs", form)
    answers = {}
    for pattern, (expensive, cheap) in {"1:3": (1, 3), "1:1": (1, 1), "first": (1, None)}.items():
        if pattern != "1:3":
            rewrite_pattern(tmp_path / "graphs", expensive, cheap)
        answers[pattern] = of_classifier(bundle.with_pattern(pattern), video)
        np.testing.assert_allclose(of_graphs(tmp_path / "graphs", bundle, video), answers[pattern], atol=TOLERANCE)
    assert np.abs(answers["1:3"] - answers["1:1"]).max() > 100 * TOLERANCE  # so that a wrong one would be noticed


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMATS)
def test_the_command_and_the_example_answer_as_classify(
    form: str, video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    need(form)
    save_bundle(small_bundle("1:2"), tmp_path / "bundle")
    assert main(["export", str(tmp_path / "bundle"), "--format", form]) == 0
    said = capsys.readouterr().out
    out = tmp_path / f"bundle-{form}"  # beside the bundle
    assert f"written to {out}" in said and all(file.name in said for file in out.glob("step.*"))
    found = run_example(out, video, form)
    assert main(["classify", str(video), "--bundle", str(tmp_path / "bundle"), "--json"]) == 0
    (wanted,) = json.loads(capsys.readouterr().out)
    assert [each["label"] for each in found["labels"]] == [each["label"] for each in wanted["labels"]]
    assert [each["label"] for each in found["clips"]] == [each["label"] for each in wanted["clips"]]
    networks = ["expensive" if each["expensive"] else "cheap" for each in wanted["clips"]]
    assert [each["network"] for each in found["clips"]] == networks
    for what in ("labels", "clips"):
        ours, theirs = ([each["probability"] for each in values[what]] for values in (wanted, found))
        np.testing.assert_allclose(theirs, ours, atol=TOLERANCE)


def run_example(folder: Path, video: Path, form: str) -> Any:
    """What it prints, in a process that has neither this package nor, where it can do without, PyTorch."""
    barred = ["faster_video"] if form == "torch-export" else ["faster_video", "torch"]
    program = "import runpy, sys; sys.modules.update(dict.fromkeys(sys.argv.pop(1).split())); sys.argv.pop(0); "
    program += "runpy.run_path(sys.argv[0], run_name='__main__')"
    words = [sys.executable, "-c", program, " ".join(barred), str(folder / "run_video.py"), str(video)]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
def test_published_image_networks_that_see_frames_of_their_own_size(video: Path, tmp_path: Path) -> None:
    need("onnx")
    torch.manual_seed(0)
    settings = pair("efficientnet_lite2", "efficientnet_lite0", pattern="1:1")
    model = build_model(settings.model, len(LABELS)).eval()
    nn.init.normal_(model.classifier.linear.weight, std=10.0)
    clips = ClipConfig(num_clips=2, frames_per_clip=8)
    config = BundleConfig(labels=LABELS, model=settings.model, clips=clips, transform=settings.transform)
    bundle = Bundle(model=model, config=config)
    assert export_bundle(bundle, tmp_path / "graphs", "onnx").difference < TOLERANCE
    wanted = of_classifier(bundle, video)
    assert np.abs(wanted[0] - wanted[1]).max() > 100 * TOLERANCE
    np.testing.assert_allclose(of_graphs(tmp_path / "graphs", bundle, video), wanted, atol=TOLERANCE)


def test_the_graphs_are_of_the_version_of_onnx_that_the_page_names(exported: Callable[[str], Path]) -> None:
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    for file in exported("onnx").glob("*.onnx"):
        assert [(each.domain, each.version) for each in onnx.load(file).opset_import] == [("", OPSET)]
    page = Path(__file__).parents[2] / "docs" / "export.md"
    assert f"opset {OPSET}" in page.read_text("utf-8")


def test_graphs_json_says_what_the_runtime_says(tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    bundle = small_pair("lstm")
    export_bundle(bundle, tmp_path / "graphs", "onnx")
    about = json.loads((tmp_path / "graphs" / "graphs.json").read_text("utf-8"))
    for graph in about["graphs"].values():
        session = onnxruntime.InferenceSession(tmp_path / "graphs" / graph["file"])
        for kind, ports in (("inputs", session.get_inputs()), ("outputs", session.get_outputs())):
            said = {each["name"]: each["shape"] for each in graph[kind]}
            assert list(said.items()) == [(each.name, each.shape) for each in ports]
    shapes = {name: [port["shape"] for port in graph["inputs"]] for name, graph in about["graphs"].items()}
    assert shapes["expensive"] == shapes["cheap"] == [[1, 3, 8, 32, 32]]
    assert shapes["step"] == [[1, 16, 2, 3, 3], [1, 2, 16], [1]]
    assert about["labels"] == LABELS
    assert about["clips"] == {"num_clips": 6, "frames_per_clip": 8, "frame_stride": 1}
    assert about["pattern"] == {"expensive": 1, "cheap": 3, "written": "1:3"}
    pixels = about["pixels"]
    assert (pixels["short_side"], pixels["crop_size"], pixels["std"]) == (36, 32, [0.225, 0.225, 0.225])


@pytest.mark.parametrize("form", FORMATS)
def test_the_files_are_not_pickled_and_name_no_file_of_ours(form: str, exported: Callable[[str], Path]) -> None:
    need(form)
    for file in exported(form).glob("*.pt2"):
        with zipfile.ZipFile(file) as archive:
            pickled = [info for info in archive.infolist() if info.filename.endswith((".pt", ".pkl"))]
            assert [info.file_size for info in pickled] == [0]
    for file in exported(form).iterdir():
        assert str(Path(faster_video.__file__).parent).encode() not in file.read_bytes(), file


def test_an_export_takes_the_place_of_one_in_another_format(tmp_path: Path) -> None:
    need("onnx")
    for form in ("onnx", "torch-export"):
        export_bundle(small_pair(), tmp_path / "graphs", form)
    assert sorted(file.name for file in (tmp_path / "graphs").iterdir()) == [
        "cheap.pt2",
        "expensive.pt2",
        "graphs.json",
        "run_video.py",
        "step.pt2",
    ]
