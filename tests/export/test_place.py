"""Where an export goes, what it never replaces, and that this is known before a bundle is read."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from export_samples import small_pair

from faster_video.cli import main
from faster_video.cli.export import _usual_place
from faster_video.errors import ExportError
from faster_video.export import export_bundle, onnx

WAY = "choose a new folder with --out"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Of an export."""
    folder = tmp_path_factory.mktemp("export") / "graphs"
    export_bundle(small_pair(), folder, "torch-export")
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.fixture
def graphs(files: dict[str, bytes], tmp_path: Path) -> Path:
    """A folder with an export."""
    (tmp_path / "graphs").mkdir()
    for name, content in files.items():
        (tmp_path / "graphs" / name).write_bytes(content)
    return tmp_path / "graphs"


def edit_example(folder: Path) -> None:
    with (folder / "run_video.py").open("a") as file:
        file.write("print('mine')\n")


def forget_example(folder: Path) -> None:
    about = json.loads((folder / "graphs.json").read_text("utf-8"))
    del about["example_sha256"]
    (folder / "graphs.json").write_text(json.dumps(about), "utf-8")


CHANGED = "/run_video.py: was changed since it was exported, and would be lost; move it elsewhere, or " + WAY
NOT_OURS = f": holds 'cheap.pt2', which would be lost, and no graphs.json that says it was exported; {WAY}"


@pytest.mark.parametrize(
    "change, said",
    [
        (edit_example, CHANGED),
        (forget_example, CHANGED),
        (lambda folder: (folder / "graphs.json").unlink(), NOT_OURS),
        (lambda folder: (folder / "graphs.json").write_text('{"format": "of my own"}'), NOT_OURS),
        (lambda folder: (folder / "graphs.json").write_text("[1, 2]"), NOT_OURS),
        (lambda folder: (folder / "graphs.json").write_bytes(b"\xff"), NOT_OURS),
    ],
)
def test_what_somebody_made_is_not_replaced(change: Callable[[Path], object], said: str, graphs: Path) -> None:
    change(graphs)
    before = {file.name: file.read_bytes() for file in graphs.iterdir()}
    with pytest.raises(ExportError) as caught:
        export_bundle(small_pair(), graphs, "torch-export")
    assert str(caught.value) == f"{graphs}{said}"
    assert {file.name: file.read_bytes() for file in graphs.iterdir()} == before


@pytest.mark.parametrize("missing", [["run_video.py"], ["step.pt2"], []])
def test_an_export_is_replaced_and_one_that_lost_files_too(
    missing: list[str], files: dict[str, bytes], graphs: Path
) -> None:
    for name in missing:
        (graphs / name).unlink()
    export_bundle(small_pair(), graphs, "torch-export")
    assert {file.name for file in graphs.iterdir()} == files.keys()


def test_an_empty_folder_is_filled(files: dict[str, bytes], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    export_bundle(small_pair(), tmp_path / "empty", "torch-export")
    assert {file.name for file in (tmp_path / "empty").iterdir()} == files.keys()


def test_the_current_folder_is_not_replaced(graphs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(graphs)
    for name in (".", "../graphs", str(graphs)):
        with pytest.raises(ExportError) as caught:
            export_bundle(small_pair(), name, "torch-export")
        said = f"{name}: is the current folder, which graphs would replace; choose a new one with --out"
        assert str(caught.value) == said


@pytest.mark.parametrize(
    "options, said",
    [
        ("--format tflite", "unknown format 'tflite'; choose one of onnx, openvino, torch-export"),
        ("--format onnx", "the format onnx needs onnx, onnxscript, onnxruntime, not installed; pip install"),
        ("--format torch-export --out .", ".: is the current folder, which graphs would replace"),
        ("--format torch-export --out mine", "mine: holds 'diary.txt', which is no part of exported graphs"),
        ("--format torch-export --out mine/diary.txt/x", "mine/diary.txt/x: cannot write the graphs there: Not a"),
    ],
)
def test_what_is_refused_is_refused_before_the_bundle_is_read(
    options: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "diary.txt").write_text("dear diary")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(onnx, "find_spec", lambda _: None)
    assert main(["export", "no/bundle/here", *options.split()]) == 2
    assert capsys.readouterr().err.startswith(f"faster-video: error: {said}")


@pytest.mark.parametrize(
    "bundle, place",
    [
        ("alice/waves", "waves-onnx"),
        ("alice/waves@v1", "waves-onnx"),
        ("alice/waves@refs/pr/1", "waves-onnx"),
        ("default", "default-onnx"),
        ("runs/mine/bundle", "{here}/runs/mine/bundle-onnx"),
        ("./runs/mine/bundle/", "{here}/runs/mine/bundle-onnx"),
        ("runs/mine@v1", "{here}/runs/mine@v1-onnx"),
        ("no/bundle/here", "here-onnx"),
    ],
)
def test_where_graphs_go_by_themselves(
    bundle: str, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "runs" / "mine" / "bundle").mkdir(parents=True)
    (tmp_path / "runs" / "mine@v1").mkdir()
    monkeypatch.chdir(tmp_path)
    assert _usual_place(bundle, "onnx") == Path(place.format(here=tmp_path))
