"""Average pooling of the same two backbones: what every bundle can be compared with (paper section 3.3)."""

from dataclasses import replace

from faster_video.aggregators import Average
from faster_video.bundle import Bundle
from faster_video.config import ModelConfig
from faster_video.errors import ConfigError
from faster_video.policy import Calibration


def baseline(bundle: Bundle) -> Bundle:
    """The bundle with its learned aggregator exchanged for average pooling of both backbones' own scores.

    The weights are shared with `bundle`, not copied; pattern, clips and labels stay the same. A gate, which looks at
    what the learned one has, is left out, and so are calibration and presets, which are of its answers.

    Raises:
        ConfigError: those scores are of classifiers that nothing was learned by.
    """
    _require_trained_classifiers(bundle.config.model)
    settings = replace(bundle.config.model, aggregator="average", gate=False)
    model = bundle.model.with_gate(None).with_aggregator(Average())  # shares modules, and is no module of `bundle`
    model.gate = None
    return Bundle(model=model, config=replace(bundle.config, model=settings, calibration=Calibration(), presets={}))


def with_untrained_aggregator(bundle: Bundle, name: str | None) -> Bundle:
    """The bundle under the aggregator called `name`: its own (or None), or the one that needs no training.

    Raises:
        ConfigError: it is another one, which would have to be trained; or average, and the networks' own classifiers
            would have to be.
    """
    own = bundle.config.model.aggregator
    if name in (None, own):
        return bundle
    if name == "average":
        return baseline(bundle)
    raise ConfigError(
        f"aggregator is {name!r}; this bundle was trained with {own!r}, and besides that only 'average' needs no "
        "training"
    )


def _require_trained_classifiers(model: ModelConfig) -> None:
    """Refuse linear classifiers of published networks, which no stage 1 has had, unless stage 2 trained them."""
    if model.aggregator == "average":
        return
    untrained = sorted(
        {
            network.name
            for network in (model.expensive, model.cheap)
            if network.is_published and network.head == "linear"
        }
    )
    if untrained:
        raise ConfigError(
            f"aggregator is 'average', but this bundle was trained with {model.aggregator!r}, which leaves the own "
            f"classifiers of {' and '.join(untrained)} untrained; train one with --model.aggregator average"
        )
