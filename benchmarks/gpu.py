"""A GPU: whole videos through each engine, beside PyTorch's own modules, and a training step, in one run.

    python benchmarks/gpu.py [--recipes faster16 …] [--rounds 20] [--files 64] [--only PART]

Models: random weights, clips on the GPU; milliseconds a video from 8-bit clips to the answer after every clip, median
of the rounds, every way with the recipe's pattern and with every clip expensive and the scores averaged. `modules` are
the networks as they are defined, batch norms and all, clips contiguous; `eager` starts kernel after kernel, `graph` and
`compiled` are the engines `eager` and `compiled` as `classify` runs them, replayed as CUDA graphs; `tuned` lets cuDNN
try its algorithms first. Difference: of the last answer's probabilities from the processor's, the largest.
Training: clips a second of a step of stage 1 (forward, backward, SGD), 16 clips at a time.
Profile: the kernels that take longest.
Streams: noise, frame by frame; milliseconds from a clip's last frame to its answer, by the network that saw it.
Files: `--files` made-up videos through `classify_many`, decoding included, and a quarter of them through `classify`.
"""

import argparse
import tempfile
from collections.abc import Callable
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from shutil import copyfile
from statistics import median
from time import perf_counter

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional

from faster_video.backbones import BACKBONES
from faster_video.clips import normalize
from faster_video.config import Recipe
from faster_video.engine import BF16, FLOAT32, on_engine
from faster_video.engine.graphs import GraphedSteps
from faster_video.inference import Classification, Classifier
from faster_video.inference.classify import MOST_PIXELS
from faster_video.model import Faster
from faster_video.recipes import get_recipe
from faster_video.speed import let_every_block_speak, random_bundle, write_made_up_video
from faster_video.streaming import Stream

GPU = torch.device("cuda")
WAYS = (
    ("modules", FLOAT32, False),
    ("modules", FLOAT32, True),
    ("modules", BF16, False),
    ("eager", FLOAT32, False),
    ("eager", FLOAT32, True),
    ("eager", BF16, False),
    ("graph", FLOAT32, False),
    ("graph", BF16, False),
    ("compiled", BF16, False),
    ("compiled", FLOAT32, False),
)
"""Engine, numbers, and whether cuDNN tries its algorithms."""
Run = Callable[[Tensor], Tensor]
"""Clips uint8 [1, N, C, T, S, S] to log-probabilities [1, N, K]."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipes", nargs="+", default=["faster16"])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--files", type=int, default=64)
    parser.add_argument("--engines", nargs="+", default=["modules", "eager", "graph", "compiled"])
    parser.add_argument("--only", choices=["models", "training", "files", "streams", "profile"])
    options = parser.parse_args()
    cudnn = torch.backends.cudnn.version()  # type: ignore[no-untyped-call]
    print(f"{torch.cuda.get_device_name()}, PyTorch {torch.__version__}, cuDNN {cudnn}", flush=True)
    if options.only in (None, "models"):
        for name in options.recipes:
            models(name, options.engines, options.rounds)
    if options.only in (None, "files"):
        files(options.recipes[0], options.files)
    if options.only in (None, "streams"):
        streams(options.recipes[0])
    if options.only in (None, "training"):
        training(options.rounds)
    if options.only in (None, "profile"):
        profile(options.recipes[0])


def models(name: str, engines: list[str], rounds: int) -> None:
    recipe = get_recipe(name)
    clips = made_up_clips(recipe)
    mixed = random_bundle(recipe).model
    baseline = random_bundle(replace(recipe, model=replace(recipe.model, aggregator="average", pattern="1:0"))).model
    with torch.inference_mode():
        wanted = mixed(normalize(clips, recipe.transform))[0, -1].exp()
    usual: dict[str, float] = {}
    for engine, precision, tuned in WAYS:
        if engine not in engines:
            continue
        torch.backends.cudnn.benchmark = tuned
        taken, difference = {}, 0.0
        began = perf_counter()
        for what, model in (("mixed", mixed), ("all expensive", baseline)):
            torch.cuda.reset_peak_memory_stats()
            run = way(deepcopy(model).to(GPU), recipe, engine, precision)
            on_gpu = clips.to(GPU)
            found = run(on_gpu)[0, -1].exp().cpu()
            if what == "mixed":
                difference = float((found - wanted).abs().max())
            taken[what] = milliseconds(run, on_gpu, rounds)
        if engine == "modules" and not usual:
            usual = dict(taken)
        memory = torch.cuda.max_memory_allocated() / 2**30
        mixed_ms, expensive_ms = taken["mixed"], taken["all expensive"]
        gains = [f" ({usual[what] / taken[what]:.2f} × modules)" if usual else "" for what in taken]
        print(
            f"{name:9} {engine:8} {precision:7} {'tuned' if tuned else '     '}  "
            f"{recipe.model.pattern} {mixed_ms:7.2f} ms{gains[0]}  all expensive {expensive_ms:7.2f} ms{gains[1]}  "
            f"saves {expensive_ms / mixed_ms:.2f} ×; peak {memory:.1f} GiB; difference {difference:.0e}; "
            f"{perf_counter() - began:.0f} s with preparing",
            flush=True,
        )


def made_up_clips(recipe: Recipe) -> Tensor:
    """Uint8 [1, N, C, T, S, S]."""
    side, sizes = recipe.transform.crop_size, recipe.clips
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(sizes.num_clips * 3, 1, sizes.frames_per_clip // 2, side // 8, side // 8, generator=generator)
    clips = functional.interpolate(coarse, (sizes.frames_per_clip, side, side), mode="trilinear") * 255
    return clips.byte().view(1, sizes.num_clips, 3, sizes.frames_per_clip, side, side)


@torch.inference_mode()
def way(model: Faster, recipe: Recipe, engine: str, precision: str) -> Run:
    """The model as `Classifier` runs it, kernel by kernel, or as it is."""
    together = max(1, MOST_PIXELS // (recipe.clips.frames_per_clip * recipe.transform.crop_size**2))
    if engine != "modules":
        model, _ = on_engine(model.eval(), "compiled" if engine == "compiled" else "eager", GPU, precision=precision)
    half = engine == "modules" and precision == BF16
    graphed = GraphedSteps(model, recipe.transform, GPU)

    @torch.inference_mode()
    def run(clips: Tensor) -> Tensor:
        answers, state = [], None
        with torch.autocast("cuda", torch.bfloat16) if half else nullcontext():
            for some in torch.split(clips, together, dim=1):
                if engine in ("graph", "compiled"):
                    found, state = graphed(some.unbind(dim=1), state)
                else:
                    found, state = model.steps(normalize(some, recipe.transform), state)
                answers.append(found)
        return torch.cat(answers, dim=1)

    return run


def milliseconds(run: Run, clips: Tensor, rounds: int) -> float:
    for _ in range(3):
        run(clips)
    taken = []
    for _ in range(rounds):
        torch.cuda.synchronize()
        began = perf_counter()
        run(clips).tolist()
        taken.append(1000 * (perf_counter() - began))
    return median(taken)


def files(name: str, count: int) -> None:
    recipe = get_recipe(name)
    with tempfile.TemporaryDirectory() as folder:
        first = Path(folder) / "0.mp4"
        write_made_up_video(first, recipe.clips, recipe.transform)
        paths = [first] + [Path(copyfile(first, Path(folder) / f"{number}.mp4")) for number in range(1, count)]
        for pattern, precision in ((recipe.model.pattern, FLOAT32), (recipe.model.pattern, BF16), ("1:0", FLOAT32)):
            classifier = Classifier(random_bundle(recipe).with_pattern(pattern), "cuda", precision=precision)
            classifier.classify(first)
            began = perf_counter()
            for path in paths[: count // 4]:
                classifier.classify(path)
            alone = (count // 4) / (perf_counter() - began)
            began = perf_counter()
            found = list(classifier.classify_many(paths))
            together = count / (perf_counter() - began)
            model = 1000 * median(one.seconds_model for one in found if isinstance(one, Classification))
            print(
                f"files, {name}, {pattern}, {precision}: {together:.1f} videos/s, one after the other {alone:.1f} "
                f"({together / alone:.2f} ×); the model has a video for {model:.1f} ms",
                flush=True,
            )


def streams(name: str) -> None:
    recipe = get_recipe(name)
    frames = np.random.default_rng(0).integers(0, 256, (16, 256, 340, 3), np.uint8)
    for precision in (FLOAT32, BF16):
        stream = Stream(Classifier(random_bundle(recipe), "cuda", precision=precision), fps=30)
        wanted = 3 * recipe.clips.num_clips * recipe.clips.span
        given = (stream.push(frames[number % len(frames)]) for number in range(wanted))
        found = [answer for answer in given if answer is not None][recipe.clips.num_clips :]  # the first ones prepare
        for expensive in (True, False):
            taken = [1000 * answer.latency_seconds for answer in found if answer.expensive is expensive]
            which = "expensive" if expensive else "cheap"
            print(
                f"stream, {name}, {precision}, {which}: median {median(taken):.1f} ms, most {max(taken):.1f}",
                flush=True,
            )


def training(rounds: int) -> None:
    torch.backends.cudnn.benchmark = False
    for name in ("r2plus1d50", "r3d50", "r2d26"):
        usual = 0.0
        for told, precision, last, tuned in (
            ("modules", "32-true", False, False),
            ("modules", "32-true", False, True),
            ("ours", "32-true", True, False),
            ("ours", "32-true", True, True),
            ("ours", "bf16-mixed", True, False),
            ("ours", "bf16-mixed", True, True),
            ("ours", "16-mixed", True, False),
            ("ours", "16-mixed", True, True),
        ):
            torch.backends.cudnn.benchmark = tuned
            torch.cuda.reset_peak_memory_stats()
            rate = clips_per_second(name, precision, last, rounds)
            usual = usual or rate
            memory = torch.cuda.max_memory_allocated() / 2**30
            print(
                f"training {name:10} {told:7} {precision:10} {'tuned' if tuned else '     '} {rate:6.0f} clips/s "
                f"({rate / usual:.2f} × modules), peak {memory:.1f} GiB",
                flush=True,
            )


def profile(name: str) -> None:
    """What takes longest of a video on the engine `eager`."""
    recipe = get_recipe(name)
    clips = made_up_clips(recipe).to(GPU)
    for precision in (FLOAT32, BF16):
        run = way(random_bundle(recipe).model.to(GPU), recipe, "eager", precision)
        for _ in range(3):
            run(clips)
        activities = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
        with torch.profiler.profile(activities=activities, record_shapes=True) as found:
            run(clips)
            torch.cuda.synchronize()
        print(precision)
        events = found.key_averages(group_by_input_shape=True)
        for event in sorted(events, key=lambda event: -event.self_device_time_total)[:16]:
            print(
                f"{event.self_device_time_total / 1000:8.2f} ms {event.count:4d} {event.key[:40]:40} "
                f"{str(event.input_shapes)[:90]}",
                flush=True,
            )


def clips_per_second(name: str, precision: str, last: bool, rounds: int) -> float:
    fabric = Fabric(accelerator="cuda", devices=1, precision=precision)  # type: ignore[arg-type]
    network = BACKBONES[name](400, 1.0)
    let_every_block_speak(network)
    learner = nn.Sequential(network, network.classifier).train().to(GPU)
    if last:
        learner = learner.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    learner, optimizer = fabric.setup(learner, torch.optim.SGD(learner.parameters(), 0.01, 0.9, weight_decay=1e-4))
    clips = torch.randn(16, 3, 8, 224, 224, device=GPU)
    if last:
        clips = clips.contiguous(memory_format=torch.channels_last_3d)
    labels = torch.arange(16, device=GPU)
    taken = []
    for number in range(rounds + 3):
        torch.cuda.synchronize()
        began = perf_counter()
        loss = functional.cross_entropy(learner(clips), labels)
        fabric.backward(loss)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        torch.cuda.synchronize()
        if number >= 3:
            taken.append(perf_counter() - began)
    return 16 / median(taken)


if __name__ == "__main__":
    main()
