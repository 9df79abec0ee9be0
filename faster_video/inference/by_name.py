"""A classifier by the name of a bundle, and how much of a video it looks at."""

from pathlib import Path

from faster_video.bundle import Bundle
from faster_video.engine import AUTO, FLOAT32
from faster_video.errors import ConfigError
from faster_video.hub import read_bundle
from faster_video.inference.classify import Classifier
from faster_video.packaged import DEFAULT
from faster_video.policy import StopRule

CALIBRATED, NEVER = "calibrated", "never"
"""Rules by name: the bundle's own, and none."""


def load(
    bundle: str | Path | None = None,
    *,
    preset: str | None = None,
    pattern: str | None = None,
    stop: StopRule | str | None = None,
    device: str = "auto",
    engine: str = AUTO,
    precision: str = FLOAT32,
    calibrate: str | Path | None = None,
) -> Classifier:
    """A classifier from a bundle; None takes `default`.

    `bundle` is `default` or `motion`, which come with the package, a folder or, if nothing here has that name, a model
    on the Hugging Face Hub: `USER/NAME`, or `USER/NAME@REVISION`; its commit is then in `classifier.bundle.origin`.
    `preset` names one of the bundle's settings; `pattern` (`E:C` or `first`) replaces the one that the bundle was
    trained with, or the preset's. `stop` says when a video is known well enough for the rest of its clips to be left
    out: a rule such as `0.9:2` (`StopRule.parse`), `calibrated`, the bundle's own, or `never`. `engine` (auto, native,
    eager, compiled, openvino) runs the clip networks and FAST-GRU; `precision` and `calibrate` are as of `Classifier`.

    Raises:
        BundleError: it is not a usable bundle, or (HubError) the Hub does not give it.
        ConfigError: pattern or rule are none, the preset is not there, or the device, the engine or the precision does
            not exist here.
        DataError: there is no video to calibrate with.
        EngineError: the engine does not work on this machine.
    """
    loaded, rule = with_policy(
        read_bundle(DEFAULT if bundle is None else bundle), preset=preset, pattern=pattern, stop=stop
    )
    return Classifier(loaded, device, engine, precision=precision, calibrate=calibrate, stop=rule)


def with_policy(
    bundle: Bundle,
    *,
    preset: str | None = None,
    pattern: str | None = None,
    stop: StopRule | str | None = None,
    gate: float | None = None,
) -> tuple[Bundle, StopRule | None]:
    """A bundle under these settings, and when to stop, as of `load`; `gate` is as of `Bundle.with_gate`.

    Raises:
        ConfigError: pattern or rule are none, or preset, gate or the bundle's own rule are not there.
    """
    rule, usual = None, str(bundle.model.pattern)
    own = preset is None and pattern in (None, usual) and gate is None
    if gate is not None and pattern is not None:
        raise ConfigError(f"gate is {gate} and pattern is {pattern!r}; either decides which clips are expensive")
    if preset is not None:
        bundle, rule = bundle.with_preset(preset), bundle.preset(preset).stop
    if pattern is not None:
        bundle = bundle.with_pattern(pattern)
    if gate is not None:
        bundle = bundle.with_gate(gate)
    if stop == CALIBRATED:
        rule = bundle.config.calibration.stop
        if rule is None:
            raise ConfigError(
                f"stop is {CALIBRATED!r}, but this bundle has no rule; faster-video calibrate finds one, or give one "
                "such as 0.9:2"
            )
        if not own:
            raise ConfigError(
                f"stop is {CALIBRATED!r}, but that rule was learned under the bundle's own pattern, "
                f"{usual}; leave preset, pattern and gate out, or give a rule such as {rule}"
            )
    elif stop == NEVER:
        rule = None
    elif stop is not None:
        rule = stop if isinstance(stop, StopRule) else StopRule.parse(stop)
    return bundle, rule
