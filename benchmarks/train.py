"""Training steps of this package beside the plain loop over PyTorch's modules as they are made, in turns in one run.

python benchmarks/train.py [--only CASE] [--rounds N] [--json]

Each loop has a process of its own, because ours keeps the memory that it frees; while one works, the other waits.
Made-up clips in memory; the same first weights and clips for both, so that the losses must agree.
"""

import argparse
import json
import resource
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from statistics import median
from time import perf_counter

import torch
from peak import described, rates
from torch import Tensor, nn
from torch.nn import functional

from faster_video.clips import normalize
from faster_video.config import StageConfig
from faster_video.model import Faster, build_model
from faster_video.recipes import faster16, tiny
from faster_video.training.learners import AggregatorLearner, BackboneLearner
from faster_video.training.memory import keep_memory
from faster_video.training.samples import TrainingClips
from faster_video.training.sources import FrozenSource, PixelSource
from faster_video.training.state import make_optimizer

LABELS = 12
AGREE = 5
"""Steps whose losses are compared; later ones drift apart as roundings are learned from."""


@dataclass(frozen=True, kw_only=True)
class Case:
    name: str
    part: str
    """`expensive` or `cheap`: its stage 1; `stage2`: from clips; `stage2 stored`: from maps."""
    full_size: bool = False
    batch: int = 8
    steps: int
    """In a round."""


CASES = (
    Case(name="tiny, stage 1, R(2+1)D-50", part="expensive", steps=5),
    Case(name="tiny, stage 1, R2D-26", part="cheap", steps=20),
    Case(name="tiny, stage 2 from clips", part="stage2", steps=3),
    Case(name="tiny, stage 2 from stored maps", part="stage2 stored", steps=40),
    Case(name="R2D-26, full size, 2 clips", part="cheap", full_size=True, batch=2, steps=5),
    Case(name="R2D-26, full size, 8 clips", part="cheap", full_size=True, steps=2),
)

Step = Callable[[], float]
"""One step; returns its loss."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=[case.name for case in CASES])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    about = rates(torch.get_num_threads())
    print(json.dumps(about) if options.json else described(about))
    for case in CASES:
        if options.only in (None, case.name):
            row = measured(case, options.rounds)
            print(json.dumps(asdict(row)) if options.json else line(row), flush=True)


@dataclass(frozen=True, kw_only=True)
class Row:
    case: str
    batch: int
    seconds_plain: float
    """Of a step, as the next three."""
    range_plain: tuple[float, float]
    seconds: float
    range: tuple[float, float]
    ratio: float
    losses_differ: float
    """At most, in the first steps, as a share of the loss."""
    mebibytes_plain: float
    """The process's largest size."""
    mebibytes: float


def measured(case: Case, rounds: int) -> Row:
    """Both loops, `rounds` times `case.steps` steps each in turns, after as many to warm up."""
    context = get_context("spawn")
    ends, processes = [], []
    for ours in (False, True):
        here, there = context.Pipe()
        process = context.Process(target=serve, args=(there, case, ours))
        process.start()
        ends.append(here)
        processes.append(process)
    first = [turn(end, AGREE)[1] for end in ends]
    difference = max(abs(a / b - 1) for a, b in zip(*first, strict=True))
    assert difference < 1e-3, first
    seconds: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds + 1):
        for taken, end in zip(seconds, ends, strict=True):
            each = turn(end, case.steps)[0] / case.steps
            if number:
                taken.append(each)
    plain, own = seconds
    sizes = [turn(end, 0)[0] for end in ends]
    for process in processes:
        process.join()
    return Row(
        case=case.name,
        batch=case.batch,
        seconds_plain=median(plain),
        range_plain=(min(plain), max(plain)),
        seconds=median(own),
        range=(min(own), max(own)),
        ratio=median(plain) / median(own),
        losses_differ=difference,
        mebibytes_plain=sizes[0],
        mebibytes=sizes[1],
    )


def turn(end: Connection, steps: int) -> tuple[float, list[float]]:
    """Let one loop take some steps: their seconds and losses; with 0 it ends and tells its largest size."""
    end.send(steps)
    answer: tuple[float, list[float]] = end.recv()
    return answer


def serve(end: Connection, case: Case, ours: bool) -> None:
    if ours:
        keep_memory()
    step = made_step(case, ours)
    while steps := end.recv():
        began = perf_counter()
        losses = [step() for _ in range(steps)]
        end.send((perf_counter() - began, losses))
    end.send((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, []))


def made_step(case: Case, ours: bool) -> Step:
    recipe = faster16() if case.full_size else tiny()
    torch.manual_seed(0)
    model = build_model(recipe.model, LABELS)
    side, frames = recipe.transform.crop_size, 8
    labels = torch.arange(case.batch) % LABELS
    if ours:
        model.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    if not case.part.startswith("stage2"):
        learner = BackboneLearner(getattr(model, case.part))
        clips = torch.randn(case.batch, 3, frames, side, side)
        if ours:
            clips = clips.contiguous(memory_format=torch.channels_last_3d)
        else:
            learner.uses_kernels = False
        config: StageConfig = getattr(recipe, f"stage1_{case.part}")
        return stepping(learner, config, labels, lambda: learner(clips), ours)
    pixels = torch.randint(256, (case.batch, recipe.clips.num_clips, 3, frames, side, side), dtype=torch.uint8)
    plain = deepcopy(model).eval()
    aggregator = AggregatorLearner(model)
    samples = TrainingClips(
        *((), ()), clips=recipe.clips, num_clips=recipe.clips.num_clips, transform=recipe.transform, seed=0
    )
    frozen = FrozenSource(model, PixelSource(samples, workers=0), torch.device("cpu"))

    def plain_features() -> list[Tensor]:
        with torch.no_grad():
            clips = normalize(pixels.flatten(0, 1), recipe.transform).unflatten(0, pixels.shape[:2])  # type: ignore[no-untyped-call]
            flags = model.pattern.flags(pixels.shape[1])
            return [plain.features(clip, expensive=flag) for clip, flag in zip(clips.unbind(1), flags, strict=True)]

    stored = frozen.features(pixels) if ours else plain_features()
    kept = case.part.endswith("stored")

    def scores() -> Tensor:
        if ours:
            result: Tensor = aggregator(stored if kept else frozen.features(pixels))
            return result
        return folded(model, stored if kept else plain_features())

    return stepping(aggregator, recipe.stage2, labels, scores, ours)


def folded(model: Faster, features: Sequence[Tensor]) -> Tensor:
    """The plain way: clip by clip."""
    state = None
    for clip in features:
        answer, state = model.fold(clip, state)
    return answer


def stepping(learner: nn.Module, config: StageConfig, labels: Tensor, scores: Callable[[], Tensor], ours: bool) -> Step:
    learner.train()
    optimizer = make_optimizer(learner, config) if ours else plain_optimizer(learner, config)
    for group in optimizer.param_groups:
        group["lr"] = 1e-3

    def step() -> float:
        optimizer.zero_grad()
        loss = functional.cross_entropy(scores(), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return float(loss.detach())

    return step


def plain_optimizer(learner: nn.Module, config: StageConfig) -> torch.optim.Optimizer:
    """The same, as PyTorch makes it unless told otherwise."""
    if config.optimizer == "adamw":
        return torch.optim.AdamW(learner.parameters(), betas=(config.momentum, 0.999), weight_decay=config.weight_decay)
    return torch.optim.SGD(
        learner.parameters(), momentum=config.momentum, nesterov=True, weight_decay=config.weight_decay
    )


def line(row: Row) -> str:
    plain = f"{1e3 * row.seconds_plain:.1f} ms ({1e3 * row.range_plain[0]:.1f} – {1e3 * row.range_plain[1]:.1f})"
    own = f"{1e3 * row.seconds:.1f} ms ({1e3 * row.range[0]:.1f} – {1e3 * row.range[1]:.1f})"
    return (
        f"{row.case:31} plain {plain:30} ours {own:30} {row.ratio:.2f} times as fast; five losses differ by "
        f"{row.losses_differ:.0e} at most; largest size {row.mebibytes_plain:.0f} and {row.mebibytes:.0f} MiB"
    )


if __name__ == "__main__":
    main()
