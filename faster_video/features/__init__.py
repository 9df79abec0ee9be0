"""Feature maps on disk: made by frozen backbones (`extract`) or by somebody else's model, read as if just computed."""

from faster_video.features.evaluate import evaluate_features
from faster_video.features.extract import Extraction, extract
from faster_video.features.foreign import ForeignFeatures
from faster_video.features.layout import TEST
from faster_video.features.open import open_features
from faster_video.features.read import FeatureStore
from faster_video.features.stored import Features, StoredKey, labels_of

__all__ = [
    "TEST",
    "Extraction",
    "FeatureStore",
    "Features",
    "ForeignFeatures",
    "StoredKey",
    "evaluate_features",
    "extract",
    "labels_of",
    "open_features",
]
