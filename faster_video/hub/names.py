"""Names of models on the Hub, as people write them: USER/NAME, or USER/NAME@REVISION."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from faster_video.errors import ConfigError

_PART = r"(?:\w|\w[\w.-]{0,94}\w)"
_WRITTEN = re.compile(rf"(?![^@]*(?:--|\.\.))({_PART}/{_PART})(?<!\.git)(?:@([!-?A-~]{{1,100}}))?", re.ASCII)
"""What the Hub allows as a user's and a model's name, then a revision."""

MAIN = "main"
"""The branch that is meant where no revision is given."""


@dataclass(frozen=True, slots=True)
class HubName:
    """A model on the Hub, at a revision or as it is now."""

    repository: str
    """USER/NAME."""
    revision: str | None = None
    """A branch, a tag or a commit; None: the newest commit of `MAIN`."""

    @classmethod
    def find(cls, text: str | Path) -> Self | None:
        """The name that a text stands for; None for a `Path`, for what is on this disk, and for any other text."""
        written = None if isinstance(text, Path) else _WRITTEN.fullmatch(text)
        return None if written is None or Path(text).exists() else cls(written[1], written[2])

    @classmethod
    def parse_repository(cls, text: str) -> Self:
        """Read USER/NAME, whatever is on this disk.

        Raises:
            ConfigError: it is none, or has a revision.
        """
        written = _WRITTEN.fullmatch(text)
        if written is None:
            raise ConfigError(f"the model's name on the Hub is {text!r}; write it USER/NAME, such as alice/waves")
        if written[2] is not None:
            raise ConfigError(f"the model's name is {text!r}; a push makes a revision of its own, leave @… out")
        return cls(written[1])

    def __str__(self) -> str:
        return self.repository if self.revision is None else f"{self.repository}@{self.revision}"
