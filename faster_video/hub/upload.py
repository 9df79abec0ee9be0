"""A bundle to the Hub: checked whole, described by a model card, sent as one commit."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from faster_video import __version__
from faster_video.bundle import CARD, CONFIG, WEIGHTS, load_bundle, load_bundle_config
from faster_video.errors import BundleError, ConfigError, HubError
from faster_video.files import printable
from faster_video.hub.card import model_card
from faster_video.hub.download import fetch_config
from faster_video.hub.library import LOG_IN, endpoint, hub_errors, no_hub, quiet, refusal, require_library
from faster_video.hub.names import HubName

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import ModelInfo

MESSAGE = "A bundle of faster_video"
_LICENSE = re.compile(r"[a-z0-9][a-z0-9.+-]*")
"""What all names of the Hub's list look like; which ones it has, only the Hub knows."""
_HEAD = re.compile(r"\s*---\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
"""Of a model card: YAML between two lines, as huggingface_hub finds it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pushed:
    """A bundle as it is on the Hub now."""

    repository: str
    """USER/NAME."""
    commit: str
    url: str
    """Of the model's page."""


def push(
    folder: str | Path,
    repository: str,
    *,
    private: bool = False,
    message: str = MESSAGE,
    license_id: str | None = None,
) -> Pushed:
    """Put a bundle on the Hub as the model `repository`, USER/NAME, which is made if it is not there.

    What is sent is config.json, model.safetensors and a model card: README.md of the folder or, where that has none,
    `card_of` it. `private` is for a model that is made now; `license_id` as of `model_card`.

    Raises:
        ConfigError: the name is none, the message is empty, `license_id` is no name of a licence, or is given where
            the folder has a card of its own.
        BundleError: the folder is not a usable bundle, or the head of its card is not YAML.
        HubError: the Hub cannot be reached, does not allow it or does not take the card, or has something else under
            this name.
    """
    name = HubName.parse_repository(repository)
    if not message.strip():
        raise ConfigError(f"the message is {message!r}; write what the commit brings, or leave it out")
    card = card_of(folder, repository, license_id)
    load_bundle(folder)
    require_library(name, "to put it on the Hugging Face Hub")
    from huggingface_hub import HfApi, get_token

    if get_token() is None:
        raise HubError(f"{name}: nobody is logged in; {LOG_IN} to one that may write")
    api = HfApi(library_name="faster_video", library_version=__version__)
    with quiet():
        _require_place(api, name, private, card)
        return _commit(api, name, Path(folder), card, message)


def card_of(folder: str | Path, repository: str, license_id: str | None = None) -> str:
    """The model card that `push` sends.

    Raises:
        ConfigError: as `push`.
        BundleError: there is no bundle, its card is not text, or the head of that is not YAML.
    """
    if license_id is not None and not _LICENSE.fullmatch(license_id):
        raise ConfigError(f"license is {license_id!r}; write it as the Hub names it, such as apache-2.0")
    own = Path(folder) / CARD
    config = load_bundle_config(folder)
    if not own.is_file():
        return model_card(config, HubName.parse_repository(repository).repository, license_id)
    if license_id is not None:
        raise ConfigError(f"license is {license_id!r}, but {printable(own)} is there; write it into the head of that")
    try:
        card = own.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError(f"{printable(own)}: is not a text file in UTF-8: {error}") from error
    _require_head(card, own)
    return card


def _require_head(card: str, file: Path) -> None:
    """Refuse a card whose head, if it has one, is not lines of NAME: VALUE. Raises `BundleError`."""
    head = _HEAD.match(card)
    try:
        values = {} if head is None else yaml.safe_load(head[1])
        reason = None if values is None or isinstance(values, dict) else f"it holds a {type(values).__name__}"
    except (yaml.YAMLError, ValueError) as error:
        reason = " ".join(str(error).split())
    if reason is not None:
        raise BundleError(
            f"{printable(file)}: its head is not lines of NAME: VALUE in YAML: {printable(reason)}; mend what is "
            "between the two lines ---"
        )


def _require_place(api: "HfApi", name: HubName, private: bool, card: str) -> None:
    """Make the model, or see that pushing to the one that is there takes nothing away and shows nothing to the world.

    Raises:
        HubError: it is public where a private one is wanted, holds something else, or cannot be made; or the card that
            it would have is not taken.
    """
    found = _existing(api, name)
    if found is None:
        _require_taken(name, card)  # a commit asks it too, but by then the model would have been made
        try:
            api.create_repo(name.repository, private=private)
        except hub_errors() as error:
            raise refusal(error, name, "the new model") from error
    elif private and not found.private:
        raise HubError(
            f"{name}: is there already, and public; leave --private out, or make it private in its settings first"
        )
    else:
        _require_replaceable(name, found)


def _require_replaceable(name: HubName, found: "ModelInfo") -> None:
    """Refuse to replace what is no bundle's. Raises `HubError`."""
    files = {file.rfilename for file in found.siblings or ()}
    if CONFIG in files:
        folder = fetch_config(HubName(name.repository, found.sha)).folder
        try:
            load_bundle_config(folder)
        except BundleError as error:
            raise _not_ours(name, f"a {CONFIG} that is not a bundle's") from error
    elif WEIGHTS in files:
        raise _not_ours(name, f"a {WEIGHTS} that is not a bundle's, as it has no {CONFIG},")


def _not_ours(name: HubName, what: str) -> HubError:
    return HubError(f"{name}: is there already, with {what} and would be replaced; choose another name")


def _existing(api: "HfApi", name: HubName) -> "ModelInfo | None":
    """What the Hub has under this name, None if nothing that can be seen."""
    from huggingface_hub import constants
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    try:
        return api.model_info(name.repository, timeout=constants.HF_HUB_ETAG_TIMEOUT)
    except hub_errors() as error:
        if isinstance(error, RepositoryNotFoundError) and not isinstance(error, GatedRepoError):
            return None
        raise refusal(error, name, "the model") from error
    except ValueError as error:
        raise no_hub(name) from error


def _require_taken(name: HubName, card: str) -> None:
    """Have the Hub look at the head of a card, as of its licence. Raises `HubError`."""
    from huggingface_hub import get_session, hf_raise_for_status
    from huggingface_hub.errors import BadRequestError

    asked = {"content": card, "repoType": "model"}
    try:
        hf_raise_for_status(get_session().post(f"{endpoint()}/api/validate-yaml", json=asked))
    except BadRequestError as error:
        raise _not_taken(name, error.server_message or str(error)) from error
    except hub_errors() as error:
        raise refusal(error, name, "the model card") from error


def _not_taken(name: HubName, said: str) -> HubError:
    """For what the Hub does not allow to stand in a card, mostly."""
    return HubError(f"{name}: {endpoint()} does not take it: {printable(' '.join(said.split()))}")


def _commit(api: "HfApi", name: HubName, folder: Path, card: str, message: str) -> Pushed:
    """All files in one commit, so that nobody can load half of a push."""
    from huggingface_hub import CommitOperationAdd

    files: dict[str, Path | bytes] = {CONFIG: folder / CONFIG, WEIGHTS: folder / WEIGHTS, CARD: card.encode()}
    operations = [CommitOperationAdd(path_in_repo=file, path_or_fileobj=content) for file, content in files.items()]
    try:
        commit = api.create_commit(name.repository, operations, commit_message=message)
    except hub_errors() as error:
        raise refusal(error, name, "the bundle") from error
    except RuntimeError as error:  # an upload failed
        raise refusal(error.__cause__ or error, name, WEIGHTS) from error
    except ValueError as error:  # the head of the card, mostly
        raise _not_taken(name, str(error)) from error
    return Pushed(repository=name.repository, commit=commit.oid, url=f"{endpoint()}/{name.repository}")
