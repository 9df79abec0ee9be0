"""`faster-video evaluate`: accuracy, confusion and cost of a bundle on labelled videos."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser, Namespace

from faster_video.cli.cluster import add_cluster, add_predictions, predict, require_fitting
from faster_video.cli.defaults import Defaults
from faster_video.cli.lists import LIST_HELP, add_list_options
from faster_video.cli.output import exit_code, print_table
from faster_video.cli.running import (
    BUNDLE_HELP,
    add_policy,
    add_precision,
    add_processes,
    add_running,
    bundle_named,
    processes_of,
)
from faster_video.config import require_at_least
from faster_video.errors import ConfigError
from faster_video.files import printable

if TYPE_CHECKING:
    from faster_video.bundle import Bundle
    from faster_video.datasets import VideoList
    from faster_video.evaluation import Evaluation, SplitsEvaluation
    from faster_video.features import Features
    from faster_video.policy import StopRule
    from faster_video.predictions.work import Work

    Judged = tuple[Bundle, StopRule | None]
DESCRIPTION = "Accuracy, confusion and cost of a bundle on labelled videos."
SPLIT = "{split}"
"""Stands for the split's number in BUNDLE and LIST."""


def add_arguments(command: ArgumentParser, _defaults: Defaults) -> None:
    """Declare the options."""
    command.add_argument("bundle", type=str, metavar="BUNDLE", help=BUNDLE_HELP)
    command.add_argument("list", type=str, metavar="LIST", help=f"{LIST_HELP}; or folder of features")
    add_list_options(command)
    command.add_argument(
        "--splits",
        type=int,
        nargs="+",
        metavar="N",
        help="mean over these official splits; BUNDLE must hold {split}, as in runs/ucf-{split}/bundle, and LIST may",
    )
    add_running(command)
    add_policy(command)
    add_precision(command)
    add_processes(command)
    command.add_argument(
        "--aggregator",
        type=str,
        help="`average`: average pooling of both networks' own scores, the usual baseline",
    )
    command.add_argument("--json", action="store_true", help="print JSON, every video's prediction included")
    command.add_argument("--plot", type=str, metavar="FILE", help="draw the confusion matrix (.png, .pdf, .svg)")
    add_predictions(command)
    add_cluster(command)


def run(options: Namespace) -> int:
    """Do it; returns the exit code."""
    from faster_video import evaluation
    from faster_video.pictures import require_picture_path

    require_fitting(options, ())
    if options.plot is not None:
        require_picture_path(options.plot)
    if options.splits is None:
        _require_no_split_mark(options)
        whole = _evaluate_one(options)
        shown, table = whole.as_dict(), evaluation.evaluation_table(whole)
    else:
        splits = _evaluate_splits(options)
        whole, shown, table = splits.together, splits.as_dict(), evaluation.splits_table(splits)
    if options.json:
        print(json.dumps(shown, indent=2))
    else:
        print_table(table)
        confusion = evaluation.confusion_table(whole)
        if confusion is not None:
            print_table(confusion)
    if options.plot is not None:
        evaluation.plot_confusion(whole, options.plot)
        print(f"confusion matrix drawn in {printable(options.plot)}", file=sys.stderr)
    return exit_code(done=len(whole.videos) - len(whole.unreadable), failed=len(whole.unreadable))


def _evaluate_one(options: Namespace) -> "Evaluation":
    """One bundle on one list, or on the test views of stored features."""
    return _evaluate(_read(options, options.list, options.split), _load(options, options.bundle), options)


def _evaluate_splits(options: Namespace) -> "SplitsEvaluation":
    """Every split's bundle on that split's test videos; all lists and bundles are read before the first is run."""
    from faster_video.evaluation import SplitEvaluation, SplitsEvaluation, require_trained_apart

    _check_splits(options)
    sources = [
        _read(options, options.list.replace(SPLIT, str(number)), None if SPLIT in options.list else number)
        for number in options.splits
    ]
    folders = [options.bundle.replace(SPLIT, str(number)) for number in options.splits]
    bundles = [_load(options, folder) for folder in folders]
    require_trained_apart(list(zip(options.splits, [bundle for bundle, _ in bundles], strict=True)))
    return SplitsEvaluation(
        splits=[
            SplitEvaluation(number=number, bundle=folder, evaluation=_evaluate(source, bundle, options))
            for number, folder, bundle, source in zip(options.splits, folders, bundles, sources, strict=True)
        ]
    )


def _check_splits(options: Namespace) -> None:
    """Refuse splits that are no mean of honest figures, and a LIST that does not hold them."""
    from faster_video.datasets.lists import has_official_splits

    for number in options.splits:
        require_at_least("--splits", number, 1)
    if options.out is not None:
        raise ConfigError(
            "--out and --splits are both given, but a folder holds one bundle's predictions; leave one out"
        )
    if options.split is not None:
        raise ConfigError("--split and --splits are both given; choose one")
    if len(set(options.splits)) < max(2, len(options.splits)):
        raise ConfigError(
            f"--splits is {' '.join(map(str, options.splits))}; it must be two or more different ones, such as 1 2 3 "
            "(--split takes one)"
        )
    if SPLIT not in options.bundle:
        raise ConfigError(
            f"BUNDLE is {options.bundle!r} for all splits, but one trained on split 1 has seen test videos of split 2; "
            f"train one on each split and write {SPLIT} in its place, as in runs/ucf-{SPLIT}/bundle"
        )
    if SPLIT not in options.list and Path(options.list).exists() and not has_official_splits(options.list):
        raise ConfigError(
            f"LIST is {options.list!r} for all splits, but is not a folder that holds several; give the folder of the "
            f"lists of UCF-101 or HMDB-51, or write {SPLIT} in LIST, as in test-{SPLIT}.csv"
        )


def _require_no_split_mark(options: Namespace) -> None:
    """Refuse {split} where there are no splits to put in."""
    for name, value in (("BUNDLE", options.bundle), ("LIST", options.list)):
        if SPLIT in value and not Path(value).exists():
            raise ConfigError(f"{name} is {value!r}, but --splits is not given; say which, as in --splits 1 2 3")


def _read(options: Namespace, source: str, split: int | None) -> "VideoList | Features":
    """The test videos of the list, or the features in the folder."""
    from faster_video.datasets import read_list
    from faster_video.datasets.video_list import require_not_all_missing
    from faster_video.features.open import holds_features, open_features

    if holds_features(source):
        engine = None if options.engine == "auto" else options.engine
        precision = None if options.precision == "float32" else options.precision
        for name, value in (
            ("--root", options.root),
            ("--split", split),
            ("--engine", engine),
            ("--precision", precision),
            ("--calibrate", options.calibrate),
            ("--processes", options.processes),
            ("--out", options.out),
        ):
            if value is not None:
                raise ConfigError(
                    f"{name} is {value}, but {printable(source)} is a folder of features, which no video is read for; "
                    "leave it out"
                )
        return open_features(source, part="test")
    videos = read_list(source, root=options.root, split=split, part="test")
    require_not_all_missing(videos, videos.missing)
    return videos


def _load(options: Namespace, folder: str) -> "Judged":
    """The bundle under the policy and the aggregator asked for, and when it stops."""
    from faster_video import evaluation
    from faster_video.inference import with_policy

    bundle = evaluation.with_untrained_aggregator(bundle_named(folder), options.aggregator)
    return with_policy(
        bundle, preset=options.preset, pattern=options.pattern, stop=options.stop_when, gate=options.gate
    )


def _evaluate(source: "VideoList | Features", judged: "Judged", options: Namespace) -> "Evaluation":
    """One bundle on what `_read` gave."""
    from faster_video import evaluation
    from faster_video.datasets import VideoList
    from faster_video.predictions.work import Work

    bundle, stop = judged
    if isinstance(source, VideoList):
        work = Work(
            bundle=bundle,
            stop=stop,
            device=options.device,
            engine=options.engine,
            precision=options.precision,
            calibrate=None if options.calibrate is None else Path(options.calibrate),
            videos=len(source.videos),
            top=len(bundle.labels),
        )
        result = _judge(work, source, options)
        evaluation.require_readable(result, source.source)
        return result
    from faster_video.features import evaluate_features

    result = evaluate_features(bundle, source, device=options.device, stop=stop)
    evaluation.require_readable(result, source.name)
    return result


def _judge(work: "Work", source: "VideoList", options: Namespace) -> "Evaluation":
    """The list's videos, with a row for each in the folder of --out where that is given."""
    from faster_video import evaluation

    if options.out is None:
        classifier = work.classifier()
        return evaluation.evaluate(
            classifier,
            source.videos,
            show_progress=sys.stderr.isatty(),
            processes=processes_of(options, classifier, len(source.videos)),
        )
    from faster_video.predictions import local_sources
    from faster_video.predictions.judged import judged_videos

    evaluation.require_known_labels(source.videos, work.bundle.labels)
    folder = predict(options, work, local_sources(video.path for video in source.videos))
    return evaluation.counted(work.bundle, work.stop, judged_videos(source.videos, folder.table(), work.bundle.labels))
