"""`faster-video calibrate`: what a bundle's probabilities are worth, and when it may stop."""

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser, Namespace

from faster_video.cli.defaults import Defaults
from faster_video.cli.lists import LIST_HELP, add_list_options
from faster_video.cli.output import exit_code
from faster_video.cli.rewritten import add_out, out_folder
from faster_video.cli.running import BUNDLE_HELP, bundle_named
from faster_video.files import printable

if TYPE_CHECKING:
    from faster_video.budget import Calibrated, Replay
    from faster_video.bundle import Bundle

DESCRIPTION = "Learn on labelled videos what a bundle's probabilities are worth, and when it may stop."


def add_arguments(command: ArgumentParser, _defaults: Defaults) -> None:
    """Declare the options."""
    command.add_argument("bundle", type=str, metavar="BUNDLE", help=BUNDLE_HELP)
    command.add_argument(
        "list", type=str, metavar="LIST", help=f"videos that it was not trained on: {LIST_HELP}; or folder of features"
    )
    add_list_options(command)
    command.add_argument(
        *("--max_drop", "--max-drop"),
        type=float,
        default=0.5,
        metavar="POINTS",
        help="of accuracy that stopping early may cost",
    )
    command.add_argument("--part", type=str, default="test", help="of a LIST that has several: train, test or all")
    command.add_argument("--device", type=str, default="auto", help="auto, cpu or cuda")
    command.add_argument("--engine", type=str, default="auto", help="what runs the networks, as of classify")
    add_out(command)


def run(options: Namespace) -> int:
    """Do it; returns the exit code."""
    from faster_video.budget import calibrate
    from faster_video.budget.prices import gmacs_prices
    from faster_video.bundle import save_bundle

    out = out_folder(options)
    bundle = bundle_named(options.bundle)
    videos, lost = _answers(options, bundle)
    found = calibrate(videos, gmacs_prices(bundle), max_drop=options.max_drop)
    save_bundle(replace(bundle, config=replace(bundle.config, calibration=found.calibration)), out)
    _tell(found)
    print(f"written to {printable(out)}")
    return exit_code(done=found.calibration.videos, failed=lost)


def _answers(options: Namespace, bundle: "Bundle") -> "tuple[Replay, int]":
    """After every clip of every video, and how many videos are missing."""
    from faster_video.budget import replay, replay_videos
    from faster_video.datasets import read_list
    from faster_video.features.open import holds_features, open_features
    from faster_video.inference import Classifier

    if holds_features(options.list):
        features = open_features(options.list, part=options.part)
        found = replay(bundle, features)
        return found, len(features.videos) - len(found.labels)
    data = read_list(options.list, root=options.root, split=options.split, part=options.part)
    classifier = Classifier(bundle, options.device, options.engine, videos=len(data.videos))
    found, lost = replay_videos(classifier, data.videos)
    for reason in lost:
        print(reason, file=sys.stderr)
    return found, len(lost)


def _tell(found: "Calibrated") -> None:
    calibration = found.calibration
    print(
        f"temperature {calibration.temperature:.3f}: probabilities are {100 * found.error_after:.1f} points from the "
        f"share that is right, {100 * found.error_before:.1f} before ({calibration.videos} videos)"
    )
    whole = f"all clips: {found.top1:.1%} right, {found.cost:.3g} GMACs a video"
    if calibration.stop is None:
        print(f"{whole}; no rule that stops early keeps that to {calibration.max_drop:g} points")
        return
    print(whole)
    print(
        f"stop at {calibration.stop} (probability:clips in a row): {found.stopped_top1:.1%} right, "
        f"{found.stopped_cost:.3g} GMACs, {found.stopped_clips:.1f} clips"
    )
    print(
        f"on videos that it is not chosen on (5 folds): {found.expected_drop:+.2f} points lost of "
        f"{calibration.max_drop:g} allowed, {found.expected_cost:.3g} GMACs"
    )
