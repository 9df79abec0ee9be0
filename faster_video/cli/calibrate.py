"""`faster-video calibrate`: what a bundle's probabilities are worth, and when it may stop."""

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser, Namespace

from faster_video.cli.defaults import Defaults
from faster_video.cli.lists import LIST_HELP, add_list_options
from faster_video.cli.output import exit_code
from faster_video.cli.rewritten import add_out, out_folder, require_no_list_options, rewrite
from faster_video.cli.running import BUNDLE_HELP, bundle_named
from faster_video.config import require_at_least
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

    out = out_folder(options)
    require_at_least("max_drop", options.max_drop, 0)
    bundle = bundle_named(options.bundle)
    videos, lost = _answers(options, bundle)
    for reason in lost:
        print(reason, file=sys.stderr)
    found = calibrate(videos, gmacs_prices(bundle), max_drop=options.max_drop)
    _tell(found)
    rewrite(options, bundle, lambda config: replace(config, calibration=found.calibration))
    print(f"written to {printable(out)}")
    return exit_code(done=found.calibration.videos, failed=len(lost))


def _answers(options: Namespace, bundle: "Bundle") -> "tuple[Replay, list[str]]":
    """After every clip of every video, and why some videos are missing."""
    from faster_video.budget import replay, replay_videos
    from faster_video.budget.replay import lost_videos
    from faster_video.datasets import read_list
    from faster_video.features.open import holds_features, open_features

    if holds_features(options.list):
        require_no_list_options(options)
        features = open_features(options.list, part=options.part)
        return replay(bundle, features), lost_videos(features)
    data = read_list(options.list, root=options.root, split=options.split, part=options.part)
    return replay_videos(bundle, data.videos, options.device, options.engine)


def _tell(found: "Calibrated") -> None:
    calibration = found.calibration
    print(
        f"temperature {calibration.temperature:.3f} ({calibration.videos} videos); on others than it is learned on, "
        f"probabilities are {100 * found.error_after:.1f} points from the share that is right, without it "
        f"{100 * found.error_before:.1f}"
    )
    whole = f"all clips: {found.top1:.1%} right, {found.cost:.3g} GMACs a video"
    if calibration.stop is None:
        print(f"{whole}; no rule that stops early is sure to lose at most {calibration.max_drop:g} points")
        if calibration.videos < 400:
            print(f"{calibration.videos} videos are few to be sure of that: give 400 or more")
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
