"""`faster-video gate`: train a gate that decides which clips deserve the expensive network."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser, Namespace

from faster_video.cli.defaults import Defaults
from faster_video.cli.rewritten import add_out, out_folder, require_preset_name, rewrite
from faster_video.cli.running import BUNDLE_HELP, bundle_named
from faster_video.files import printable

if TYPE_CHECKING:
    from faster_video.bundle import BundleConfig

DESCRIPTION = "Train a gate that decides, clip by clip, which network sees it."


def add_arguments(command: ArgumentParser, _defaults: Defaults) -> None:
    """Declare the options."""
    command.add_argument("bundle", type=str, metavar="BUNDLE", help=BUNDLE_HELP)
    command.add_argument(
        "store", type=str, metavar="STORE", help="training videos' features of both networks (extract --networks both)"
    )
    command.add_argument("--share", type=float, default=0.25, help="of the clips that the expensive network is to see")
    command.add_argument("--epochs", type=int, default=6, help="passes over the stored views")
    command.add_argument("--learning_rate", type=float, default=3e-3, help="of AdamW, at the start")
    command.add_argument("--seed", type=int, default=0, help="number that fixes weights, order and draws")
    command.add_argument("--preset", type=str, default="gate", metavar="NAME", help="under which the bundle keeps it")
    add_out(command)


def run(options: Namespace) -> int:
    """Do it; returns the exit code."""
    from dataclasses import replace

    from faster_video.budget import GateTraining, replay, train_gate
    from faster_video.budget.prices import gmacs_prices
    from faster_video.features.open import open_features
    from faster_video.policy import Preset

    wanted = GateTraining(
        share=options.share, epochs=options.epochs, learning_rate=options.learning_rate, seed=options.seed
    )
    out, name = out_folder(options), require_preset_name(options.preset)
    bundle, features = bundle_named(options.bundle), open_features(Path(options.store), part="train")
    gated, threshold = train_gate(bundle, features, wanted, show=_tell)
    found = replay(gated, features, view=0)
    gmacs = float(gmacs_prices(gated).after_each_clip(found)[:, -1].mean())
    preset = Preset(
        pattern="first",
        num_clips=gated.config.clips.num_clips,
        gate_threshold=threshold,
        temperature=gated.config.calibration.temperature,
        gmacs=gmacs,
        videos=len(found.labels),
        budget=f"{options.share:g} of the clips",
    )
    share = float(found.expensive.double().mean())
    print(
        f"threshold {threshold:.3f}: {share:.1%} of the clips of the training videos expensive, {gmacs:.3g} GMACs each"
    )
    old = sorted(one for one, kept in bundle.config.presets.items() if kept.gate_threshold is not None and one != name)
    if old:
        print(f"presets of the gate before are removed: {', '.join(old)}", file=sys.stderr)

    def change(config: "BundleConfig") -> "BundleConfig":
        kept = {one: preset for one, preset in config.presets.items() if preset.gate_threshold is None}
        return replace(config, presets=kept | {name: preset})

    rewrite(options, gated.with_gate(None), change)
    print(f"written to {printable(out)} as preset {name!r}; the bundle's own pattern stays what it was")
    return 0


def _tell(epoch: int, loss: float, share: float) -> None:
    print(f"pass {epoch + 1}: loss {loss:.3f}, {share:.1%} of the clips expensive", flush=True)
