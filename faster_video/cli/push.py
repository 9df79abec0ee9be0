"""`faster-video push`: a bundle to the Hugging Face Hub, with a model card."""

from jsonargparse import ArgumentParser, Namespace

from faster_video.cli.defaults import Defaults
from faster_video.cli.running import FOLDER_HELP

DESCRIPTION = "Put a bundle on the Hugging Face Hub, with a model card."


def add_arguments(command: ArgumentParser, _defaults: Defaults) -> None:
    """Declare the options."""
    command.add_argument("bundle", type=str, metavar="BUNDLE", help=FOLDER_HELP)
    command.add_argument("repository", type=str, metavar="USER/NAME", help="of the model, which is made if need be")
    command.add_argument("--private", action="store_true", help="make the model one that only you can read")
    command.add_argument("--message", type=str, help="of the commit")
    command.add_argument(
        "--license", type=str, metavar="ID", help="of the weights, as the Hub names it, such as apache-2.0"
    )
    command.add_argument("--dry_run", action="store_true", help="print the model card, and send nothing")


def run(options: Namespace) -> int:
    """Do it; returns the exit code."""
    from faster_video.hub import card_of, push
    from faster_video.hub.upload import MESSAGE
    from faster_video.packaged import bundle_place

    folder = bundle_place(options.bundle)
    if options.dry_run:
        print(card_of(folder, options.repository, options.license), end="")
        return 0
    pushed = push(
        folder,
        options.repository,
        private=options.private,
        message=MESSAGE if options.message is None else options.message,
        license_id=options.license,
    )
    print(f"{pushed.repository}@{pushed.commit} is at {pushed.url}")
    return 0
