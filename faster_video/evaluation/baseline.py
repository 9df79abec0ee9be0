"""Average pooling of the same two backbones: what every bundle can be compared with (paper section 3.3)."""

from dataclasses import replace

from faster_video.aggregators import Average
from faster_video.bundle import Bundle
from faster_video.errors import ConfigError


def baseline(bundle: Bundle) -> Bundle:
    """The bundle with its learned aggregator exchanged for average pooling of both backbones' own scores.

    The weights are shared with `bundle`, not copied; pattern, clips and labels stay the same.
    """
    config = replace(bundle.config, model=replace(bundle.config.model, aggregator="average"))
    return Bundle(model=bundle.model.with_aggregator(Average()), config=config)


def with_untrained_aggregator(bundle: Bundle, name: str | None) -> Bundle:
    """The bundle under the aggregator called `name`: its own (or None), or the one that needs no training.

    Raises:
        ConfigError: it is another one, which would have to be trained.
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
