"""The command `faster-video`: parse, call one function, print.

Everything heavy is imported inside the command that needs it, so that `--help` answers at once.
"""

import argparse
import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from jsonargparse import Namespace

from faster_video.cli_messages import plain_message
from faster_video.cli_parser import parse_words
from faster_video.config import MotionConfig, Recipe, require_at_least
from faster_video.errors import ConfigError, FasterVideoError
from faster_video.files import printable
from faster_video.recipes import get_recipe

if TYPE_CHECKING:
    from rich.console import RenderableType

    from faster_video.inference import Classification, Failure

PARTLY_FAILED, BAD_INPUT, INTERRUPTED = 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code: 0, 1 (some files failed), 2 (bad input), 130 (ctrl-C)."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        parsed = parse_words(words)
        code = COMMANDS[parsed.command](parsed[parsed.command])
        sys.stdout.flush()  # here, where a closed pipe is caught, and not when Python ends
        return code
    except FasterVideoError as error:
        _complain(error)
        return BAD_INPUT
    except argparse.ArgumentError as error:
        _complain(plain_message(error, COMMANDS))
        return BAD_INPUT
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # `| head` has seen enough; nothing must be flushed into the closed pipe on exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _complain(error: Exception | str) -> None:
    """One line on stderr, whatever the message holds."""
    print("faster-video: error:", printable(" ".join(re.split(r"[ \t\r\n]+", str(error)))), file=sys.stderr)


def _classify(options: Namespace) -> int:
    from faster_video.inference import Classification, classify_many, find_videos, load, plot_timeline
    from faster_video.inference.timeline import MOST_VIDEOS
    from faster_video.pictures import require_picture_path

    require_at_least("--top", options.top, 1)
    if options.json and options.jsonl:
        raise ConfigError("--json and --jsonl are both given; choose one")
    if options.plot is not None:
        require_picture_path(options.plot)
    classifier = load(options.bundle, pattern=options.pattern, device=options.device)
    done, failed, shown = 0, 0, []
    drawn: list[Classification] = []
    for result in classify_many(classifier, find_videos(options.paths)):
        if isinstance(result, Classification):
            done += 1
            if options.plot is not None and len(drawn) < MOST_VIDEOS:
                drawn.append(result)
        else:
            failed += 1
            _complain(f"{printable(result.path)}: {result.reason}")
        if options.jsonl:
            print(json.dumps(_as_dict(result, options.top)), flush=True)
        elif options.json:
            shown.append(_as_dict(result, options.top))
        elif isinstance(result, Classification):
            _print_classification(result, options.top)
    if options.json:
        print(json.dumps(shown, indent=2))
    if drawn:
        plot_timeline(drawn, options.plot, left_out=done - len(drawn))
        of_all = f" of the first {len(drawn)} of {done} videos" if done > len(drawn) else ""
        print(f"timeline{of_all} drawn in {printable(options.plot)}", file=sys.stderr)
    return _exit_code(done, failed)


def _exit_code(done: int, failed: int) -> int:
    """Of a command that goes on where a file is bad."""
    if not failed:
        return 0
    return PARTLY_FAILED if done else BAD_INPUT


def _as_dict(result: "Classification | Failure", top: int) -> dict[str, object]:
    from faster_video.inference import Classification

    return result.as_dict(top) if isinstance(result, Classification) else result.as_dict()


def _print_classification(video: "Classification", top: int) -> None:
    from faster_video.inference import timeline_table

    _print(timeline_table(video))
    for label, probability in video.labels[:top]:
        print(f"{probability:7.1%}  {printable(label)}")
    print(f"{video.seconds:.2f} s of work for {video.video_seconds:.2f} s of video\n")


def _evaluate(options: Namespace) -> int:
    from faster_video import evaluation
    from faster_video.bundle import load_bundle
    from faster_video.datasets import read_list
    from faster_video.inference import DEFAULT_BUNDLE, Classifier
    from faster_video.pictures import require_picture_path

    if options.plot is not None:
        require_picture_path(options.plot)
    videos = read_list(options.list)
    bundle = load_bundle(DEFAULT_BUNDLE if options.bundle == "default" else options.bundle)
    bundle = evaluation.with_untrained_aggregator(bundle, options.aggregator)
    if options.pattern is not None:
        bundle = bundle.with_pattern(options.pattern)
    classifier = Classifier(bundle, options.device)
    result = evaluation.evaluate(classifier, videos.videos, show_progress=sys.stderr.isatty())
    evaluation.require_readable(result, options.list)
    if options.json:
        print(json.dumps(result.as_dict(), indent=2))
    else:
        _print(evaluation.evaluation_table(result))
        confusion = evaluation.confusion_table(result)
        if confusion is not None:
            _print(confusion)
    if options.plot is not None:
        evaluation.plot_confusion(result, options.plot)
        print(f"confusion matrix drawn in {printable(options.plot)}", file=sys.stderr)
    return _exit_code(done=len(result.videos) - len(result.unreadable), failed=len(result.unreadable))


def _train(options: Namespace) -> int:
    from faster_video.bundle import load_bundle
    from faster_video.datasets import read_list
    from faster_video.training.run import RunConfig
    from faster_video.training.train import train

    run = RunConfig(
        recipe=Recipe(**{field.name: options[field.name] for field in fields(Recipe)}),
        data=read_list(options.data),
        validation=None if options.validation is None else read_list(options.validation),
        backbones=None if options.backbones is None else load_bundle(options.backbones),
        out=Path(options.out),
        seed=options.seed,
        device=options.device,
        precision=options.precision,
        workers=options.workers,
    )
    try:
        bundle = train(run, resume=options.resume)
    except KeyboardInterrupt:
        print(f"interrupted; go on with the same command and --resume ({run.out})", file=sys.stderr)
        return INTERRUPTED
    metrics = bundle.config.provenance["metrics"]
    print(f"bundle written to {run.bundle_folder}")
    print("\n".join(f"{name}: {value}" for name, value in metrics.items()))
    return 0


def _cost(options: Namespace) -> int:
    from dataclasses import replace

    from faster_video.cost import cost_table, video_cost
    from faster_video.paper import paper_comparison, paper_table

    if options.paper:
        cells = paper_comparison()
        if options.json:
            print(json.dumps([cell.as_dict() for cell in cells], indent=2))
        else:
            _print(paper_table(cells))
        return 0
    recipe = get_recipe(options.recipe)
    model = recipe.model if options.pattern is None else replace(recipe.model, pattern=options.pattern)
    cost = video_cost(model, recipe.clips, recipe.transform.crop_size, options.classes)
    if options.json:
        print(json.dumps({"recipe": options.recipe} | cost.as_dict(), indent=2))
    else:
        _print(cost_table(cost))
    return 0


def _make_motion(options: Namespace) -> int:
    from rich.console import Console
    from rich.progress import Progress

    from faster_video.datasets.motion_set import write_motion_set

    config = MotionConfig(**{field.name: options[field.name] for field in fields(MotionConfig)})
    require_at_least("workers", options.workers, -1)
    workers = (os.cpu_count() or 1) if options.workers < 0 else options.workers
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("writing videos", total=config.videos)
        write_motion_set(options.out, config, workers=workers, show=lambda count: progress.advance(task, count))
    print(f"{config.videos} videos of {len(config.labels)} labels, train.csv and test.csv in {printable(options.out)}")
    return 0


def _print(table: "RenderableType") -> None:
    from rich.console import Console

    Console().print(table)


COMMANDS: dict[str, Callable[[Namespace], int]] = {
    "classify": _classify,
    "evaluate": _evaluate,
    "train": _train,
    "cost": _cost,
    "make-motion": _make_motion,
}
