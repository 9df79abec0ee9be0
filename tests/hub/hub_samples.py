"""Bundles to be put on the Hub of the tests."""

from pathlib import Path

from model_samples import small_bundle

from faster_video.bundle import save_bundle

LABELS = ["jump", "sit", "wave"]
"""In the order that a list of videos gives them."""
FILES = ("config.json", "model.safetensors")


def bundle_files(folder: Path, pattern: str = "1:3") -> dict[str, bytes]:
    """The two files of a bundle, which is saved in `folder`."""
    save_bundle(small_bundle(pattern=pattern, labels=LABELS), folder)
    return {name: (folder / name).read_bytes() for name in FILES}
