"""Taking a bundle from the Hub: what arrives is what is there, at one commit, once; and what is refused."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch
from fake_hub import FakeHub
from hub_samples import LABELS, bundle_files
from model_samples import random_clips, tree

import faster_video
from faster_video.bundle import load_bundle
from faster_video.errors import BundleError, FasterVideoWarning, HubError
from faster_video.hub import find_bundle, read_bundle, read_bundle_config

LOG_IN = "log in with `hf auth login` or set HF_TOKEN"
NO_MODEL = "has no model of that name that you may read"
NO_FOLDER = "is no folder here, and "
WEIGHTS = r"GET /objects/"


@pytest.fixture
def files(tmp_path: Path) -> dict[str, bytes]:
    return bundle_files(tmp_path / "mine")


def refusal(name: str = "alice/waves") -> str:
    """The sentence with which the name is refused."""
    with pytest.raises(HubError) as caught:
        read_bundle(name)
    return str(caught.value)


def lookup_refusal(name: str = "alice/waves") -> str:
    """What it says after telling that there is no such folder."""
    said = refusal(name)
    assert said.startswith(f"{name}: {NO_FOLDER}")
    return said.replace(NO_FOLDER, "", 1)


def test_a_public_bundle_is_loaded_by_anyone_and_predicts_the_same(
    hub: FakeHub, files: dict[str, bytes], tmp_path: Path
) -> None:
    commit = hub.put("alice/waves", files)
    classifier = faster_video.load("alice/waves", device="cpu", pattern="1:1")
    mine, clips = load_bundle(tmp_path / "mine").with_pattern("1:1"), random_clips(2, 3)
    with torch.inference_mode():
        assert torch.equal(classifier.bundle.model(clips), mine.model(clips))
    assert classifier.bundle.origin == f"alice/waves@{commit}" and mine.origin == ""


def test_only_the_two_files_of_a_bundle_are_downloaded(hub: FakeHub, files: dict[str, bytes], tmp_path: Path) -> None:
    hub.put("alice/waves", {**files, "README.md": b"# waves", "setup.py": b"raise", "pytorch_model.bin": b"\x80"})
    folder = find_bundle("alice/waves")
    assert {request.split("/")[-1] for request in hub.asked("resolve")} == {"config.json", "model.safetensors"}
    assert tree(folder) == ["config.json", "model.safetensors"]
    assert {name: (folder / name).read_bytes() for name in files} == files
    assert tmp_path / "cache" in folder.parents


def test_the_second_load_downloads_nothing(hub: FakeHub, files: dict[str, bytes]) -> None:
    hub.put("alice/waves", files)
    read_bundle("alice/waves")
    assert len(hub.asked(WEIGHTS)) == 1
    hub.requests.clear()
    read_bundle("alice/waves")
    assert hub.asked("") and not hub.asked("^(?!HEAD .*config.json)")


def test_a_new_commit_is_taken_and_an_old_one_stays_to_be_had(
    hub: FakeHub, files: dict[str, bytes], tmp_path: Path
) -> None:
    first = hub.put("alice/waves", files)
    assert read_bundle("alice/waves").config.model.pattern == "1:3"
    second = hub.put("alice/waves", bundle_files(tmp_path / "new", pattern="0:1"))
    hub.models["alice/waves"].branches["v1"] = first
    for revision, commit, pattern in (("", second, "0:1"), ("@v1", first, "1:3"), (f"@{first}", first, "1:3")):
        bundle = read_bundle(f"alice/waves{revision}")
        assert (bundle.origin, bundle.config.model.pattern) == (f"alice/waves@{commit}", pattern)
    assert len(hub.asked(WEIGHTS)) == 1  # both have the same weights


def test_a_revision_is_resolved_once_even_if_the_model_changes_meanwhile(
    hub: FakeHub, files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = hub.put("alice/waves", files)
    monkeypatch.setattr(
        "faster_video.hub.download.load_bundle_config",
        lambda _: hub.put("alice/waves", {"config.json": b"{}", "model.safetensors": b"other"}),
    )
    bundle = read_bundle("alice/waves")
    assert bundle.origin == f"alice/waves@{first}"
    assert hub.asked(f"HEAD /alice/waves/resolve/{first}/model.safetensors")


def test_the_configuration_alone_does_not_need_the_weights(hub: FakeHub, files: dict[str, bytes]) -> None:
    hub.put("alice/waves", files)
    assert read_bundle_config("alice/waves").labels == LABELS
    assert not hub.asked("safetensors|objects")


def test_a_private_bundle_is_read_by_its_owner_and_nobody_else(
    alice: FakeHub, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    alice.put("alice/waves", files, private=True)
    missing = f"alice/waves: {alice.endpoint} {NO_MODEL}; check the name, or {LOG_IN} if it is private"
    read_bundle("alice/waves")
    monkeypatch.setenv("HF_TOKEN", "hf_bobs_secret")
    assert lookup_refusal() == missing
    monkeypatch.delenv("HF_TOKEN")
    assert lookup_refusal() == missing
    monkeypatch.setenv("HF_TOKEN", "hf_wrong_secret")
    assert lookup_refusal() == f"alice/waves: {alice.endpoint} does not take the token that was sent; {LOG_IN}"


def test_what_the_hub_does_not_have_is_named(hub: FakeHub, files: dict[str, bytes]) -> None:
    assert lookup_refusal("alice/none").startswith(f"alice/none: {hub.endpoint} {NO_MODEL}; check the name")
    hub.put("alice/waves", files)
    revision = "alice/waves@v9: has no revision 'v9'; name a branch, a tag or a commit of it"
    assert lookup_refusal("alice/waves@v9") == revision
    hub.put("alice/empty", {"README.md": b"# empty"})
    assert lookup_refusal("alice/empty") == "alice/empty: is not a bundle on the Hub: it has no config.json"
    hub.put("alice/half", {"config.json": files["config.json"]})
    assert refusal("alice/half") == "alice/half: is not a bundle on the Hub: it has no model.safetensors"
    hub.put("alice/gated", files, is_gated=True)
    way = f"ask for it at {hub.endpoint}/alice/gated, then {LOG_IN}"
    assert lookup_refusal("alice/gated") == f"alice/gated: its owner has not given you access; {way}"
    hub.answers["HEAD /alice/waves"] = 403
    way = f"does not allow it (as the test has it); {LOG_IN} as somebody who may"
    assert lookup_refusal("alice/waves") == f"alice/waves: {hub.endpoint} {way}"


def test_a_model_of_another_library_is_refused_before_its_weights_are_downloaded(hub: FakeHub) -> None:
    commit = hub.put("alice/vit", {"config.json": b'{"model_type": "vit"}', "model.safetensors": b"gigabytes"})
    said = refusal("alice/vit")
    assert said.startswith(f"alice/vit@{commit}: cannot be used: ")
    assert "config.json: is not a bundle's configuration: it has no setting called model_type; if it was" in said
    assert not hub.asked("safetensors|objects")


def test_weights_that_are_not_those_of_the_configuration_are_refused(
    hub: FakeHub, files: dict[str, bytes], tmp_path: Path
) -> None:
    commit = hub.put("alice/waves", {**files, "model.safetensors": files["model.safetensors"][:-1] + b"x"})
    said = refusal()
    assert said.startswith(f"alice/waves@{commit}: cannot be used: ")
    assert "model.safetensors: is damaged or belongs to another config.json" in said
    assert said.endswith(f"delete {tmp_path / 'cache' / 'models--alice--waves'} to have it downloaded again")


def test_a_download_that_breaks_off_goes_on_where_it_was(
    hub: FakeHub, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    hub.put("alice/waves", files)
    hub.cuts = [100_000, 200_000]
    folder = find_bundle("alice/waves")
    assert len(hub.asked(WEIGHTS)) == 3 and not hub.cuts
    assert (folder / "model.safetensors").read_bytes() == files["model.safetensors"]


def test_a_download_that_always_breaks_off_is_one_sentence_and_leaves_nothing_half(
    hub: FakeHub, files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    hub.put("alice/waves", files)
    hub.cuts = [0] * 20
    said = refusal()
    assert said.startswith(f"alice/waves: model.safetensors: {hub.endpoint} cannot be reached (")
    assert said.endswith("); try again later")
    assert not [path for path in tree(tmp_path / "cache") if "safetensors" in path or "incomplete" in path]
    hub.cuts.clear()
    read_bundle("alice/waves")


def test_where_the_hub_is_in_trouble_the_cache_serves_and_that_is_said(hub: FakeHub, files: dict[str, bytes]) -> None:
    hub.answers["HEAD"] = 503
    put = "; try again later, or put config.json and model.safetensors into a folder and name that"
    trouble = f"alice/waves: {hub.endpoint} answers 503 (as the test has it)"
    said = lookup_refusal()
    assert said.startswith(f"{trouble}, and config.json is not in the cache ") and said.endswith(put)
    hub.answers.clear()
    commit = hub.put("alice/waves", files)
    read_bundle_config("alice/waves")
    hub.answers["HEAD"] = 503
    assert refusal().startswith(f"{trouble}, and model.safetensors is not in the cache ")
    hub.answers.clear()
    read_bundle("alice/waves")
    hub.answers["HEAD"] = 503
    with pytest.warns(FasterVideoWarning) as caught:
        assert faster_video.load("alice/waves", device="cpu").bundle.origin == f"alice/waves@{commit}"
    kept = f"commit {commit} is taken from the cache, which may not be the newest"
    assert [str(warning.message) for warning in caught] == [f"{trouble}; {kept}"]
    assert {warning.filename for warning in caught} == {__file__}


def test_without_a_network_the_cache_serves(
    hub: FakeHub, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    commit = hub.put("alice/waves", files)
    read_bundle("alice/waves")
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")  # nobody listens there
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", "http://127.0.0.1:9/{repo_id}/resolve/{revision}/{filename}"
    )
    waits: list[float] = []
    monkeypatch.setattr("time.sleep", waits.append)  # as between one try and the next
    with pytest.warns(FasterVideoWarning, match=r"http://127.0.0.1:9 cannot be reached \(.+\); commit"):
        assert read_bundle("alice/waves").origin == f"alice/waves@{commit}"
    said = lookup_refusal("alice/other")
    assert said.startswith("alice/other: http://127.0.0.1:9 cannot be reached (")
    assert "), and config.json is not in the cache " in said
    assert not waits  # it is not asked over and over


def test_a_hub_that_does_not_answer_is_waited_for_no_longer_than_is_set(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_ETAG_TIMEOUT", 0.2)
    hub.asleep = threading.Event()
    assert "cannot be reached (" in refusal() and len(hub.requests) == 1


def test_offline_the_cache_serves_without_a_word(
    hub: FakeHub,
    files: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    recwarn: pytest.WarningsRecorder,
) -> None:
    from huggingface_hub import constants

    first = hub.put("alice/waves", files)
    read_bundle("alice/waves")
    hub.requests.clear()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    for name in ("alice/waves", "alice/waves@main", f"alice/waves@{first}"):
        assert read_bundle(name).origin == f"alice/waves@{first}"
    for name in ("alice/waves@v1", "alice/other"):
        assert lookup_refusal(name) == (
            f"{name}: HF_HUB_OFFLINE is set, and config.json is not in the cache {tmp_path / 'cache'}; unset it, or "
            "put config.json and model.safetensors into a folder and name that"
        )
    assert not hub.requests and not len(recwarn)


def test_what_is_no_hub_is_not_taken_for_one(hub: FakeHub) -> None:
    hub.answers["HEAD"] = 200
    assert lookup_refusal() == (
        f"alice/waves: {hub.endpoint} does not answer as a Hub does; set HF_ENDPOINT to one that does"
    )


def test_a_cache_that_cannot_be_written_is_one_sentence(hub: FakeHub, files: dict[str, bytes], tmp_path: Path) -> None:
    hub.put("alice/waves", files)
    (tmp_path / "cache").write_text("in the way")
    said = lookup_refusal()
    assert said.startswith(f"alice/waves: config.json: {tmp_path / 'cache'}")
    assert said.endswith(": Not a directory; HF_HOME names another folder to keep downloads in")


def test_a_local_folder_wins_and_a_path_is_never_looked_for_elsewhere(
    hub: FakeHub, files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    hub.put("alice/waves", files)
    with pytest.raises(BundleError, match=r"^alice/waves: does not exist; a bundle is a folder with"):
        read_bundle(Path("alice/waves"))
    with pytest.raises(BundleError, match=r"^alice/waves: does not exist; a bundle is a folder with"):
        load_bundle("alice/waves")
    bundle_files(tmp_path / "alice" / "waves", pattern="0:1")
    bundle = read_bundle("alice/waves")
    assert (bundle.config.model.pattern, bundle.origin) == ("0:1", "")
    assert find_bundle("alice/waves") == Path("alice/waves")
    assert read_bundle_config("alice/waves").model.pattern == "0:1"
    assert not hub.requests


def test_without_huggingface_hub_one_sentence_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert refusal() == (
        "alice/waves: is no folder here, and to look for it on the Hugging Face Hub huggingface_hub is needed, which "
        "is not installed; run pip install 'faster-video[hub]'"
    )


def test_huggingface_hub_is_loaded_only_where_it_is_needed(tmp_path: Path) -> None:
    bundle_files(tmp_path / "mine")
    script = f"import sys, faster_video; faster_video.load({str(tmp_path / 'mine')!r}, device='cpu')"
    script += "; print('huggingface_hub' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_configuration_from_the_hub_is_read_as_json_and_nothing_else(hub: FakeHub, files: dict[str, bytes]) -> None:
    values = json.loads(files["config.json"])
    values["auto_map"] = {"AutoModel": "evil.Model"}
    hub.put("alice/waves", {**files, "config.json": json.dumps(values).encode(), "evil.py": b"raise SystemExit"})
    assert "it has no setting called auto_map" in refusal()
    assert not hub.asked("evil")
