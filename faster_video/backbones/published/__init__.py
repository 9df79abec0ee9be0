"""Clip networks published elsewhere, whose weights are loaded as they come."""

from faster_video.backbones.published.adapter import PublishedBackbone
from faster_video.backbones.published.build import fill_published, published_backbone, published_labels
from faster_video.backbones.published.download import fetch
from faster_video.backbones.published.imported import allow_import
from faster_video.backbones.published.pair import Pair, pair
from faster_video.backbones.published.spec import InputRules, Published, PublishedNetwork, WeightsFile
from faster_video.backbones.published.table import PUBLISHED

__all__ = [
    "PUBLISHED",
    "InputRules",
    "Pair",
    "Published",
    "PublishedBackbone",
    "PublishedNetwork",
    "WeightsFile",
    "allow_import",
    "fetch",
    "fill_published",
    "pair",
    "published_backbone",
    "published_labels",
]
