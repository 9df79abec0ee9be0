"""A plan as a picture: accuracy against cost, the front, and what was chosen."""

from pathlib import Path

from faster_video.budget.plan import Plan, Tried, front
from faster_video.pictures import COLOURS, save_picture


def plot_plan(plan: Plan, path: str | Path) -> None:
    """Draw every setting that was tried, fixed patterns, stop rules and gates apart.

    Raises:
        PictureError: the name is not a picture's, or nothing can be written there.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullFormatter

    figure = Figure(figsize=(9, 5.5), dpi=120, layout="constrained")
    axes = figure.subplots()
    groups = {
        "fixed patterns, all of their clips": [one for one in plan.tried if _is_plain(one)],
        "stopped early": [one for one in plan.tried if one.setting.stop and one.setting.gate_threshold is None],
        "with the gate": [one for one in plan.tried if one.setting.gate_threshold is not None],
    }
    for (name, tried), colour in zip(groups.items(), COLOURS, strict=False):
        if not tried:
            continue
        axes.scatter(*_places(tried), s=9, color=colour, alpha=0.25, linewidths=0)
        axes.plot(*_places(front(tried)), color=colour, linewidth=1.6, marker="o", markersize=3.5, label=name)
    marked = [(plan.all_expensive, "s", "every clip expensive"), (plan.chosen, "*", f"chosen: {plan.chosen.setting}")]
    if plan.average is not None:
        marked.insert(0, (plan.average, "^", "every clip expensive, scores averaged"))
    for one, marker, label in marked:
        size = 15 if marker == "*" else 8
        axes.plot(
            *_places([one]),
            linestyle="",
            marker=marker,
            markersize=size,
            color="#222222",
            label=f"{label}, {_told(one, plan)}",
        )
    axes.axvline(plan.budget.amount, color="#777777", linestyle="--", linewidth=1.2, label=f"budget {plan.budget}")
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(f"{plan.budget.unit} a video, in the mean")
    axes.set_ylabel(f"top-1 on {len(plan.chosen.outcome.correct)} videos, %")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#EEEEEE")
    figure.legend(loc="outside lower center", fontsize=9)
    save_picture(figure, path)


def _is_plain(one: Tried) -> bool:
    return one.setting.stop is None and one.setting.gate_threshold is None


def _places(tried: list[Tried]) -> tuple[list[float], list[float]]:
    return [one.outcome.mean_cost for one in tried], [100 * one.outcome.top1 for one in tried]


def _told(one: Tried, plan: Plan) -> str:
    return f"{one.outcome.top1:.1%} at {one.outcome.mean_cost:.3g} {plan.budget.unit}"
