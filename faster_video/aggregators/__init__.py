"""Feature maps → state: what folds the clips of a video together, and the table that names the ways."""

from collections.abc import Callable

from faster_video.aggregators.average import Average
from faster_video.aggregators.concat import Concat
from faster_video.aggregators.fast_gru import FastGru
from faster_video.aggregators.fold import Aggregator, fold
from faster_video.aggregators.pointwise import Pointwise
from faster_video.aggregators.recurrent import Gru, Lstm
from faster_video.config import require_choice

AGGREGATORS: dict[str, Callable[[int], Aggregator]] = {
    "average": lambda _channels: Average(),
    "concat": Concat,
    "fast_gru": FastGru,
    "gru": Gru,
    "lstm": Lstm,
}

__all__ = [
    "AGGREGATORS",
    "Aggregator",
    "Average",
    "Concat",
    "FastGru",
    "Gru",
    "Lstm",
    "Pointwise",
    "build_aggregator",
    "fold",
]


def build_aggregator(name: str, channels: int) -> Aggregator:
    """The aggregator called `name`, with fresh weights, for feature maps of `channels` channels.

    Raises:
        ConfigError: there is no aggregator of that name.
    """
    require_choice("aggregator", name, AGGREGATORS)
    return AGGREGATORS[name](channels)
