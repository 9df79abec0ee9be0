"""Two published networks of one list of labels, set up for distillation."""

from dataclasses import replace

from faster_video.backbones.published import PUBLISHED, pair, published_labels
from faster_video.bundle import Bundle
from faster_video.config import BackboneConfig
from faster_video.errors import ConfigError
from faster_video.untrained import untrained_bundle

SCALE = 0.1
"""Of the maps, so that tanh leaves them nearly alone."""


def distillation_pair(expensive: str, cheap: str, seed: int = 0) -> Bundle:
    """The two networks with their weights and own heads, their maps averaged to one place and scaled.

    The seed fixes the other weights, until `start_as_average` gives them others.

    Raises:
        ConfigError: there is no such network, it is made by somebody's function, or they answer with different lists of
            labels.
        WeightsError: the weights of one are not on this machine.
    """
    for name in (expensive, cheap):
        if BackboneConfig(name=name).is_imported:
            raise ConfigError(
                f"{name} is made by a function, and nothing is known of the labels that it answers with; only networks "
                "that faster-video backbones lists can be distilled"
            )
    settings = pair(expensive, cheap)
    lists = [PUBLISHED[name].labels for name in (expensive, cheap)]
    if len(set(lists)) > 1:
        raise ConfigError(
            f"{expensive} answers with the labels of {lists[0]} and {cheap} with those of {lists[1]}; only networks of "
            "the same list can be distilled"
        )
    model = replace(
        settings.model, expensive=_with_head(settings.model.expensive), cheap=_with_head(settings.model.cheap)
    )
    return untrained_bundle(model, settings.clips, settings.transform, published_labels(lists[0]), seed)


def _with_head(config: BackboneConfig) -> BackboneConfig:
    return replace(config, head="published", pooled_size=(1, 1, 1), scale=SCALE)
