"""What is looked for on the Hub, and what is not: nothing that is on this disk, and no path."""

from pathlib import Path

import pytest

from faster_video.errors import ConfigError
from faster_video.hub.names import HubName


@pytest.mark.parametrize(
    "text, repository, revision",
    [
        ("alice/waves", "alice/waves", None),
        ("a/b", "a/b", None),
        ("Alice-1/waves_v2.0", "Alice-1/waves_v2.0", None),
        ("alice/waves@v1.0", "alice/waves", "v1.0"),
        ("alice/waves@refs/pr/1", "alice/waves", "refs/pr/1"),
        ("alice/waves@a--b", "alice/waves", "a--b"),
        (f"a/{'b' * 96}", f"a/{'b' * 96}", None),
    ],
)
def test_a_name_on_the_hub(text: str, repository: str, revision: str | None) -> None:
    name = HubName.find(text)
    assert name is not None
    assert (name.repository, name.revision, str(name)) == (repository, revision, text)


@pytest.mark.parametrize(
    "text",
    [
        *("waves", "./waves", "/alice/waves", "runs/mine/bundle", "alice/", "/waves", "alice/waves/", "~/waves", ""),
        *("alice/waves@", "alice/waves@a b", "alice/waves@a@b", "alice@v1/waves", f"a/b@{'c' * 101}"),
        *("-a/b", "a/b-", "a/.b", "a--b/c", "a/b..c", "alice/waves.git", "álice/waves", f"a/{'b' * 97}", "a/b\n"),
        Path("alice/waves"),
    ],
)
def test_no_name_on_the_hub(text: str | Path) -> None:
    assert HubName.find(text) is None


@pytest.mark.parametrize("text", ["alice/waves", "alice/waves@v1"])
def test_what_is_on_this_disk_is_meant_first(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert HubName.find(text) is not None
    Path(text).mkdir(parents=True)
    assert HubName.find(text) is None


def test_a_place_to_push_to_is_a_name_without_revision() -> None:
    assert HubName.parse_repository("alice/waves") == HubName("alice/waves")
    for text in ("waves", "runs/mine/bundle", ""):
        with pytest.raises(ConfigError) as caught:
            HubName.parse_repository(text)
        written = "write it USER/NAME, such as alice/waves"
        assert str(caught.value) == f"the model's name on the Hub is {text!r}; {written}"
    with pytest.raises(ConfigError, match=r"is 'alice/waves@v1'; a push makes a revision of its own, leave @… out"):
        HubName.parse_repository("alice/waves@v1")
