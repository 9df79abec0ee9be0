"""`faster-video classify`: label files and folders, with the answer after every clip."""

import json
import sys
from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser, Namespace

from faster_video.cli.cluster import add_cluster, add_predictions, predict, require_fitting
from faster_video.cli.defaults import Defaults
from faster_video.cli.output import complain, exit_code, print_table
from faster_video.cli.running import (
    BUNDLE_HELP,
    add_policy,
    add_precision,
    add_processes,
    add_running,
    classifier_of,
    processes_of,
    work_of,
)
from faster_video.config import require_at_least
from faster_video.errors import ConfigError
from faster_video.files import printable

if TYPE_CHECKING:
    from faster_video.inference import Classification, Failure

DESCRIPTION = "Label video files and folders, with the answer after every clip."


def add_arguments(command: ArgumentParser, _defaults: Defaults) -> None:
    """Declare the options."""
    command.add_argument(
        "paths", nargs="*", type=str, metavar="PATH", help="video files, and folders of them; with --out addresses, too"
    )
    command.add_argument("--list", type=str, metavar="FILE", help="text file of more: a path or address on each line")
    command.add_argument("--bundle", type=str, help=f"{BUNDLE_HELP}; default: default")
    add_running(command)
    add_policy(command)
    add_precision(command)
    add_processes(command)
    command.add_argument("--top", type=int, default=5, help="how many labels to show")
    command.add_argument("--json", action="store_true", help="print one JSON list at the end")
    command.add_argument("--jsonl", action="store_true", help="print one JSON object per line, as soon as it is known")
    command.add_argument("--plot", type=str, metavar="FILE", help="draw the timeline (.png, .pdf, .svg)")
    add_predictions(command)
    add_cluster(command)


def run(options: Namespace) -> int:
    """Do it; returns the exit code."""
    from faster_video.inference import Classification, find_videos, plot_timeline
    from faster_video.inference.timeline import MOST_VIDEOS
    from faster_video.pictures import require_picture_path

    require_at_least("--top", options.top, 1)
    if options.json and options.jsonl:
        raise ConfigError("--json and --jsonl are both given; choose one")
    require_fitting(options, ("json", "jsonl", "plot"))
    named = _named(options)
    if options.out is not None:
        return _predict(options, named)
    if options.plot is not None:
        require_picture_path(options.plot)
    paths = find_videos(named)
    classifier = classifier_of(options, len(paths))
    done, failed, shown = 0, 0, []
    drawn: list[Classification] = []
    for result in classifier.classify_many(paths, processes_of(options, classifier, len(paths))):
        if isinstance(result, Classification):
            done += 1
            if options.plot is not None and len(drawn) < MOST_VIDEOS:
                drawn.append(result)
        else:
            failed += 1
            complain(f"{printable(result.path)}: {result.reason}")
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
    return exit_code(done, failed)


def _named(options: Namespace) -> list[str]:
    """Paths and addresses, of the command line and of --list."""
    from faster_video.predictions.sources import is_address, read_source_list

    if not options.paths and options.list is None:
        raise ConfigError("not given: PATH, or --list FILE; see faster-video classify --help")
    named = [*options.paths, *(read_source_list(options.list) if options.list is not None else [])]
    address = next(filter(is_address, named), None)
    if options.out is None and address is not None:
        raise ConfigError(
            f"{printable(address)}: is an address, which is fetched only for --out FOLDER; give that, too"
        )
    return named


def _predict(options: Namespace, named: list[str]) -> int:
    """One row per video in the folder of --out."""
    from faster_video.predictions import find_sources

    sources = find_sources(named)
    folder = predict(options, work_of(options, len(sources)), sources)
    names = {source.name for source in sources}
    failed = 0
    for name, error in folder.errors():
        if name in names:
            failed += 1
            complain(f"{printable(name)}: {error}")
    print(f"predictions of {len(sources) - failed} of {len(sources)} videos in {printable(options.out)}")
    return exit_code(len(sources) - failed, failed)


def _as_dict(result: "Classification | Failure", top: int) -> dict[str, object]:
    from faster_video.inference import Classification

    return result.as_dict(top) if isinstance(result, Classification) else result.as_dict()


def _print_classification(video: "Classification", top: int) -> None:
    from faster_video.inference import timeline_table

    print_table(timeline_table(video))
    for label, probability in video.labels[:top]:
        print(f"{probability:7.1%}  {printable(label)}")
    print(f"{video.seconds:.2f} s of work for {video.video_seconds:.2f} s of video\n")
