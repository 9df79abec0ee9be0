"""`faster-video export`: a bundle as graphs for programs that know nothing of this package."""

from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

from faster_video.cli.defaults import Defaults
from faster_video.cli.running import FOLDER_HELP
from faster_video.files import printable

DESCRIPTION = "Write a bundle as ONNX, OpenVINO or PyTorch graphs, to be run without this package."


def add_arguments(command: ArgumentParser, _defaults: Defaults) -> None:
    """Declare the options."""
    command.add_argument("bundle", type=str, metavar="BUNDLE", help=FOLDER_HELP)
    command.add_argument("--format", type=str, default="onnx", help="onnx, openvino or torch-export")
    command.add_argument(
        "--out", type=str, metavar="DIR", help="folder for the graphs; default: beside the bundle, as BUNDLE-FORMAT"
    )


def run(options: Namespace) -> int:
    """Do it; returns the exit code."""
    from faster_video.bundle import load_bundle
    from faster_video.export import EXAMPLE, export_bundle
    from faster_video.packaged import PACKAGED, bundle_place

    bundle = load_bundle(bundle_place(options.bundle))
    # The package's own folder is none to write to.
    beside = Path(options.bundle) if options.bundle in PACKAGED else Path(options.bundle).resolve()
    out = Path(options.out) if options.out else beside.with_name(f"{beside.name}-{options.format}")
    done = export_bundle(bundle, out, options.format)
    for name, size in done.files.items():
        print(f"{size / 1e6:9.2f} MB  {name}")
    print(f"probabilities differ by at most {done.difference:.0e} from the bundle's, over four clips of noise")
    print(f"written to {printable(out)}; python {printable(out / EXAMPLE)} VIDEO runs them")
    return 0
