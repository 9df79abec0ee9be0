"""Distillation: the first weights mean what they claim, cuts are cuts, and a run makes the student agree more."""

import json
import shutil
from dataclasses import fields, replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from faster_video.backbones.published import PUBLISHED, published_backbone, published_labels
from faster_video.bundle import Bundle, load_bundle
from faster_video.cli import main
from faster_video.cli.distill import unlabelled
from faster_video.cli.parser import parse_words
from faster_video.config import BackboneConfig
from faster_video.datasets import LabelledVideo, VideoList
from faster_video.distillation import Distillation, Distilled, distill, distillation_pair, start_as_average
from faster_video.distillation.run import _cut, _cuts
from faster_video.distillation.start import _head
from faster_video.errors import ConfigError, DataError, FasterVideoWarning, StoreError
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


ONE_LINEAR_LAYER = {
    *("efficientnet_lite0", "efficientnet_lite2"),
    *("c2d_r50", "i3d_r50", "slow_r50", "r2plus1d_r50"),
    *("r3d_18", "mc3_18", "r2plus1d_18"),
    *("r2plus1d_34_8_kinetics", "r2plus1d_34_32_kinetics", "r2plus1d_34_8_ig65m", "r2plus1d_34_32_ig65m"),
    *("r2plus1d_152_32_kinetics", "swin3d_t"),
}
OTHER_HEAD = {"x3d_xs", "x3d_s", "x3d_m", "x3d_l", "s3d", "mvit_v2_s"}


def test_of_every_network_with_weights_it_is_known_whether_it_can_be_distilled() -> None:
    assert {name for name, network in PUBLISHED.items() if network.weights} == ONE_LINEAR_LAYER | OTHER_HEAD


@pytest.mark.parametrize("name", sorted(ONE_LINEAR_LAYER | OTHER_HEAD))
def test_the_head_is_found_where_it_is_one_linear_layer(name: str) -> None:
    if name in ("mvit_v2_s", "swin3d_t"):
        pytest.importorskip("torchvision")
    num_classes = len(published_labels(PUBLISHED[name].labels))
    with torch.device("meta"):
        backbone = published_backbone(BackboneConfig(name=name, head="published", scale=0.1), num_classes)
    if name in OTHER_HEAD:
        with pytest.raises(ConfigError, match="own head is not one linear layer after pooling"):
            _head(backbone)
        return
    linear, scale = _head(backbone)
    assert (linear.in_features, linear.out_features, scale) == (PUBLISHED[name].channels, num_classes, 0.1)


def test_a_model_that_has_learned_starts_like_a_fresh_one() -> None:
    fresh, learned = distillation_pair(*NAMES, seed=1).model, distillation_pair(*NAMES, seed=2).model
    for model in (fresh, learned):
        start_as_average(model, seed=3)
    for name, tensor in fresh.state_dict().items():
        assert torch.equal(tensor, learned.state_dict()[name]), name


def test_the_commands_defaults_are_those_of_the_library() -> None:
    told = parse_words(
        ["distill", "--expensive", NAMES[0], "--cheap", NAMES[1], "--data", "a", "--validation", "b", "--out", "c"]
    ).distill
    ours = {field.name: field.default for field in fields(Distillation)}
    for name in ("views", "seed", "device", "workers"):
        assert told[name] == ours[name], name
    assert tuple(told.patterns) == ours["patterns"]
    assert (told.epochs, told.learning_rate) == (distilled().epochs, distilled().learning_rate)


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
        "config": replace(distilled(), epochs=12, warmup_epochs=2, learning_rate=1e-4),
        "workers": 0,
    }
    return Distillation(**(values | changes))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def asked(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Distillation:
    """Settings of a run that is judged on the videos that it learns from: of others, four teach nothing."""
    asked = wanted(videos, tmp_path_factory.mktemp("distilled"))
    return replace(asked, validation=asked.data)


@pytest.fixture(scope="module")
def done(asked: Distillation) -> Distilled:
    """That run's result."""
    shown: list[str] = []
    with pytest.warns(FasterVideoWarning, match="4 of the 4 validation videos are among those to learn from"):
        done = distill(asked, lambda what, now, of: shown.append(what))
    assert {"views", "learning"} <= set(shown)
    return done


@pytest.mark.slow
def test_a_run_makes_the_student_agree(asked: Distillation, done: Distilled) -> None:
    assert done.epoch > 0
    for before, after in zip(done.before, done.after, strict=True):
        if before.aggregator == "fast_gru":
            assert after.kl < before.kl
        else:
            assert after == before  # nothing of it learns
    loaded = load_bundle(asked.out / "bundle")
    assert loaded.config.model.pattern == "1:3" and set(loaded.config.published) == {"expensive", "cheap"}
    assert loaded.config.provenance["agreement"][0]["kl"] == pytest.approx(done.after[0].kl)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:4 of the 4 validation videos")
def test_maps_are_taken_again_and_those_of_other_settings_are_not(
    asked: Distillation, done: Distilled, tmp_path: Path
) -> None:
    out = Path(shutil.copytree(asked.out, tmp_path / "out"))
    shown: list[str] = []
    blown_up = replace(distilled(), epochs=2, warmup_epochs=0, learning_rate=50.0)
    again = replace(asked, out=out, bundle=distillation_pair(*NAMES), config=blown_up)
    worse = distill(again, lambda what, now, of: shown.append(what))
    assert "learning" in shown and "views" not in shown  # the maps are there
    assert [row.kl for row in worse.before] == pytest.approx([row.kl for row in done.before], abs=1e-4)
    assert worse.epoch == 0 and worse.after == worse.before  # the first weights are kept
    assert load_bundle(out / "bundle").config.provenance["distilled"]["best_epoch"] == 0
    with pytest.raises(StoreError, match="views"):
        distill(replace(again, views=2))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("--expensive efficientnet_lite2 --cheap quick", "unknown published network 'quick'; choose one of"),
        ("--expensive r3d50 --cheap efficientnet_lite0", "r3d50 is a network of the paper, of which no weights are"),
        ("--expensive efficientnet_lite2 --cheap efficientnet_lite0 --patterns 1x3", "write it E:C"),
        ("--expensive efficientnet_lite2 --cheap efficientnet_lite0 --views 0", "views is 0; it must be at least 1"),
        ("--expensive efficientnet_lite2 --cheap efficientnet_lite0 --epochs 0", "epochs is 0; it must be at least 1"),
        ("--expensive efficientnet_lite2 --cheap efficientnet_lite0 --epochs -2", "epochs is -2; it must be at least"),
        (
            "--expensive published_samples:small --cheap efficientnet_lite0",
            "is made by a function, and nothing is known",
        ),
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


def broken(folder: Path, names: list[str]) -> Path:
    """A folder with files that are no videos."""
    folder.mkdir()
    for name in names:
        (folder / name).write_bytes(b"no video")
    return folder


def test_the_command_prints_the_agreement_and_what_it_left_out(
    videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, listed = tmp_path / "out", tmp_path / "list.csv"
    listed.write_text(f"path,label\n{videos / '3.mp4'},some\ngone.mp4,some\n")
    held_back = tmp_path / "held_back"
    held_back.mkdir()
    shutil.copy(videos / "5.mp4", held_back)
    words = ["distill", "--data", str(listed), str(videos / "4.mp4"), str(broken(tmp_path / "bad", ["bad.mp4"]))]
    words += ["--validation", str(held_back), "--out", str(out)]
    words += f"--expensive {NAMES[0]} --cheap {NAMES[1]} --views 1 --epochs 1 --workers 0 --patterns 1:3".split()
    assert main(words) == 1
    printed = capsys.readouterr()
    assert (
        "with the first weights, on 1 videos:" in printed.out and f"bundle written to {out / 'bundle'}" in printed.out
    )
    assert "kept: the " in printed.out
    missing, unreadable = printed.err.splitlines()
    assert missing == "1 of 4 videos to learn from are missing and left out"
    assert unreadable.startswith(f"{tmp_path / 'bad' / 'bad.mp4'}: ")
    told = json.loads((out / "bundle" / "config.json").read_text())["provenance"]
    assert told["distilled"]["videos"] == 4 and told["distilled"]["readable"] == 2 and told["distilled"]["missing"] == 1
    assert [told[when][0]["aggregator"] for when in ("agreement_before", "agreement")] == ["fast_gru"] * 2
    assert main(words) == 1  # the same one again
    capsys.readouterr()
    assert main([*words, "--seed", "1"]) == 2
    said = capsys.readouterr().err
    assert f"{out / 'bundle'}: is there already, and not from this distillation; choose another folder" in said


def test_where_no_video_can_be_read_the_first_reason_is_given(
    videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = broken(tmp_path / "bad", ["1.mp4", "2.mp4"])
    words = f"--expensive {NAMES[0]} --cheap {NAMES[1]} --views 1 --workers 0".split()
    words += ["--data", str(bad), "--validation", str(videos), "--out", str(tmp_path / "out")]
    assert main(["distill", *words]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert f"not one of the 2 videos to learn from could be read; {bad / '1.mp4'}: " in said


def test_a_list_of_which_nothing_is_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("gone.mp4 some\n")
    with pytest.raises(DataError, match=r"none of its 1 videos is on disk; the first should be .*gone.mp4; a list's"):
        unlabelled([str(tmp_path / "list.txt")])
