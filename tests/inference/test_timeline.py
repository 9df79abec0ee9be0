"""The timeline as table and picture, with labels and names that rich or matplotlib would take for markup."""

import dataclasses
from io import StringIO
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest
from inference_samples import LABELS, small_bundle, write_sample
from rich.console import Console

from faster_video.inference import Classification, Classifier, plot_timeline, timeline_table
from faster_video.inference.timeline import leading_labels
from faster_video.pictures import PictureError, require_picture_path


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory) -> Classification:
    video = write_sample(tmp_path_factory.mktemp("videos") / "[red] $a_b$ 100%.mp4")
    return Classifier(small_bundle(num_clips=8), "cpu").classify(video)


def test_table_has_a_line_per_clip(answer: Classification) -> None:
    console = Console(file=StringIO(), width=200)
    console.print(timeline_table(answer))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "[red] $a_b$ 100%.mp4" in text
    lines = [line for line in text.splitlines() if "expensive │" in line or "cheap     │" in line]
    assert len(lines) == 8
    assert [("expensive" in line) for line in lines] == [clip.expensive for clip in answer.clips]
    for line, clip in zip(lines, answer.clips, strict=True):
        assert f"{clip.start_seconds:.2f} – {clip.end_seconds:.2f}" in line
        assert clip.label in line
        assert f"{clip.probability:.1%}" in line
    assert f"{answer.gmacs / answer.gmacs_all_expensive:.1%} of the" in text


def test_picture_is_a_real_png_of_sensible_size(answer: Classification, tmp_path: Path) -> None:
    plot_timeline(answer, tmp_path / "new" / "timeline.png")
    picture = matplotlib.image.imread(tmp_path / "new" / "timeline.png")  # [H, W, 4] in 0 … 1
    height, width, _ = picture.shape
    assert 900 <= width <= 2000 and 400 <= height <= 1500
    assert np.unique(picture[..., :3].reshape(-1, 3), axis=0).shape[0] > 20
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["timeline.png"]


@pytest.mark.parametrize("suffix", [".jpg", ".pdf", ".svg", ".webp", ".PNG"])
def test_other_kinds_of_picture(suffix: str, answer: Classification, tmp_path: Path) -> None:
    plot_timeline([answer], tmp_path / f"timeline{suffix}")
    starts = {".jpg": b"\xff\xd8", ".pdf": b"%PDF", ".svg": b"<?xml", ".webp": b"RIFF", ".PNG": b"\x89PNG"}
    assert (tmp_path / f"timeline{suffix}").read_bytes().startswith(starts[suffix])


def test_many_videos_share_one_picture_up_to_a_limit(answer: Classification, tmp_path: Path) -> None:
    plot_timeline([answer] * 2, tmp_path / "two.png")
    plot_timeline([answer] * 13, tmp_path / "thirteen.png")
    two, thirteen = (matplotlib.image.imread(tmp_path / name) for name in ("two.png", "thirteen.png"))
    assert thirteen.shape[0] == pytest.approx(6 * two.shape[0], rel=0.05)  # twelve are drawn


@pytest.mark.parametrize("given, left_out, said", [(1, 0, None), (1, 3, "and 3 more videos"), (13, 2, "and 3 more")])
def test_picture_says_how_many_videos_it_leaves_out(
    given: int, left_out: int, said: str | None, answer: Classification, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures: list[Any] = []
    monkeypatch.setattr("faster_video.inference.timeline.save_picture", lambda figure, _: figures.append(figure))
    plot_timeline([answer] * given, "unused.png", left_out=left_out)
    text = figures[0].get_supxlabel()
    assert text.startswith(said) and text.endswith("not drawn") if said else text == ""


def test_control_characters_of_a_label_do_not_reach_the_terminal(answer: Classification) -> None:
    clips = [dataclasses.replace(clip, label="\x1b[31m") for clip in answer.clips]
    console = Console(file=StringIO(), width=200)
    console.print(timeline_table(dataclasses.replace(answer, clips=clips)))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "\x1b" not in text and text.count("\\x1b[31m") == 9


def test_leading_labels_include_the_winner_and_what_led_on_the_way(answer: Classification) -> None:
    led = {clip.label for clip in answer.clips}
    chosen = leading_labels(answer)
    assert chosen[0] == answer.label
    assert led <= set(chosen) <= set(LABELS)


def test_labels_that_stay_near_zero_get_no_line(answer: Classification) -> None:
    clip = dataclasses.replace(answer.clips[0], label="run", probability=0.7, probabilities=[0.02, 0.28, 0.7])
    assert leading_labels(dataclasses.replace(answer, classes=["wave", "jump", "run"], clips=[clip])) == ["run", "jump"]


def test_wrong_endings_are_refused_before_any_work(tmp_path: Path) -> None:
    for name in ("plot", "plot.gif", "plot.mp4"):
        with pytest.raises(PictureError) as caught:
            require_picture_path(tmp_path / name)
        assert str(caught.value) == (
            f"{tmp_path / name}: the picture's name must end in one of .jpg, .pdf, .png, .svg, .webp"
        )
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(PictureError, match=r"folder\.png: is a folder; name a picture file in it"):
        require_picture_path(tmp_path / "folder.png")
    (tmp_path / "file").touch()
    for place in (tmp_path / "file" / "plot.png", Path("/proc/plot.png"), Path("/proc/none/plot.png")):
        with pytest.raises(PictureError) as caught:
            require_picture_path(place)
        assert str(caught.value).startswith(f"{place}: cannot write the picture there: ")
    require_picture_path(tmp_path / "new" / "plot.png")  # a missing folder will be made
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.png"]
    assert require_picture_path(str(tmp_path / "plot.PNG")) == tmp_path / "plot.PNG"


def test_place_that_cannot_be_written_is_named(answer: Classification, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PictureError, match=r"file/plot\.png: cannot write the picture there: "):
        plot_timeline(answer, tmp_path / "file" / "plot.png")


def test_failed_drawing_leaves_the_old_picture(answer: Classification, tmp_path: Path) -> None:
    target = tmp_path / "plot.png"
    target.write_bytes(b"old")
    broken = dataclasses.replace(answer, classes=[])
    with pytest.raises(ValueError):
        plot_timeline(broken, target)
    assert target.read_bytes() == b"old"
