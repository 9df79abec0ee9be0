"""The benchmark of a recipe or a bundle: what its parts take, beside what the machine can do, all in one run."""

import platform
import tempfile
import warnings
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path

import torch
from torch import Tensor

from faster_video.bundle import Bundle, load_bundle
from faster_video.config import require_at_least
from faster_video.cost import VideoCost
from faster_video.engine import AUTO
from faster_video.engine.kept import processor
from faster_video.errors import ConfigError, EngineError, FasterVideoWarning
from faster_video.hub import find_bundle
from faster_video.inference import Classifier
from faster_video.packaged import DEFAULT
from faster_video.recipes import get_recipe
from faster_video.speed.clock import now, seconds_of
from faster_video.speed.peak import fma_peak, sgemm
from faster_video.speed.report import Benchmark, Measured, Part
from faster_video.speed.samples import random_bundle, write_made_up_video
from faster_video.video import probe

EXPENSIVE, CHEAP, FOLDING, DECODING = "expensive network", "cheap network", "aggregator, classifier", "decoding"
MODEL, TOTAL, FMA_PEAK, SGEMM = "model", "total", "FMA peak", "sgemm"
MOST_CLIPS = 32
"""Held in memory; a video of more goes through them again."""

Round = dict[str, float]
"""Seconds, or GMAC/s, by what they are of."""


def benchmark(
    *,
    recipe: str | None = None,
    bundle: str | Path | None = None,
    video: str | Path | None = None,
    pattern: str | None = None,
    rounds: int = 5,
    device: str = "auto",
    engine: str = AUTO,
) -> Benchmark:
    """Measure a recipe with random weights, or a bundle; neither is the bundle that comes with the package.

    Without a `video` an H.264 file is made up. The FMA peak is measured on processors with a C compiler; elsewhere it
    is None, which is said in a `FasterVideoWarning`.

    Raises:
        ConfigError: recipe and bundle are both given, or one of the settings is wrong.
        BundleError: the folder is not a usable bundle.
        DecodeError: the video cannot be read.
        EngineError: the engine does not work on this machine.
    """
    require_at_least("rounds", rounds, 1)
    if recipe is not None and bundle is not None:
        raise ConfigError(f"BUNDLE is {str(bundle)!r} and --recipe is {recipe!r}; choose one")
    folder = None if recipe is not None else find_bundle(DEFAULT if bundle is None else bundle)
    if video is not None:
        probe(video)  # before anything that takes long
    classifier = Classifier(_chosen(recipe, folder, pattern), device, engine)
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "made-up.mp4" if video is None else Path(video)
        if video is None:
            write_made_up_video(file, classifier.decoder.clips, classifier.decoder.transform)
        info, measured = probe(file), _measure(classifier, file, rounds)
    cost = classifier.cost
    gmacs = _gmacs_by_part(cost)
    return Benchmark(
        recipe=recipe,
        bundle=folder,
        pattern=str(cost.pattern),
        num_clips=cost.num_clips,
        engine=classifier.engine,
        device=str(classifier.device),
        processor=", ".join(processor()[:2]),
        threads=torch.get_num_threads(),
        python=platform.python_version(),
        torch=torch.__version__,
        video=info,
        is_made_up=video is None,
        gmacs=cost.gmacs,
        seconds_model=measured[MODEL],
        seconds_total=measured[TOTAL],
        sgemm=measured[SGEMM],
        fma_peak=measured.get(FMA_PEAK),
        parts=tuple(Part(name=name, gmacs=gmacs[name], seconds=measured[name]) for name in gmacs),
    )


def _chosen(recipe: str | None, folder: Path | None, pattern: str | None) -> Bundle:
    if folder is not None:
        bundle = load_bundle(folder)
    else:
        assert recipe is not None  # as `benchmark` sees to
        bundle = random_bundle(get_recipe(recipe))
    return bundle if pattern is None else bundle.with_pattern(pattern)


def _gmacs_by_part(cost: VideoCost) -> dict[str, float]:
    """All that a video costs, in the parts that are timed."""
    gmacs = {EXPENSIVE: 0.0, CHEAP: 0.0, FOLDING: 0.0, DECODING: 0.0}
    names = {"expensive backbone": EXPENSIVE, "cheap backbone": CHEAP}
    for part in cost.parts:
        gmacs[names.get(part.name, FOLDING)] += part.gmacs * cost.runs(part)
    return gmacs


def _measure(classifier: Classifier, path: Path, rounds: int) -> dict[str, Measured]:
    """Every figure of every round; what is compared is measured in turns."""
    decoder = classifier.decoder
    clips = [decoder.on_device(clip.pixels) for clip in islice(decoder.read(path), MOST_CLIPS)]
    classifier.classify(path)  # compiles, plans and fills caches
    peaks = _can_measure_peak(classifier.device)
    found = [_round(classifier, path, clips, peaks) for _ in range(rounds)]
    return {name: Measured(tuple(each[name] for each in found)) for name in found[0]}


def _can_measure_peak(device: torch.device) -> bool:
    """Whether there is an FMA peak to measure; if not, that is said."""
    try:
        if device.type != "cpu":
            raise EngineError(f"it is measured on processors, and device is {device}")
        fma_peak(torch.get_num_threads())
    except EngineError as error:
        message = f"the FMA peak is not measured, so that no efficiency is given: {error}"
        warnings.warn(message, FasterVideoWarning, stacklevel=3)
        return False
    return True


def _round(classifier: Classifier, path: Path, clips: Sequence[Tensor], peaks: bool) -> Round:
    peak = {FMA_PEAK: fma_peak(torch.get_num_threads())} if peaks else {}
    return {
        **peak,
        SGEMM: sgemm(classifier.device),
        **_seconds_by_part(classifier, clips),
        DECODING: seconds_of(lambda: _decode(classifier, path), classifier.device),
        TOTAL: seconds_of(lambda: classifier.classify(path), classifier.device),
    }


def _decode(classifier: Classifier, path: Path) -> None:
    """All clips of the file, each given back as `Classifier` does."""
    for clip in classifier.decoder.read(path):
        classifier.decoder.give_back(clip)


@torch.inference_mode()
def _seconds_by_part(classifier: Classifier, clips: Sequence[Tensor]) -> Round:
    """Clip by clip: networks, then what comes after them; `Classifier` puts small clips through together."""
    model, device, count = classifier.model, classifier.device, classifier.cost.num_clips
    seconds = {EXPENSIVE: 0.0, CHEAP: 0.0, FOLDING: 0.0}
    state = None
    first = began = now(device)
    for number, clip in enumerate(islice(cycle(clips), count)):
        expensive = model.pattern.is_expensive(number)
        features = model.features(clip, expensive=expensive)
        seen = now(device)
        log_probabilities, state = model.fold(features, state)
        log_probabilities[0].double().softmax(dim=0).tolist()
        folded = now(device)
        seconds[EXPENSIVE if expensive else CHEAP] += seen - began
        seconds[FOLDING] += folded - seen
        began = folded
    return {**seconds, MODEL: began - first}
