"""Bundles: what is saved is read back, saving is all or nothing, and whatever else lies there is refused by name."""

import hashlib
import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from model_samples import LABELS, random_clips, small_bundle, tree
from safetensors.torch import load_file, save_file
from torch import Tensor

import faster_video.bundle
import faster_video.files
from faster_video.bundle import Bundle, load_bundle, save_bundle
from faster_video.errors import BundleError, ConfigError


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good bundle that no test changes."""
    folder = tmp_path_factory.mktemp("bundles") / "saved"
    save_bundle(small_bundle(), folder)
    return folder


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    """A copy to be damaged."""
    return Path(shutil.copytree(saved, tmp_path / "bundle"))


def refusal(folder: Path) -> str:
    """The sentence with which `folder` is refused, the folder's own path left out."""
    with pytest.raises(BundleError) as caught:
        load_bundle(folder)
    return str(caught.value).replace(str(folder), "BUNDLE")


def write_config(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    values = json.loads((folder / "config.json").read_text("utf-8"))
    change(values)
    (folder / "config.json").write_text(json.dumps(values), "utf-8")


def sign_again(folder: Path) -> None:
    """Write the present weights' SHA-256 into config.json, so that what lies behind that check is reached."""
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    write_config(folder, lambda values: values.update(weights_sha256=digest))


def exchange_weights(folder: Path, change: Callable[[dict[str, Tensor]], object]) -> None:
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors")
    sign_again(folder)


@pytest.mark.parametrize("aggregator", ["average", "concat", "fast_gru", "gru", "lstm"])
def test_round_trip_is_exact(aggregator: str, tmp_path: Path) -> None:
    bundle = small_bundle(aggregator)
    save_bundle(bundle, str(tmp_path / "new" / "bundle"))
    loaded = load_bundle(str(tmp_path / "new" / "bundle"))
    before, after = bundle.model.state_dict(), loaded.model.state_dict()
    assert before.keys() == after.keys()
    for name, tensor in before.items():
        assert torch.equal(tensor, after[name]) and tensor.dtype == after[name].dtype, name
    clips = random_clips(1, 3)
    with torch.inference_mode():
        assert torch.equal(bundle.model(clips), loaded.model(clips))
    assert not loaded.model.training and loaded.labels == LABELS
    digest = hashlib.sha256((tmp_path / "new" / "bundle" / "model.safetensors").read_bytes()).hexdigest()
    assert loaded.config.weights_sha256 == digest
    assert {**vars_of(loaded), "weights_sha256": ""} == vars_of(bundle)


def vars_of(bundle: Bundle) -> dict[str, Any]:
    return {name: getattr(bundle.config, name) for name in bundle.config.__slots__}


def test_provenance_is_kept_to_the_letter(saved: Path, tmp_path: Path) -> None:
    loaded = load_bundle(saved)
    assert loaded.config.provenance == {"recipe": {"seed": 7}, "metrics": {"top1": 0.5}, "note": "weiß 跳 \u2028"}
    save_bundle(loaded, tmp_path / "again")
    for name in ("config.json", "model.safetensors"):
        assert (tmp_path / "again" / name).read_bytes() == (saved / name).read_bytes()


def test_half_is_half_the_size_and_answers_alike(saved: Path, tmp_path: Path) -> None:
    save_bundle(small_bundle(), tmp_path / "half", half=True)
    sizes = [(folder / "model.safetensors").stat().st_size for folder in (tmp_path / "half", saved)]
    assert 0.5 <= sizes[0] / sizes[1] < 0.6  # the rest are the tensors' names
    loaded = load_bundle(tmp_path / "half")
    assert {parameter.dtype for parameter in loaded.model.parameters()} == {torch.float32}
    clips = random_clips(2, 3)
    with torch.inference_mode():
        halved, full = loaded.model(clips).exp(), small_bundle().model(clips).exp()
    torch.testing.assert_close(halved, full, atol=0.02, rtol=0)
    assert not torch.equal(halved, full)


def test_another_pattern_makes_another_model_of_the_same_weights(saved: Path) -> None:
    original = load_bundle(saved)
    bundle = original.with_pattern("0:1")
    assert (str(bundle.model.pattern), bundle.config.model.pattern) == ("0:1", "0:1")
    assert (str(original.model.pattern), original.config.model.pattern) == ("1:3", "1:3")
    assert bundle.model.classifier is original.model.classifier and not bundle.model.training
    with pytest.raises(ConfigError, match=r"pattern is '1:-1'; write it E:C"):
        bundle.with_pattern("1:-1")


def test_a_crash_while_saving_leaves_the_old_bundle_whole(
    folder: Path, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(weights: dict[str, Tensor], path: Path) -> None:
        path.write_bytes(b"half a fi")
        raise RuntimeError("the power went out")

    monkeypatch.setattr(faster_video.bundle, "save_file", crash)
    with pytest.raises(RuntimeError, match="the power went out"):
        save_bundle(small_bundle(pattern="1:0"), folder)
    assert tree(folder.parent) == ["bundle", "bundle/config.json", "bundle/model.safetensors"]
    for name in ("config.json", "model.safetensors"):
        assert (folder / name).read_bytes() == (saved / name).read_bytes()


def test_a_rename_that_fails_puts_the_old_bundle_back(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rename = Path.rename

    def refuse_the_new_one(self: Path, target: Path) -> Path:
        if target == folder and not self.name.endswith(".old"):
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse_the_new_one)
    monkeypatch.setattr(faster_video.files, "_exchange", lambda *_: False)  # as on a system that cannot
    with pytest.raises(BundleError) as caught:
        save_bundle(small_bundle(pattern="1:0"), folder)
    assert str(caught.value) == f"{folder}: cannot write the bundle there: No space left on device"
    assert load_bundle(folder).config.model.pattern == "1:3"
    assert tree(folder.parent) == ["bundle", "bundle/config.json", "bundle/model.safetensors"]


def test_a_bundle_is_exchanged_in_one_step_where_the_system_can(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = folder.parent / "one", folder.parent / "other"
    one.mkdir()
    other.mkdir()
    if not faster_video.files._exchange(one, other):
        pytest.skip("no renameat2 here")
    one.rmdir()
    other.rmdir()
    monkeypatch.setattr(Path, "rename", lambda *_: pytest.fail("between two renames there would be no bundle"))
    save_bundle(small_bundle(pattern="1:0"), folder)
    assert load_bundle(folder).config.model.pattern == "1:0"
    assert tree(folder.parent) == ["bundle", "bundle/config.json", "bundle/model.safetensors"]


def test_an_exchange_that_fails_leaves_the_old_bundle(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Path) -> bool:
        raise OSError(13, "Permission denied")

    monkeypatch.setattr(faster_video.files, "_exchange", refuse)
    with pytest.raises(BundleError, match="cannot write the bundle there: Permission denied"):
        save_bundle(small_bundle(pattern="1:0"), folder)
    assert load_bundle(folder).config.model.pattern == "1:3"
    assert tree(folder.parent) == ["bundle", "bundle/config.json", "bundle/model.safetensors"]


@pytest.mark.parametrize("exchange", [True, False])
def test_an_existing_bundle_is_replaced_whole(exchange: bool, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not exchange:
        monkeypatch.setattr(faster_video.files, "_exchange", lambda *_: False)
    save_bundle(small_bundle("gru", "1:0", ["a", "b"]), folder)
    assert tree(folder.parent) == ["bundle", "bundle/config.json", "bundle/model.safetensors"]
    loaded = load_bundle(folder)
    assert (loaded.labels, loaded.config.model.aggregator) == (["a", "b"], "gru")


def test_a_bundle_behind_a_link_is_replaced_and_the_link_stays(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    save_bundle(small_bundle(pattern="1:0"), tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert load_bundle(folder).config.model.pattern == "1:0"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "link"]


def test_a_folder_with_other_things_in_it_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"dear")
    with pytest.raises(BundleError) as caught:
        save_bundle(small_bundle(), tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: holds 'holiday.jpg', which is no part of a bundle and would be lost; choose a new folder"
    )
    assert tree(tmp_path) == ["holiday.jpg"]


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"mine")
    for target, reason in (
        (tmp_path / "file", "is a file; a bundle is a folder, so choose another name"),
        (tmp_path / "file" / "below", "cannot write the bundle there: Not a directory"),
        (Path("/proc/nowhere/bundle"), "cannot write the bundle there: No such file or directory"),
    ):
        with pytest.raises(BundleError) as caught:
            save_bundle(small_bundle(), target)
        assert str(caught.value) == f"{target}: {reason}"
    assert (tmp_path / "file").read_bytes() == b"mine"
    assert tree(tmp_path) == ["file"]


def test_missing_folders_and_files_are_named(folder: Path, tmp_path: Path) -> None:
    a_bundle = "a bundle is a folder with config.json and model.safetensors"
    assert refusal(tmp_path / "nowhere") == f"BUNDLE: does not exist; {a_bundle}"
    assert refusal(folder / "config.json") == f"BUNDLE: is a file; {a_bundle}"
    (folder / "config.json").rename(tmp_path / "config.json")
    assert refusal(folder) == "BUNDLE: is not a bundle: it has no config.json"
    (tmp_path / "config.json").rename(folder / "config.json")
    (folder / "model.safetensors").unlink()
    assert refusal(folder) == "BUNDLE: is not a bundle: it has no model.safetensors"
    (folder / "model.safetensors").mkdir()
    assert refusal(folder) == "BUNDLE: is not a bundle: it has no model.safetensors"


DAMAGED = (
    "BUNDLE/model.safetensors: is damaged or belongs to another config.json (its SHA-256 is not the one written "
    "there); copy the bundle again, both files together"
)


@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_weights_cut_off_anywhere_are_refused(
    data: st.DataObject, saved: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = Path(shutil.copytree(saved, tmp_path_factory.mktemp("cut") / "bundle"))
    whole = (folder / "model.safetensors").read_bytes()
    length = data.draw(st.one_of(st.integers(0, 20), st.integers(0, len(whole) - 1)))
    (folder / "model.safetensors").write_bytes(whole[:length])
    assert refusal(folder) == DAMAGED
    sign_again(folder)
    assert refusal(folder).startswith("BUNDLE/model.safetensors: is not readable as safetensors: ")


@pytest.mark.parametrize("place", [0, 7, 8, 9, 40, -1, -4000])
def test_a_single_changed_byte_is_noticed(folder: Path, place: int) -> None:
    content = bytearray((folder / "model.safetensors").read_bytes())
    content[place] ^= 0x10
    (folder / "model.safetensors").write_bytes(content)
    assert refusal(folder) == DAMAGED


@given(places=st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 255)), min_size=1, max_size=5))
@settings(max_examples=25, deadline=None)
def test_a_forged_header_is_refused_or_read_but_never_a_crash(
    places: list[tuple[int, int]], saved: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = Path(shutil.copytree(saved, tmp_path_factory.mktemp("forged") / "bundle"))
    content = bytearray((folder / "model.safetensors").read_bytes())
    for place, change in places:
        content[place] ^= change
    (folder / "model.safetensors").write_bytes(content)
    sign_again(folder)
    try:
        load_bundle(folder)
    except BundleError as error:
        assert str(error).startswith(f"{folder / 'model.safetensors'}: ")


@pytest.mark.parametrize(
    "content, reason",
    [
        (b"", "is not readable as JSON: Expecting value: line 1 column 1 (char 0)"),
        (b"{", "is not readable as JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        (b"\xff\xfe{}", "is not readable as JSON: 'utf-8' codec can't decode byte 0xff in position 0"),
        (b"[" * 100_000, "is not readable as JSON: maximum recursion depth exceeded"),
        (b"1" * 5000, "is not readable as JSON: Exceeds the limit"),
        (b"[]", "is not a bundle's configuration: it holds a list, not an object"),
        (b"null", "is not a bundle's configuration: it holds a NoneType, not an object"),
        (b'"labels"', "is not a bundle's configuration: it holds a str, not an object"),
        (b"{}", 'is not a bundle\'s configuration: missing value for field "labels"'),
    ],
    ids=["empty", "cut off", "not UTF-8", "very deep", "very long", "list", "null", "text", "nothing in it"],
)
def test_a_configuration_that_is_none_is_refused(folder: Path, content: bytes, reason: str) -> None:
    (folder / "config.json").write_bytes(content)
    assert refusal(folder).startswith(f"BUNDLE/config.json: {reason}")


REMOVED = object()
FRAMES = "the backbones shorten time by 8, so it must be a multiple of 8, such as 8, 16 or 32"


@pytest.mark.parametrize(
    "setting, value, reason",
    [
        ("format", "faster_video bundle 9", "format is 'faster_video bundle 9'; this version reads"),
        ("labels", REMOVED, 'missing value for field "labels"'),
        ("model", REMOVED, 'missing value for field "model"'),
        ("model.expensive.name", REMOVED, 'missing value for field "model.expensive.name"'),
        ("colour", "red", "it has no setting called colour"),
        ("model.colour", "red", "it has no setting called colour"),
        ("labels", "wave", 'labels is "wave"; it must be list[str]'),
        ("labels", [1, 2, 3], "labels is [1, 2, 3]; it must be list[str]"),
        ("labels", ["wave"], "labels has 1 entries; at least two are needed, each of them once"),
        (
            "labels",
            ["wave", "a\nb"],
            "labels has 'a\\nb'; a label must be text on one line, without control",
        ),
        ("labels", ["wave", "\udce9"], "labels has '\\udce9'; a label must be text on one line"),
        ("labels", ["a", "b", "a"], "labels has 3 entries; at least two are needed, each of them once"),
        ("model", "big", 'model is "big"; it must be ModelConfig'),
        ("model.pattern", "1:-1", "pattern is '1:-1'; write it E:C"),
        ("model.aggregator", "sum", "unknown aggregator 'sum'; choose one of"),
        ("model.expensive.name", "vit", "unknown backbone 'vit'; choose one of c2d_r50, "),
        ("model.cheap.width", "wide", 'model.cheap.width is "wide"; it must be float'),
        ("model.cheap.width", True, "model.cheap.width is true; it must be float"),
        ("model.cheap.width", 10**400, "int too large to convert to float"),
        ("clips.num_clips", 2.5, "clips.num_clips is 2.5; it must be int"),
        ("clips.num_clips", True, "clips.num_clips is true; it must be int"),
        ("clips.frames_per_clip", 7, f"frames_per_clip is 7; {FRAMES}"),
        ("transform.mean", [0.5, 0.5], "transform.mean is [0.5, 0.5]; it must be tuple[float, float, float]"),
        ("transform.mean", [0.5, float("inf"), 0.5], "mean is [0.5, inf, 0.5]; each of the three must be a finite"),
        ("transform.std", [0.5, 0.5, float("nan")], "std is [0.5, 0.5, nan]; each of the three must be above 0"),
        ("transform.train_short_side", 36, "transform.train_short_side is 36; it must be tuple[int, int]"),
        ("transform.train_short_side", [1, 2, 3], "transform.train_short_side is [1, 2, 3]; it must be"),
        ("provenance", [], "provenance is []; it must be dict"),
        ("weights_sha256", None, "weights_sha256 is null; it must be str"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(folder: Path, setting: str, value: object, reason: str) -> None:
    *parents, name = setting.split(".")

    def change(values: dict[str, Any]) -> None:
        for parent in parents:
            values = values[parent]
        if value is REMOVED:
            del values[name]
        else:
            values[name] = value

    write_config(folder, change)
    assert refusal(folder).startswith(f"BUNDLE/config.json: is not a bundle's configuration: {reason}")


def test_whole_numbers_are_taken_where_fractions_are_meant(folder: Path) -> None:
    write_config(folder, lambda values: values["transform"].update(mean=[0, 1, 0], std=[1, 1, 1], flip_probability=0))
    transform = load_bundle(folder).config.transform
    assert (transform.mean, transform.std, transform.flip_probability) == ((0.0, 1.0, 0.0), (1.0, 1.0, 1.0), 0.0)


def test_labels_that_do_not_match_the_weights_are_refused(folder: Path) -> None:
    write_config(folder, lambda values: values["labels"].append("fourth"))
    sign_again(folder)
    reason = "cheap.classifier.linear.bias has shape [3], but config.json (4 labels) asks for [4]"
    assert refusal(folder) == f"BUNDLE/model.safetensors: {reason}"


@pytest.mark.parametrize(
    "change, reason",
    [
        (lambda weights: weights.pop("classifier.linear.bias"), "lacks 1 tensors, such as 'classifier.linear.bias'"),
        (
            lambda weights: weights.update({"a.b": torch.zeros(1), "a.c": torch.zeros(1)}),
            "has, unasked, 2 tensors, such as 'a.b'",
        ),
        (
            lambda weights: weights.clear(),
            f"lacks {len(small_bundle().model.state_dict())} tensors, such as 'aggregator.clip_to_candidate.bias'",
        ),
    ],
    ids=["one missing", "two too many", "none"],
)
def test_weights_of_another_network_are_refused(
    folder: Path, change: Callable[[dict[str, Tensor]], object], reason: str
) -> None:
    exchange_weights(folder, change)
    assert refusal(folder) == f"BUNDLE/model.safetensors: {reason}; config.json is not its own"


def test_the_configuration_of_another_aggregator_is_refused(folder: Path) -> None:
    write_config(folder, lambda values: values["model"].update(aggregator="gru"))
    assert "lacks" in refusal(folder) and "config.json is not its own" in refusal(folder)


def test_weights_of_another_bundle_are_refused(folder: Path, tmp_path: Path) -> None:
    save_bundle(small_bundle("gru"), tmp_path / "other")
    shutil.copy(tmp_path / "other" / "model.safetensors", folder)
    assert refusal(folder) == DAMAGED


class Trap:
    """Unpickling one makes a file."""

    def __init__(self, sprung: Path) -> None:
        self.sprung = sprung

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return open, (str(self.sprung), "w")


@pytest.mark.parametrize("write", ["pickle", "torch"])
def test_a_pickle_under_a_false_name_is_refused_and_never_run(folder: Path, tmp_path: Path, write: str) -> None:
    sprung, path = tmp_path / "sprung", folder / "model.safetensors"
    if write == "pickle":
        path.write_bytes(pickle.dumps(Trap(sprung)))
    else:
        torch.save(Trap(sprung), path)
    sign_again(folder)
    assert refusal(folder).startswith("BUNDLE/model.safetensors: is not readable as safetensors: ")
    assert not sprung.exists()
    if write == "pickle":
        pickle.loads(path.read_bytes()).close()
        assert sprung.exists()  # the trap does work
