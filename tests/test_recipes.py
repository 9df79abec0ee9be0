"""Named recipes against the rows of the paper they are named after."""

import tomllib
from importlib.resources import files
from typing import Any

import pytest

from faster_video.config import BackboneConfig, ClipConfig, Recipe, TransformConfig
from faster_video.cost import VideoCost, video_cost
from faster_video.errors import ConfigError
from faster_video.recipes import RECIPES, faster16, faster32, get_recipe, long_motion, motion, tiny


def table7_row(name: str) -> dict[str, Any]:
    """The row of the paper's Table 7, copied by hand into `paper.toml`."""
    tables = tomllib.loads(files("faster_video").joinpath("paper.toml").read_text("utf-8"))["table"]
    (row,) = [
        cell for table in tables if table["number"] == 7 for cell in table["cells"] if cell["row"].startswith(name)
    ]
    return dict(row)


def each(cost: VideoCost) -> dict[str, float]:
    """GMACs of every part, each time it runs."""
    return {part.name: part.gmacs for part in cost.parts}


@pytest.mark.parametrize(
    "recipe, name, num_clips, frames, pattern, expensive",
    [(faster16(), "FASTER16", 16, 16, "1:7", "r2plus1d50"), (faster32(), "FASTER32", 8, 32, "1:1", "r3d50")],
    ids=["faster16", "faster32"],
)
def test_recipes_are_the_papers_rows(
    recipe: Recipe, name: str, num_clips: int, frames: int, pattern: str, expensive: str
) -> None:
    assert recipe.clips == ClipConfig(num_clips=num_clips, frames_per_clip=frames, frame_stride=1)
    assert recipe.clips.num_clips * recipe.clips.frames_per_clip == 256
    assert recipe.model.pattern == pattern
    assert recipe.model.expensive == BackboneConfig(name=expensive, width=1.0)
    assert recipe.model.cheap == BackboneConfig(name="r2d26", width=1.0)
    assert recipe.model.aggregator == "fast_gru"
    row = table7_row(name)
    assert (row["clips"], row["frames"], row["pattern"], row["expensive"]) == (num_clips, frames, pattern, expensive)


@pytest.mark.parametrize("make", [faster16, faster32])
def test_the_papers_recipes_see_and_learn_as_the_specification_says(make: Any) -> None:
    recipe = make()
    assert recipe.transform == TransformConfig(
        crop_size=224, test_short_side=256, train_short_side=(256, 320), flip_probability=0.5
    )
    for stage in (recipe.stage1_expensive, recipe.stage1_cheap):
        assert (stage.epochs, stage.warmup_epochs, stage.optimizer) == (45, 10, "sgd")
        assert (stage.momentum, stage.weight_decay, stage.peak_learning_rate) == (
            0.9,
            1e-4,
            0.01 * stage.batch_size / 32,
        )
    assert recipe.stage2.epochs < recipe.stage1_expensive.epochs  # the protocol: "fewer epochs, same schedule"
    assert recipe.stage2_stored_views == 0  # new random clips in every epoch, as the paper does


def test_tiny_is_a_quarter_as_wide_at_112_pixels() -> None:
    recipe = tiny()
    assert recipe.model.expensive == BackboneConfig(name="r2plus1d50", width=0.25)
    assert recipe.model.cheap == BackboneConfig(name="r2d26", width=0.25)
    assert recipe.transform.crop_size == 112


def test_motion_is_never_mirrored_because_left_would_become_right() -> None:
    assert motion().transform.flip_probability == long_motion().transform.flip_probability == 0
    assert tiny().transform.flip_probability == 0.5


def test_long_motion_keeps_the_papers_frames_and_its_tenth_for_the_cheap_network() -> None:
    recipe = long_motion()
    assert recipe.clips == ClipConfig(num_clips=32, frames_per_clip=8)  # N × L = 256, so that 1:31 has a whole group
    assert (recipe.model.expensive.name, recipe.model.cheap.name) == ("r3d50", "r2d26")
    cost = video_cost(recipe.model, recipe.clips, recipe.transform.crop_size, num_classes=9)
    paper = video_cost(faster32().model, faster32().clips, 224, num_classes=400)
    shares = [gmacs["cheap backbone"] / gmacs["expensive backbone"] for gmacs in (each(cost), each(paper))]
    assert 0.08 < shares[0] < 0.12 and abs(shares[0] - shares[1]) < 0.02


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_every_recipe_is_found_by_its_functions_name(name: str) -> None:
    assert RECIPES[name].__name__ == name
    assert get_recipe(name) == RECIPES[name]()


def test_unknown_recipe_is_refused_with_the_choices() -> None:
    with pytest.raises(ConfigError) as caught:
        get_recipe("faster64")
    assert str(caught.value) == (
        "unknown recipe 'faster64'; choose one of faster16, faster32, finetune, frozen, frozen_average, long_motion, "
        "motion, tiny"
    )
