"""`faster-video evaluate`: accuracy, confusion and cost of a bundle on labelled videos."""

import json
import sys

from jsonargparse import ArgumentParser, Namespace

from faster_video.cli.output import exit_code, print_table
from faster_video.cli.running import add_running
from faster_video.config import Recipe
from faster_video.files import printable

DESCRIPTION = "Accuracy, confusion and cost of a bundle on labelled videos."


def add_arguments(command: ArgumentParser, _recipe: Recipe) -> None:
    """Declare the options."""
    command.add_argument("bundle", type=str, metavar="BUNDLE", help="trained bundle; `default` is the package's own")
    command.add_argument("list", type=str, metavar="LIST", help="folder of class folders, or CSV file of path,label")
    add_running(command)
    command.add_argument(
        "--aggregator",
        type=str,
        help="`average`: average pooling of both networks' own scores, the usual baseline",
    )
    command.add_argument("--json", action="store_true", help="print JSON, every video's prediction included")
    command.add_argument("--plot", type=str, metavar="FILE", help="draw the confusion matrix (.png, .pdf, .svg)")


def run(options: Namespace) -> int:
    """Do it; returns the exit code."""
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
        print_table(evaluation.evaluation_table(result))
        confusion = evaluation.confusion_table(result)
        if confusion is not None:
            print_table(confusion)
    if options.plot is not None:
        evaluation.plot_confusion(result, options.plot)
        print(f"confusion matrix drawn in {printable(options.plot)}", file=sys.stderr)
    return exit_code(done=len(result.videos) - len(result.unreadable), failed=len(result.unreadable))
