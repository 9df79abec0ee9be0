"""Bundles on the Hugging Face Hub: taken from there by name, and put there with a model card (docs/hub.md)."""

from faster_video.hub.card import model_card
from faster_video.hub.download import find_bundle, read_bundle, read_bundle_config
from faster_video.hub.upload import Pushed, card_of, push

__all__ = ["Pushed", "card_of", "find_bundle", "model_card", "push", "read_bundle", "read_bundle_config"]
