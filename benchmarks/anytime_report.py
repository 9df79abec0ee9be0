"""What `anytime.py` prints and draws of its figures."""

from collections.abc import Iterable
from pathlib import Path
from statistics import mean, stdev
from typing import Any

PATTERNS = ("1:0", "1:1", "1:3", "1:7", "1:15")
MOMENTS = (0.25, 0.5, 0.75, 1.0)
"""Shares of the clips after which answers are judged."""
COMPARED = ("1:1", "1:3", "1:7")
"""Patterns whose cost the gate and novelty may have."""
Figures = dict[str, Any]


def report(found: list[Figures]) -> None:
    print(f"{len(found)} seeds; top-1 in % on 1,197 test videos of 9 labels, mean ± standard deviation over the seeds")
    print("\na. 1:3, 16 clips: after " + ", ".join(f"{share:.0%}" for share in MOMENTS) + " of the clips")
    for name in found[0]["moments"]:
        rows = [one["moments"][name] for one in found]
        print(f"{name:36}", *(spread(column) for column in zip(*rows, strict=True)), sep="  ")
    print("\nunder every pattern, 16 clips: trained for it; one bundle for all, points over that: any time, 8 passes;")
    print("any time, 24 passes; last step with patterns drawn, 16 passes")
    for name in PATTERNS:
        own, *shared = zip(*(one["patterns"][name] for one in found), strict=True)
        line = f"{name:14}  {spread(own)}"
        for column in shared:
            line += f"  {spread(column)}  {numbers([100 * (b - a) for a, b in zip(own, column, strict=True)])}"
        print(line)
    print("\nb. calibration (all patterns, 1:3, 32 clips), rule with at most 0.5 points lost, chosen on validation")
    for one in found:
        told = one["exits"]["calibration"]
        whole, stopped, cost, less = told["test"]
        print(
            f"temperature {told['temperature']:.2f}, error {told['error_before']:.3f} -> {told['error_after']:.3f}; "
            f"stop {told['stop']}; test: {100 * whole:.1f} -> {100 * stopped:.1f} % at {less / cost:.0%} of the GMACs; "
            f"expected drop {told['expected_drop']:+.2f}"
        )
    print("\nthe cheapest setting as good on validation, on test: reference, found, share of the reference's GMACs")
    for name in found[0]["exits"]["references"]:
        rows = [one["exits"]["references"][name] for one in found]
        ratio = [row["found"]["gmacs"] / row["gmacs"] for row in rows]
        top1s = [spread([row["top1"] for row in rows]), spread([row["found"]["top1"] for row in rows])]
        gmacs = [mean(row["gmacs"] for row in rows), mean(row["found"]["gmacs"] for row in rows)]
        print(f"{name:24}  {top1s[0]} at {gmacs[0]:.3f}  {top1s[1]} at {gmacs[1]:.3f}  {spread(ratio)} of the GMACs")
        for row in rows:
            print(f"{'':26}{row['found']['setting']}")
    print(
        "\nc. at the cost of a fixed pattern, 32 clips (all patterns): top-1, GMACs, points over fixed (± over videos)"
    )
    for name in COMPARED:
        for way in ("fixed", "gate", "novelty", "chance"):
            rows = [one["gate"][name][way] for one in found]
            line = f"{name:5} {way:8} {spread([row['top1'] for row in rows])}  {mean(row['gmacs'] for row in rows):.4f}"
            line += f"  {mean(row['expensive'] for row in rows):.0%} of the clips expensive"
            if way != "fixed":
                points = [row["difference"] for row in rows]
                line += f"  {numbers(points)} (± {mean(row['over_videos'] for row in rows):.1f})"
            print(line)


def spread(values: Iterable[float]) -> str:
    values = [100 * value for value in values]
    return f"{mean(values):5.1f} ± {stdev(values) if len(values) > 1 else 0:.1f}"


def numbers(points: list[float]) -> str:
    return f"{mean(points):+.1f} (" + ", ".join(f"{point:+.1f}" for point in points) + ")"


def draw(found: list[Figures], path: Path) -> None:
    """Every seed's front on test, and the references."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 5.5), dpi=120, layout="constrained")
    axes = figure.subplots()
    colours = ("#0072B2", "#D55E00", "#009E73")
    for seed, (one, colour) in enumerate(zip(found, colours, strict=False)):
        points = sorted(one["exits"]["front"], key=lambda point: point["gmacs"])
        places = [p["gmacs"] for p in points], [100 * p["top1"] for p in points]
        axes.plot(*places, color=colour, marker="o", markersize=3, linewidth=1.2, label=f"planned, seed {seed}")
    marks = dict(zip(found[0]["exits"]["references"], "s^DP", strict=True))
    for name, mark in marks.items():
        axes.plot([], [], linestyle="", marker=mark, markersize=8, color="#777777", label=name)
        for one, colour in zip(found, colours, strict=False):
            row = one["exits"]["references"][name]
            axes.plot(row["gmacs"], 100 * row["top1"], marker=mark, markersize=8, color=colour, alpha=0.8)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("GMACs a video, in the mean")
    axes.set_ylabel("top-1 on 1,197 test videos, %")
    axes.grid(color="#EEEEEE")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=9)
    figure.savefig(path)
