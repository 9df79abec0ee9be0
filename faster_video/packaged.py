"""The bundles that come with the package, by name."""

from pathlib import Path

FOLDER = Path(__file__).parent / "bundles"
DEFAULT = "default"
PACKAGED = {DEFAULT: FOLDER / "imagenet", "motion": FOLDER / "motion"}
"""`default`: a thousand things by EfficientNet-Lite, distilled (docs/published.md); `motion`: nine motions of shapes
(docs/results.md). A folder of such a name is given as `./default`."""


def bundle_place(name: str | Path) -> str | Path:
    """The folder of a packaged bundle; anything else as it is."""
    return PACKAGED.get(str(name), name)
