"""Putting a bundle on the Hub: what arrives, what is refused beforehand, and what goes wrong on the way."""

import json
import sys
from pathlib import Path

import pytest
import torch
from fake_hub import Answer, FakeHub
from hub_samples import bundle_files
from model_samples import random_clips, small_bundle, tree

import faster_video
from faster_video.bundle import load_bundle, save_bundle
from faster_video.errors import BundleError, ConfigError, HubError
from faster_video.hub import card_of, model_card, push, read_bundle

LOG_IN = "log in with `hf auth login` or set HF_TOKEN"
SENT = ["README.md", "config.json", "model.safetensors"]


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A bundle."""
    bundle_files(tmp_path / "mine")
    return tmp_path / "mine"


def refusal(folder: Path, name: str = "alice/waves", *, private: bool = False) -> str:
    """The sentence with which the push is refused."""
    with pytest.raises(HubError) as caught:
        push(folder, name, private=private)
    return str(caught.value)


def sent_files(hub: FakeHub, name: str = "alice/waves") -> list[str]:
    model = hub.models[name]
    return sorted(file for file in model.commits[model.branches["main"]] if file != ".gitattributes")


def test_what_is_pushed_is_loaded_the_same(alice: FakeHub, mine: Path) -> None:
    before = {name: (mine / name).read_bytes() for name in tree(mine)}
    pushed = faster_video.push(mine, "alice/waves")
    assert pushed.url == f"{alice.endpoint}/alice/waves"
    loaded = read_bundle("alice/waves")
    assert loaded.origin == f"alice/waves@{pushed.commit}"
    clips, original = random_clips(2, 3), load_bundle(mine)
    with torch.inference_mode():
        assert torch.equal(loaded.model(clips), original.model(clips))
    assert loaded.config == original.config
    assert sent_files(alice) == SENT
    assert {name: alice.file("alice/waves", name) for name in before} == before
    assert alice.file("alice/waves", "README.md").decode() == model_card(original.config, "alice/waves")
    assert {name: (mine / name).read_bytes() for name in tree(mine)} == before  # and nothing is written there


def test_the_weights_go_to_the_store_and_all_files_into_one_commit(alice: FakeHub, mine: Path) -> None:
    push(mine, "alice/waves", message="The first that works")
    digest = load_bundle(mine).config.weights_sha256
    assert alice.asked("PUT") == [f"PUT /objects/{digest}"]
    assert alice.models["alice/waves"].messages == ["initial commit", "The first that works"]


def test_a_second_push_is_a_second_commit_and_one_without_changes_is_none(
    alice: FakeHub, mine: Path, tmp_path: Path
) -> None:
    first = push(mine, "alice/waves").commit
    alice.requests.clear()
    assert push(mine, "alice/waves").commit == first
    assert not alice.asked("PUT|POST /api/repos/create|POST .*/commit/")
    bundle_files(tmp_path / "other", pattern="0:1")
    second = push(tmp_path / "other", "alice/waves").commit
    assert second != first and not alice.asked("PUT")  # the weights are there already
    patterns = [read_bundle(f"alice/waves@{commit}").config.model.pattern for commit in (first, second)]
    assert patterns == ["1:3", "0:1"]


def test_a_new_model_is_private_if_that_is_asked_for(alice: FakeHub, mine: Path) -> None:
    push(mine, "alice/waves", private=True)
    push(mine, "alice/seen")
    assert [alice.models[name].private for name in ("alice/waves", "alice/seen")] == [True, False]
    push(mine, "alice/waves")  # it stays what it is
    assert alice.models["alice/waves"].private


def test_a_private_push_never_ends_in_a_public_model(alice: FakeHub, mine: Path) -> None:
    push(mine, "alice/waves")
    alice.requests.clear()
    assert refusal(mine, private=True) == (
        "alice/waves: is there already, and public; leave --private out, or make it private in its settings first"
    )
    assert alice.requests == ["GET /api/models/alice/waves"]


def test_other_files_of_the_model_stay(alice: FakeHub, mine: Path) -> None:
    alice.put("alice/waves", {"picture.png": b"waves", "README.md": b"# soon"})
    push(mine, "alice/waves")
    assert sent_files(alice) == [*SENT, "picture.png"]
    assert alice.file("alice/waves", "README.md").startswith(b"---\nlibrary_name")


def test_a_model_of_another_library_is_not_replaced(alice: FakeHub, mine: Path) -> None:
    alice.put("alice/vit", {"config.json": b'{"model_type": "vit"}', "model.safetensors": b"vit"})
    assert refusal(mine, "alice/vit") == (
        "alice/vit: is there already, with a config.json that is not a bundle's and would be replaced; choose another "
        "name"
    )
    assert alice.file("alice/vit", "model.safetensors") == b"vit" and not alice.asked("POST")


def test_nor_are_weights_without_a_configuration(alice: FakeHub, mine: Path) -> None:
    alice.put("alice/vit", {"model.safetensors": b"vit", "README.md": b"# vit"})
    assert refusal(mine, "alice/vit") == (
        "alice/vit: is there already, with a model.safetensors that is not a bundle's, as it has no config.json, and "
        "would be replaced; choose another name"
    )
    assert alice.file("alice/vit", "model.safetensors") == b"vit" and not alice.asked("POST")


def test_a_card_of_ones_own_is_sent_as_it_is(alice: FakeHub, mine: Path) -> None:
    own = "---\nlicense: mit\n---\nWaves – by hand.\n"
    (mine / "README.md").write_text(own, "utf-8")
    push(mine, "alice/waves")
    assert alice.file("alice/waves", "README.md").decode() == own == card_of(mine, "alice/waves")
    with pytest.raises(ConfigError) as caught:
        push(mine, "alice/waves", license_id="mit")
    way = "write it into the head of that"
    assert str(caught.value) == f"license is 'mit', but {mine / 'README.md'} is there; {way}"
    (mine / "README.md").write_bytes(b"\xff\xfe")
    with pytest.raises(BundleError, match=r"README.md: is not a text file in UTF-8: 'utf-8' codec"):
        push(mine, "alice/waves")


def test_saving_a_bundle_again_keeps_the_card_that_lies_with_it(mine: Path) -> None:
    (mine / "README.md").write_text("by hand")
    save_bundle(small_bundle(pattern="0:1"), mine)
    assert tree(mine) == SENT and (mine / "README.md").read_text() == "by hand"
    assert load_bundle(mine).config.model.pattern == "0:1"


def test_the_license_is_in_the_card_and_one_that_the_hub_does_not_know_is_refused(alice: FakeHub, mine: Path) -> None:
    push(mine, "alice/waves", license_id="apache-2.0")
    assert b"\nlicense: apache-2.0\n" in alice.file("alice/waves", "README.md")
    with pytest.raises(HubError) as caught:
        push(mine, "alice/waves", license_id="free")
    said = f"alice/waves: {alice.endpoint} does not take it: Invalid metadata in README.md. "
    assert str(caught.value) == said + '- "license" must be one of [apache-2.0, mit, other]'
    assert len(alice.models["alice/waves"].commits) == 2


def test_no_model_is_made_for_a_card_that_the_hub_does_not_take(alice: FakeHub, mine: Path) -> None:
    said = f'alice/waves: {alice.endpoint} does not take it: "license" must be one of [apache-2.0, mit, other]'
    with pytest.raises(HubError) as caught:
        push(mine, "alice/waves", license_id="free")
    assert str(caught.value) == said
    (mine / "README.md").write_text("---\nlicense: free\n---\n# By hand\n")
    assert refusal(mine) == said
    assert alice.asked("validate-yaml") and not alice.asked("repos/create") and not alice.models


@pytest.mark.parametrize(
    "head, reason",
    [
        ("license: [mit", "while parsing a flow sequence "),
        ("- mit", "it holds a list"),
        ("created: 2026-13-01", "month must be in 1..12"),
    ],
)
def test_a_card_of_ones_own_whose_head_is_not_yaml(head: str, reason: str, alice: FakeHub, mine: Path) -> None:
    (mine / "README.md").write_text(f"---\n{head}\n---\n# By hand\n")
    for refused in (card_of, push):
        with pytest.raises(BundleError) as caught:
            refused(mine, "alice/waves")
        said = f"{mine / 'README.md'}: its head is not lines of NAME: VALUE in YAML: {reason}"
        assert str(caught.value).startswith(said)
        assert str(caught.value).endswith("; mend what is between the two lines ---")
    assert not alice.requests


@pytest.mark.parametrize("text", ["# No head", "---\n\n---\n# An empty head", "Rulers\n\n---\n: [\n---\n"])
def test_a_card_of_ones_own_needs_no_head(text: str, alice: FakeHub, mine: Path) -> None:
    (mine / "README.md").write_text(text)
    assert card_of(mine, "alice/waves") == text


def test_an_empty_message_and_what_is_no_name_of_a_licence_are_refused_at_once(alice: FakeHub, mine: Path) -> None:
    for message in ("", " \n"):
        with pytest.raises(ConfigError) as caught:
            push(mine, "alice/waves", message=message)
        way = "write what the commit brings, or leave it out"
        assert str(caught.value) == f"the message is {message!r}; {way}"
    for refused in (card_of, push):
        with pytest.raises(ConfigError) as caught:
            refused(mine, "alice/waves", license_id="Apache 2.0")
        assert str(caught.value) == "license is 'Apache 2.0'; write it as the Hub names it, such as apache-2.0"
    assert not alice.requests


def test_nothing_is_asked_for_what_cannot_be_pushed(alice: FakeHub, mine: Path, tmp_path: Path) -> None:
    for name in ("waves", "alice/waves@main", "a/b/c"):
        with pytest.raises(ConfigError, match="the model's name"):
            push(mine, name)
    with pytest.raises(BundleError, match=r"none: does not exist; a bundle is a folder"):
        push(tmp_path / "none", "alice/waves")
    (mine / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(BundleError, match=r"is damaged or belongs to another config\.json"):
        push(mine, "alice/waves")
    assert not alice.requests


def test_who_may_not_push_is_told_so(hub: FakeHub, mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert refusal(mine) == f"alice/waves: nobody is logged in; {LOG_IN} to one that may write"
    assert not hub.requests
    monkeypatch.setenv("HF_TOKEN", "hf_wrong_secret")
    assert refusal(mine) == f"alice/waves: {hub.endpoint} does not take the token that was sent; {LOG_IN}"
    monkeypatch.setenv("HF_TOKEN", "hf_bobs_secret")
    said = 'You don\'t have the rights to create a model under the namespace "alice/waves"'
    assert refusal(mine) == f"alice/waves: {hub.endpoint} does not allow it ({said}); {LOG_IN} as somebody who may"
    hub.put("alice/seen", {"README.md": b"# seen"})
    said = "you have no write access to alice/seen"
    way = f"does not allow it ({said}); {LOG_IN} as somebody who may"
    assert refusal(mine, "alice/seen") == f"alice/seen: {hub.endpoint} {way}"


def test_a_model_that_somebody_else_makes_at_the_same_time_is_one_sentence(
    alice: FakeHub, mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice.put("alice/waves", {"README.md": b"# waves"})
    monkeypatch.setattr("faster_video.hub.upload._existing", lambda *_: None)
    said = "You already created this model repo"
    assert refusal(mine) == f"alice/waves: the new model: {alice.endpoint} answers 409 ({said})"


@pytest.mark.parametrize(
    "pattern, file",
    [
        ("GET /api/models", "the model"),
        ("POST /api/validate-yaml", "the model card"),
        ("POST /api/repos/create", "the new model"),
        ("POST .*preupload", "the bundle"),
        ("PUT", "model.safetensors"),
        ("POST .*/commit/", "the bundle"),
    ],
)
def test_a_hub_in_trouble_is_one_sentence_and_leaves_no_half_of_a_bundle(
    pattern: str, file: str, alice: FakeHub, mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    alice.answers[pattern] = 503
    said = refusal(mine)
    assert said == f"alice/waves: {file}: {alice.endpoint} answers 503 (as the test has it); try again later"
    assert "alice/waves" not in alice.models or sent_files(alice) == []
    alice.answers.clear()
    push(mine, "alice/waves")
    assert sent_files(alice) == SENT


def test_without_a_network_one_sentence_names_the_address(
    alice: FakeHub, mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert refusal(mine) == "alice/waves: the model: HF_HUB_OFFLINE is set; unset it"
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")  # nobody listens there
    said = refusal(mine)
    assert said.startswith("alice/waves: the model: http://127.0.0.1:9 cannot be reached (")
    assert said.endswith("); try again later")


def test_what_is_no_hub_is_not_taken_for_one(alice: FakeHub, mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fake_hub.FakeHub.info", lambda *_: Answer(b"<html>"))
    assert refusal(mine) == (
        f"alice/waves: {alice.endpoint} does not answer as a Hub does; set HF_ENDPOINT to one that does"
    )


def test_without_huggingface_hub_one_sentence_names_the_extra(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert refusal(mine) == (
        "alice/waves: to put it on the Hugging Face Hub huggingface_hub is needed, which is not installed; run "
        "pip install 'faster-video[hub]'"
    )


def test_a_token_is_sent_to_the_hub_and_written_nowhere(
    alice: FakeHub, mine: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    push(mine, "alice/waves", private=True)
    read_bundle("alice/waves")
    alice.answers["."] = 403
    said = refusal(mine)
    with pytest.raises(HubError) as caught:
        read_bundle("alice/waves")
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", "")  # no bars either
    texts = [said, str(caught.value), json.dumps(alice.requests), *(str(path) for path in tmp_path.rglob("*"))]
    texts += [path.read_bytes().decode("latin-1") for path in tmp_path.rglob("*") if path.is_file()]
    assert not [text for text in texts if "secret" in text]
