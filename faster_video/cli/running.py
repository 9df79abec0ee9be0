"""Options that several commands have: how a bundle is run, and where decoded frames are kept."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser, Namespace

if TYPE_CHECKING:
    from faster_video.bundle import Bundle
    from faster_video.inference import Classifier
    from faster_video.predictions.work import Work

FOLDER_HELP = "trained bundle: a folder, or `default` or `motion`, which come with the package"
BUNDLE_HELP = "trained bundle: a folder, USER/NAME on the Hugging Face Hub, or `default` or `motion` of the package"


def bundle_named(name: str) -> "Bundle":
    """The bundle that the command line names."""
    from faster_video.hub import read_bundle

    bundle = read_bundle(name)
    say_origin(bundle)
    return bundle


def say_origin(bundle: "Bundle") -> None:
    """Of which commit a bundle from the Hub is, on stderr."""
    if bundle.origin:
        print(f"bundle {bundle.origin}", file=sys.stderr)


def classifier_of(options: Namespace, videos: int | None = None) -> "Classifier":
    """The bundle of `--bundle`, ready to run as the options of `add_running` and `add_precision` say."""
    return work_of(options, videos).classifier()


def work_of(options: Namespace, videos: int | None = None) -> "Work":
    """The same before anything is made ready; the bundle is read."""
    from faster_video.inference import with_policy
    from faster_video.packaged import DEFAULT
    from faster_video.predictions.work import Work

    bundle, stop = with_policy(
        bundle_named(options.bundle or DEFAULT),
        preset=options.preset,
        pattern=options.pattern,
        stop=getattr(options, "stop_when", None),
        gate=options.gate,
    )
    return Work(
        bundle=bundle,
        stop=stop,
        device=options.device,
        engine=options.engine,
        precision=options.precision,
        calibrate=None if options.calibrate is None else Path(options.calibrate),
        videos=videos,
        top=options.top if "top" in options else len(bundle.labels),
    )


def add_running(command: ArgumentParser) -> None:
    """Which pattern, on which device and engine."""
    command.add_argument("--pattern", type=str, help="expensive:cheap clips, such as 1:3, instead of the bundle's own")
    command.add_argument("--device", type=str, default="auto", help="auto, cpu or cuda")
    command.add_argument(
        "--engine", type=str, default="auto", help="what runs the networks: auto, native, eager, compiled or openvino"
    )


def add_policy(command: ArgumentParser, *, stops: bool = True) -> None:
    """How much of a video is looked at; `stops` where a video can be known before its end."""
    command.add_argument(
        "--preset", type=str, metavar="NAME", help="settings that faster-video plan has written into the bundle"
    )
    command.add_argument(
        "--gate",
        type=float,
        metavar="PROBABILITY",
        help="the bundle's gate decides, and sends clips above this to the expensive network",
    )
    if stops:
        command.add_argument(
            *("--stop_when", "--stop-when"),
            type=str,
            metavar="RULE",
            help="leave the rest of a video out once a label is as probable as 0.9, or 0.9:2 for two clips in a row; "
            "calibrated: as the bundle says; never: look at all clips",
        )


def add_precision(command: ArgumentParser) -> None:
    """Of the commands that classify."""
    command.add_argument(
        "--precision", type=str, default="float32", help="of the networks: float32, bf16 or, with --calibrate, int8"
    )
    command.add_argument("--calibrate", type=str, metavar="DIR", help="videos like those to come, which int8 needs")


def add_processes(command: ArgumentParser) -> None:
    """Of the commands that classify."""
    command.add_argument(
        "--processes",
        type=int,
        help="that share the files out on a processor; default: one, or one per core for many files and small networks",
    )


def processes_of(options: Namespace, classifier: "Classifier", num_files: int) -> int:
    """What was asked for, or what is quickest."""
    return classifier.processes_for(num_files) if options.processes is None else int(options.processes)


def add_frame_cache(command: ArgumentParser) -> None:
    """Of the commands that read the same videos over and over."""
    command.add_argument(
        "--frame_cache", type=str, metavar="DIR", help="folder for decoded frames of small sets, which are then kept"
    )


def frame_cache_of(options: Namespace) -> Path | None:
    """Where decoded frames are kept, None where they are not."""
    return Path(options.frame_cache) if options.frame_cache else None
