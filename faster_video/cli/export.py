"""`faster-video export`: a bundle as graphs for programs that know nothing of this package."""

from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

from faster_video.cli.defaults import Defaults
from faster_video.cli.running import BUNDLE_HELP, bundle_named
from faster_video.files import printable

DESCRIPTION = "Write a bundle as ONNX, OpenVINO or PyTorch graphs, to be run without this package."


def add_arguments(command: ArgumentParser, _defaults: Defaults) -> None:
    """Declare the options."""
    command.add_argument("bundle", type=str, metavar="BUNDLE", help=BUNDLE_HELP)
    command.add_argument("--format", type=str, default="onnx", help="onnx, openvino or torch-export")
    command.add_argument(
        "--out",
        type=str,
        metavar="DIR",
        help="folder for the graphs; default: BUNDLE-FORMAT, beside the bundle's folder",
    )


def run(options: Namespace) -> int:
    """Do it; returns the exit code."""
    from faster_video.export import EXAMPLE, export_bundle, require_exportable

    out = Path(options.out) if options.out else _usual_place(options.bundle, options.format)
    require_exportable(out, options.format)  # before a bundle is downloaded for nothing
    done = export_bundle(bundle_named(options.bundle), out, options.format)
    for name, size in done.files.items():
        print(f"{size / 1e6:9.2f} MB  {name}")
    if done.left_out:
        print(f"left out: {printable('; '.join(done.left_out))}; the graphs look at every clip, by the pattern")
    print(f"probabilities differ by at most {done.difference:.0e} from the bundle's, over four clips of noise")
    print(f"written to {printable(out)}; python {printable(out / EXAMPLE)} VIDEO runs them")
    return 0


def _usual_place(bundle: str, form: str) -> Path:
    """Beside the user's own folder; here for a bundle of the package or of the Hub."""
    from faster_video.hub.names import HubName
    from faster_video.packaged import PACKAGED

    on_hub = HubName.find(bundle)
    is_folder = bundle not in PACKAGED and Path(bundle).is_dir()
    here = Path(Path(bundle if on_hub is None else on_hub.repository).name)
    named = Path(bundle).resolve() if is_folder else here
    return named.parent / f"{named.name}-{form}"
