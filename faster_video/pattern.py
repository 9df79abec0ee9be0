"""Which clips of a video go to the expensive network (docs/protocol.md "Patterns"; paper section 5, Table 4)."""

import re
from dataclasses import dataclass

from faster_video.errors import ConfigError

_WRITTEN = re.compile(r"([0-9]{1,9}):([0-9]{1,9})")


@dataclass(frozen=True, slots=True)
class Pattern:
    """A group of clips that repeats: `expensive` of them first, then `cheap` ones; the last group may be cut short."""

    expensive: int
    cheap: int | None
    """None: all that follow are cheap and no new group begins (written `first` when `expensive` is 1)."""

    @classmethod
    def parse(cls, text: str) -> "Pattern":
        """Read `E:C` or `first`.

        `1:3` is E c c c E c c c …, `1:0` all expensive, `0:1` all cheap, `first` only the first clip expensive.

        Raises:
            ConfigError: the text is neither, or names no clip at all (`0:0`).
        """
        if text == "first":
            return cls(1, None)
        written = _WRITTEN.fullmatch(text)
        if written is None or int(written[1]) + int(written[2]) == 0:
            raise ConfigError(
                f"pattern is {text!r}; write it E:C with whole numbers that are not both 0, such as 1:3 "
                "(one expensive clip, then three cheap ones), or 'first'"
            )
        return cls(int(written[1]), int(written[2]))

    def __str__(self) -> str:
        return "first" if self.cheap is None else f"{self.expensive}:{self.cheap}"

    def is_expensive(self, clip: int) -> bool:
        """Whether clip number `clip` (from 0, in time order) goes to the expensive network."""
        if self.cheap is None:
            return clip < self.expensive
        return clip % (self.expensive + self.cheap) < self.expensive

    def flags(self, num_clips: int) -> list[bool]:
        """`is_expensive` of each of `num_clips` clips."""
        return [self.is_expensive(clip) for clip in range(num_clips)]
