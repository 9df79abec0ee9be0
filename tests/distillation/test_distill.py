"""Distillation: the first weights mean what they claim, cuts are cuts, and a run makes the student agree more."""

import json
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from faster_video.backbones.published import PUBLISHED
from faster_video.bundle import Bundle, load_bundle
from faster_video.cli import main
from faster_video.config import BackboneConfig
from faster_video.datasets import LabelledVideo, VideoList
from faster_video.distillation import Distillation, distill, distillation_pair, start_as_average
from faster_video.distillation.run import _cut, _cuts
from faster_video.errors import ConfigError, StoreError
from faster_video.model import build_model
from faster_video.recipes import distilled
from faster_video.video import write_video

NAMES = ("efficientnet_lite2", "efficientnet_lite0")


@pytest.fixture(scope="module")
def started() -> Bundle:
    bundle = distillation_pair(*NAMES)
    start_as_average(bundle.model)
    return bundle


def clip(seed: int) -> torch.Tensor:
    """Smooth colours, so that the networks see something."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 8, 6, 6, generator=generator) * 4 - 2
    return torch.nn.functional.interpolate(coarse, (8, 64, 64), mode="trilinear")


@torch.inference_mode()
def test_the_first_answer_is_the_expensive_networks_own(started: Bundle) -> None:
    model = started.model
    answer, _ = model.step(clip(0))
    own = model.expensive.classifier(model.expensive(clip(0))).log_softmax(dim=-1)
    torch.testing.assert_close(answer, own, rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_the_projected_cheap_map_answers_as_the_cheap_network_does(started: Bundle) -> None:
    model = started.model
    maps = model.cheap(clip(1))
    torch.testing.assert_close(
        model.classifier(model.projection(maps)), model.cheap.classifier(maps), rtol=1e-3, atol=1e-3
    )


@torch.inference_mode()
def test_the_state_is_a_running_mean(started: Bundle) -> None:
    model = started.model
    first, second = model.expensive(clip(2)), model.expensive(clip(3))
    state = model.aggregator.step(second, first)
    mean = 0.75 * first + 0.25 * second
    assert float((state - mean).abs().max()) < 0.04 * float(mean.abs().max())  # tanh bends the largest values


def test_other_aggregators_and_heads_are_refused() -> None:
    config = distillation_pair(*NAMES).config.model
    with torch.device("meta"):
        gru = build_model(replace(config, aggregator="gru"), 1000)
        own = BackboneConfig(name="r2d26", width=1 / 64)
        ours = build_model(replace(config, expensive=own, cheap=own), 1000)
    with pytest.raises(ConfigError, match="the aggregator is not fast_gru"):
        start_as_average(gru)
    with pytest.raises(ConfigError, match="own head is not one linear layer after pooling"):
        start_as_average(ours)


@given(videos=st.integers(1, 6), clips=st.integers(1, 9), seed=st.integers(0, 99))
def test_after_a_cut_the_next_video_goes_on(videos: int, clips: int, seed: int) -> None:
    maps = [torch.full((videos, 1, 1, 1, 1), 100.0) * number for number in range(clips)]
    maps = [each + torch.arange(videos)[:, None, None, None, None] for each in maps]  # 100 * clip + video
    cuts = _cuts(videos, clips, Random(seed))
    assert all(1 <= cut <= clips for cut in cuts)
    for number, found in enumerate(_cut(maps, cuts)):
        for video, cut in enumerate(cuts):
            shown = video if number < cut else (video + 1) % videos
            assert found[video].item() == 100 * number + shown


def test_half_of_the_videos_are_cut() -> None:
    cuts = _cuts(1000, 8, Random(0))
    assert 400 < sum(cut < 8 for cut in cuts) < 475  # of the half, one in eight is cut after its last clip


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six videos of drifting smooth colours."""
    folder = tmp_path_factory.mktemp("unlabelled")
    for seed in range(6):
        pixels = torch.nn.functional.interpolate(clip(seed), (24, 64, 96), mode="trilinear")[0]  # [3, T, H, W]
        frames = ((pixels + 2) * 63).byte().movedim(0, -1).numpy()
        write_video(folder / f"{seed}.mp4", iter(np.ascontiguousarray(frames)), 12)
    return folder


def wanted(videos: Path, out: Path, **changes: object) -> Distillation:
    found = tuple(LabelledVideo(path, "unlabelled") for path in sorted(videos.iterdir()))
    values = {
        "bundle": distillation_pair(*NAMES),
        "data": VideoList(videos, found[:4]),
        "validation": VideoList(videos, found[4:]),
        "out": out,
        "patterns": ("1:7", "1:3"),
        "views": 1,
        "config": replace(distilled(), epochs=24, warmup_epochs=2, learning_rate=1e-4),
        "workers": 0,
    }
    return Distillation(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_run_makes_the_student_agree(videos: Path, tmp_path: Path) -> None:
    shown: list[str] = []
    learned = VideoList(videos, tuple(LabelledVideo(path, "unlabelled") for path in sorted(videos.iterdir())[:4]))
    asked = wanted(videos, tmp_path, validation=learned)  # of others, four teach nothing
    done = distill(asked, lambda what, now, of: shown.append(what))
    for before, after in zip(done.before, done.after, strict=True):
        if before.aggregator == "fast_gru":
            assert after.kl < before.kl
        else:
            assert after == before  # nothing of it learns
    assert {"views", "learning"} <= set(shown)
    loaded = load_bundle(tmp_path / "bundle")
    assert loaded.config.model.pattern == "1:3" and set(loaded.config.published) == {"expensive", "cheap"}
    assert loaded.config.provenance["agreement"][0]["kl"] == pytest.approx(done.after[0].kl)


def test_maps_are_taken_again_and_those_of_other_settings_are_not(videos: Path, tmp_path: Path) -> None:
    few = {"config": replace(distilled(), epochs=1, warmup_epochs=0)}
    done = distill(wanted(videos, tmp_path, **few))
    shown: list[str] = []
    again = distill(wanted(videos, tmp_path, **few), lambda what, now, of: shown.append(what))
    assert "views" not in shown  # the maps are there
    assert [row.kl for row in again.after] == pytest.approx([row.kl for row in done.after], abs=1e-4)
    with pytest.raises(StoreError, match="views"):
        distill(wanted(videos, tmp_path, views=2, **few))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("--expensive efficientnet_lite2 --cheap quick", "unknown published network 'quick'; choose one of"),
        ("--expensive r3d50 --cheap efficientnet_lite0", "r3d50 is a network of the paper, of which no weights are"),
        ("--expensive efficientnet_lite2 --cheap efficientnet_lite0 --patterns 1x3", "write it E:C"),
        ("--expensive efficientnet_lite2 --cheap efficientnet_lite0 --views 0", "views is 0; it must be at least 1"),
        ("--expensive efficientnet_lite2 --cheap efficientnet_lite0 --validation none.mp4", "none.mp4: does not exist"),
    ],
)
def test_wrong_uses_are_said_in_a_sentence(
    words: str, sentence: str, videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rest = ["--data", str(videos), "--out", str(tmp_path / "out")]
    validation = [] if "--validation" in words else ["--validation", str(videos)]
    assert main(["distill", *rest, *validation, *words.split()]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and sentence in said[0], said
    assert not (tmp_path / "out").exists()


def test_networks_of_different_labels_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    other = replace(PUBLISHED["efficientnet_lite0"], labels="kinetics400")
    monkeypatch.setitem(PUBLISHED, "efficientnet_lite0", other)
    with pytest.raises(ConfigError, match="only networks of the same list can be distilled"):
        distillation_pair(*NAMES)


def test_the_command_prints_the_agreement(videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    words = f"--expensive {NAMES[0]} --cheap {NAMES[1]} --views 1 --epochs 1 --workers 0 --patterns 1:3"
    assert main(["distill", "--data", str(videos), "--validation", str(videos), "--out", str(out), *words.split()]) == 0
    printed = capsys.readouterr().out
    assert "with the first weights, on 6 videos:" in printed and f"bundle written to {out / 'bundle'}" in printed
    told = json.loads((out / "bundle" / "config.json").read_text())
    assert told["provenance"]["distilled"]["videos"] == 6
