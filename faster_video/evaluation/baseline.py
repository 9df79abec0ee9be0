"""Average pooling of the same two backbones: what every bundle can be compared with (paper section 3.3)."""

from dataclasses import replace

from faster_video.aggregators import Average
from faster_video.bundle import Bundle
from faster_video.model import Faster


def baseline(bundle: Bundle) -> Bundle:
    """The bundle with its learned aggregator exchanged for average pooling of both backbones' own scores.

    The weights are shared with `bundle`, not copied; pattern, clips and labels stay the same.
    """
    model = bundle.model
    averaged = Faster(
        expensive=model.expensive,
        cheap=model.cheap,
        pattern=model.pattern,
        aggregator=Average(),
        classifier=model.classifier,
        projection=model.projection,
    )
    config = replace(bundle.config, model=replace(bundle.config.model, aggregator="average"))
    return Bundle(model=averaged.train(model.training), config=config)
