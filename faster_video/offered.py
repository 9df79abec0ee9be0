"""What a bundle offers beside its own pattern, in words: presets, gate, temperature and rule to stop."""

from faster_video.bundle_config import BundleConfig
from faster_video.policy import Preset

PRESET_HEADINGS = ("preset", "expensive clips by", "clips", "stops at", "top-1", "GMACs", "videos", "budget")


def offered_settings(config: BundleConfig) -> dict[str, str]:
    """By name, in words; an empty text is what the bundle does not have."""
    calibration = config.calibration
    rule = f"{calibration.stop}, at most {calibration.max_drop:g} points of top-1 worse" if calibration.stop else ""
    return {
        "gate": "yes, with `--gate PROBABILITY`" if config.model.gate else "",
        "temperature": f"{calibration.temperature:.3g}" if calibration.temperature != 1 else "",
        "rule of `--stop_when calibrated`": rule,
        "calibrated on": f"{calibration.videos:,} videos" if calibration.videos else "",
    }


def preset_rows(config: BundleConfig) -> list[tuple[str, ...]]:
    """A row of `PRESET_HEADINGS` for each preset, by name."""
    return [_row(name, config.presets[name]) for name in sorted(config.presets)]


def _row(name: str, preset: Preset) -> tuple[str, ...]:
    """Of what nobody has measured nothing is said."""
    chosen = f"pattern {preset.pattern}" if preset.gate_threshold is None else f"gate {preset.gate_threshold:g}"
    top1 = f"{preset.top1:.1%}" if preset.top1 else ""  # of a gate's preset nobody has looked
    measured = (top1, f"{preset.gmacs:.3g}", f"{preset.videos:,}") if preset.videos else ("", "", "")
    stop = "" if preset.stop is None else str(preset.stop)
    return (name, chosen, str(preset.num_clips), stop, *measured, preset.budget)
