"""Make the package's own bundle from a trained one: rounded to float16, judged as rounded, figures in its provenance.

python benchmarks/pack_default.py BUNDLE TEST_LIST TARGET
"""

import argparse
from pathlib import Path

from faster_video.bundle import Bundle, load_bundle, save_bundle
from faster_video.datasets import read_list
from faster_video.evaluation import baseline, evaluate
from faster_video.inference import Classifier


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("list", type=Path)
    parser.add_argument("target", type=Path)
    options = parser.parse_args()
    save_bundle(load_bundle(options.bundle), options.target, half=True)
    rounded = load_bundle(options.target)
    rounded.config.provenance["data"]["path"] = (
        "make-motion --set long; the networks learned --set single first, see docs/results.md"
    )
    rounded.config.provenance["metrics"] = {
        "videos": len(read_list(options.list).videos),
        "list_sha256": read_list(options.list).sha256,
        **{f"top1 {name}": top1(bundle, options.list) for name, bundle in variants(rounded).items()},
    }
    save_bundle(rounded, options.target, half=True)
    size = sum(path.stat().st_size for path in options.target.iterdir())
    print(f"{size / 1e6:.2f} MB in {options.target}: {rounded.config.provenance['metrics']}")


def variants(bundle: Bundle) -> dict[str, Bundle]:
    """The bundle as trained, and averaging of its own networks beside it."""
    return {
        f"{bundle.config.model.aggregator} {bundle.config.model.pattern}": bundle,
        "average 0:1": baseline(bundle).with_pattern("0:1"),
        "average 1:0": baseline(bundle).with_pattern("1:0"),
    }


def top1(bundle: Bundle, videos: Path) -> float:
    return evaluate(Classifier(bundle), read_list(videos).videos, show_progress=True).counts.top1


if __name__ == "__main__":
    main()
