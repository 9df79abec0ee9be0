"""A bundle that knows something, made-up videos of several labels, and both networks' maps of them."""

from dataclasses import replace
from pathlib import Path

import torch
from inference_samples import LABELS, small_bundle, write_sample

from faster_video.bundle import Bundle
from faster_video.datasets import VideoList, read_list
from faster_video.features import Extraction, FeatureStore, extract
from faster_video.gate import Gate
from faster_video.inference import Classifier

VIDEOS = 24


def write_list(folder: Path, videos: int = VIDEOS) -> VideoList:
    """Videos of blocks, of which the small bundle has three in four right; the list is `list.csv`."""
    folder.mkdir(parents=True, exist_ok=True)
    classifier, rows = Classifier(small_bundle(), "cpu", "eager"), []
    for number in range(videos):
        found = classifier.classify(write_sample(folder / f"{number}.mp4", num_frames=70, seed=number)).label
        other = next(label for label in LABELS if label != found)
        rows.append(f"{number}.mp4,{found if number % 4 else other}")
    (folder / "list.csv").write_text("\n".join(["path,label", *rows]) + "\n")
    return read_list(folder / "list.csv")


def make_store(bundle: Bundle, videos: VideoList, out: Path) -> FeatureStore:
    extract(Extraction(bundle=bundle, data=videos, out=out, views=1, networks="both", workers=0))
    return FeatureStore(out)


def gated_bundle(threshold: float | None, num_clips: int = 5) -> Bundle:
    """A small bundle with an untrained gate that opens now and then."""
    bundle = small_bundle(num_clips=num_clips)
    torch.manual_seed(5)
    bundle.model.gate = Gate(bundle.model.expensive.channels, bundle.model.cheap.channels)
    for layer in (bundle.model.gate.past, bundle.model.gate.clip, bundle.model.gate.decide):
        torch.nn.init.normal_(layer.weight, std=1.0)
    config = replace(bundle.config, model=replace(bundle.config.model, gate=True))
    return replace(bundle, model=bundle.model.with_gate(threshold).eval(), config=config)
