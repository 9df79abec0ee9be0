"""How far a mixed run learns to answer like the expensive network on every clip, over several seeds.

    python benchmarks/distillation.py OUT --data LIST … --validation LIST … [--seeds 0 1 2] [--json]

Two published networks and videos without labels; the maps of both are kept in OUT once. Per pattern: agreement with
the teacher on the validation videos, of average pooling of the same mix, of the first weights and after learning.
Means over the seeds with the sample standard deviation; KL(teacher ‖ student) in nats.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path
from statistics import mean, stdev

from faster_video.cli.distill import unlabelled
from faster_video.distillation import Distillation, distill, distillation_pair
from faster_video.recipes import distilled


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", nargs="+", required=True)
    parser.add_argument("--validation", nargs="+", required=True)
    parser.add_argument("--expensive", default="efficientnet_lite2")
    parser.add_argument("--cheap", default="efficientnet_lite0")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found: dict[tuple[str, str], list[tuple[float, float, float]]] = defaultdict(list)
    for seed in options.seeds:
        wanted = Distillation(
            bundle=distillation_pair(options.expensive, options.cheap, seed),
            data=unlabelled(options.data),
            validation=unlabelled(options.validation),
            out=options.out,
            patterns=("1:1", "1:7", "1:3"),
            config=distilled(),
            seed=seed,
        )
        done = distill(wanted)
        for when, rows in (("first weights", done.before), ("distilled", done.after)):
            for row in rows:
                way = "average" if row.aggregator == "average" else when
                if (way, when) != ("average", "distilled"):  # it does not change
                    found[row.pattern, way].append((100 * row.top1, row.kl, row.gmacs))
    for (pattern, way), values in found.items():
        agreement, divergence, gmacs = zip(*values, strict=True)
        line: dict[str, object] = {"pattern": pattern, "way": way, "seeds": len(values), "gmacs": gmacs[0]}
        line |= {"same_label": mean(agreement), "same_label_spread": spread(agreement)}
        line |= {"kl": mean(divergence), "kl_spread": spread(divergence)}
        print(json.dumps(line) if options.json else told(line))


def spread(values: tuple[float, ...]) -> float:
    return stdev(values) if len(values) > 1 else 0.0


def told(line: dict[str, object]) -> str:
    same_label = f"{line['same_label']:5.1f} ± {line['same_label_spread']:.1f} %"
    return (
        f"{line['pattern']} {line['way']:13}  same label {same_label}, "
        f"KL {line['kl']:.3f} ± {line['kl_spread']:.3f}, {line['gmacs']:.2f} GMACs"
    )


if __name__ == "__main__":
    main()
