"""A bundle to the Hub: checked whole, described by a model card, sent as one commit."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

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
        ConfigError: the name is none, or `license_id` is given where the folder has a card of its own.
        BundleError: the folder is not a usable bundle.
        HubError: the Hub cannot be reached, does not allow it, or has something else under this name.
    """
    name = HubName.parse_repository(repository)
    card = card_of(folder, repository, license_id)
    load_bundle(folder)
    require_library(name, "to put it on the Hugging Face Hub")
    from huggingface_hub import HfApi, get_token

    if get_token() is None:
        raise HubError(f"{name}: nobody is logged in; {LOG_IN} to one that may write")
    api = HfApi(library_name="faster_video", library_version=__version__)
    with quiet():
        _require_place(api, name, private)
        return _commit(api, name, Path(folder), card, message)


def card_of(folder: str | Path, repository: str, license_id: str | None = None) -> str:
    """The model card that `push` sends.

    Raises:
        ConfigError: as `push`.
        BundleError: there is no bundle, or its card is not text.
    """
    own = Path(folder) / CARD
    config = load_bundle_config(folder)
    if not own.is_file():
        return model_card(config, HubName.parse_repository(repository).repository, license_id)
    if license_id is not None:
        raise ConfigError(f"license is {license_id!r}, but {printable(own)} is there; write it into the head of that")
    try:
        return own.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError(f"{printable(own)}: is not a text file in UTF-8: {error}") from error


def _require_place(api: "HfApi", name: HubName, private: bool) -> None:
    """Make the model, or see that pushing to the one that is there takes nothing away and shows nothing to the world.

    Raises:
        HubError: it is public where a private one is wanted, holds something else, or cannot be made.
    """
    found = _existing(api, name)
    if found is None:
        try:
            api.create_repo(name.repository, private=private)
        except hub_errors() as error:
            raise refusal(error, name, "the new model") from error
    elif private and not found.private:
        raise HubError(
            f"{name}: is there already, and public; leave --private out, or make it private in its settings first"
        )
    elif CONFIG in {file.rfilename for file in found.siblings or ()}:
        folder = fetch_config(HubName(name.repository, found.sha)).folder
        try:
            load_bundle_config(folder)
        except BundleError as error:
            raise HubError(
                f"{name}: is there already, with a {CONFIG} that is not a bundle's and would be replaced; choose "
                "another name"
            ) from error


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
        raise HubError(f"{name}: {endpoint()} does not take it: {printable(' '.join(str(error).split()))}") from error
    return Pushed(repository=name.repository, commit=commit.oid, url=f"{endpoint()}/{name.repository}")
