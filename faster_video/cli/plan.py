"""`faster-video plan`: the best way to run a bundle for what a video may cost."""

import json
import sys
from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser, Namespace

from faster_video.cli.defaults import Defaults
from faster_video.cli.lists import LIST_HELP, add_list_options
from faster_video.cli.output import exit_code, print_table
from faster_video.cli.rewritten import STORE_HELP, add_out, maps_of, out_folder, require_preset_name, rewrite
from faster_video.cli.running import BUNDLE_HELP, bundle_named
from faster_video.errors import ConfigError
from faster_video.files import printable

if TYPE_CHECKING:
    from rich.table import Table

    from faster_video.budget import Plan
    from faster_video.budget.plan import Tried

DESCRIPTION = "Choose pattern, number of clips and stop rule for what a video may cost, and keep them as a preset."
MOST_LINES = 20
"""Of the front, in the table."""


def add_arguments(command: ArgumentParser, _defaults: Defaults) -> None:
    """Declare the options."""
    command.add_argument("bundle", type=str, metavar="BUNDLE", help=BUNDLE_HELP)
    command.add_argument(
        "list", type=str, metavar="LIST", help=f"videos that it was not trained on: {LIST_HELP}; {STORE_HELP}"
    )
    add_list_options(command)
    command.add_argument(
        "--budget", type=str, required=True, help='what a video may cost in the mean: "40 GMACs" or "0.5 s" of work'
    )
    command.add_argument("--preset", type=str, default="cheap", metavar="NAME", help="name for what is chosen")
    command.add_argument("--patterns", type=str, nargs="+", metavar="E:C", help="to be tried; default: 1:0 to 1:15")
    command.add_argument("--clips", type=int, nargs="+", metavar="N", help="to be tried; default: all, half of them, …")
    command.add_argument("--part", type=str, default="test", help="of a LIST that has several: train, test or all")
    command.add_argument("--device", type=str, default="auto", help="auto, cpu or cuda")
    command.add_argument("--engine", type=str, default="auto", help="whose seconds count: auto, native, eager, …")
    command.add_argument("--plot", type=str, metavar="FILE", help="draw accuracy against cost (.png, .pdf, .svg)")
    command.add_argument("--json", action="store_true", help="print every setting that was tried as JSON")
    add_out(command)


def run(options: Namespace) -> int:
    """Do it; returns the exit code."""
    from dataclasses import replace

    from faster_video.budget import Budget, plan
    from faster_video.budget.picture import plot_plan
    from faster_video.budget.plan import PATTERNS, require_clip_counts
    from faster_video.budget.prices import gmacs_prices, seconds_prices
    from faster_video.budget.replay import lost_videos
    from faster_video.pattern import Pattern
    from faster_video.pictures import require_picture_path

    budget = Budget.parse(options.budget)
    out, name = out_folder(options), require_preset_name(options.preset)
    for pattern in options.patterns or []:
        Pattern.parse(pattern)
    if options.plot is not None:
        require_picture_path(options.plot)
    bundle = bundle_named(options.bundle)
    require_clip_counts(options.clips or [], bundle.config.clips.num_clips)
    in_seconds = budget.unit == "s"
    if not in_seconds and options.engine != "auto":
        raise ConfigError(f"--engine is {options.engine}, but the budget is in GMACs, which no engine changes")
    with maps_of(options, bundle, part=options.part) as features:
        lost = lost_videos(features)
        prices = (gmacs_prices(bundle),) * 2
        found = plan(
            bundle,
            features,
            budget,
            prices=seconds_prices(bundle, options.device, options.engine) if in_seconds else prices,
            patterns=options.patterns or PATTERNS,
            clip_counts=options.clips,
            show=_tell if sys.stderr.isatty() else lambda _what: None,
        )
    _tell_end()
    for reason in lost:
        print(reason, file=sys.stderr)
    if options.json:
        print(json.dumps(_as_dict(found), indent=2))
    else:
        print_table(_table(found))
        _tell_chosen(found)
    rewrite(options, bundle, lambda config: replace(config, presets=config.presets | {name: found.preset()}))
    print(f"written to {printable(out)} as preset {name!r}", file=sys.stderr)
    if options.plot is not None:
        plot_plan(found, options.plot)
        print(f"drawn in {printable(options.plot)}", file=sys.stderr)
    return exit_code(done=len(found.chosen.outcome.correct), failed=len(lost))


def _tell_end() -> None:
    """Take the line of what is tried away."""
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _tell(what: str) -> None:
    print(f"\r\x1b[K{what}", end="", file=sys.stderr, flush=True)


def _table(plan: "Plan") -> "Table":
    from rich.table import Table

    whole = plan.front
    shown = _some(whole, plan.chosen)
    table = Table(title="What nothing beats in both accuracy and cost")
    for name in ("setting", "top-1", f"{plan.budget.unit} a video", "of every clip expensive"):
        table.add_column(name, justify="left" if name == "setting" else "right")
    for one in shown:
        share = one.outcome.mean_cost / plan.all_expensive.outcome.mean_cost
        mark = " ←" if one is plan.chosen else ""
        table.add_row(f"{one.setting}{mark}", f"{one.outcome.top1:.1%}", f"{one.outcome.mean_cost:.3g}", f"{share:.0%}")
    if len(shown) < len(whole):
        table.caption = f"and {len(whole) - len(shown)} between them (--json prints all)"
    return table


def _some(front: "list[Tried]", chosen: "Tried") -> "list[Tried]":
    """So many as fit a table, from the cheapest to the dearest, and the chosen one."""
    last = len(front) - 1
    places = {round(line * last / (MOST_LINES - 1)) for line in range(MOST_LINES)}
    return [one for place, one in enumerate(front) if last < MOST_LINES or place in places or one is chosen]


def _tell_chosen(plan: "Plan") -> None:
    if plan.average is not None:
        print(f"every clip expensive, scores averaged: {_figures(plan.average, plan)}")
    print(f"every clip expensive: {_figures(plan.all_expensive, plan)}")
    print(f"chosen for {plan.budget}: {plan.chosen.setting}")
    print(
        f"{plan.chosen.outcome.top1:.1%} of these {len(plan.chosen.outcome.correct)} videos; on videos that it is not "
        f"chosen on, {plan.expected_top1:.1%} at {plan.expected_cost:.3g} {plan.budget.unit}"
    )


def _figures(one: "Tried", plan: "Plan") -> str:
    return f"{one.outcome.top1:.1%} at {one.outcome.mean_cost:.3g} {plan.budget.unit} a video"


def _as_dict(plan: "Plan") -> dict[str, object]:
    on_front = {id(one) for one in plan.front}
    return {
        "budget": str(plan.budget),
        "unit": plan.budget.unit,
        "videos": len(plan.chosen.outcome.correct),
        "chosen": _setting(plan.chosen),
        "expected_top1": plan.expected_top1,
        "expected_cost": plan.expected_cost,
        "all_expensive": _setting(plan.all_expensive),
        "average": None if plan.average is None else _setting(plan.average),
        "tried": [_setting(one) | {"on_front": id(one) in on_front} for one in plan.tried],
    }


def _setting(one: "Tried") -> dict[str, object]:
    setting = one.setting
    return {
        "pattern": setting.pattern,
        "num_clips": setting.num_clips,
        "gate_threshold": setting.gate_threshold,
        "stop": None if setting.stop is None else str(setting.stop),
        "top1": one.outcome.top1,
        "cost": one.outcome.mean_cost,
        "gmacs": one.gmacs,
    }
