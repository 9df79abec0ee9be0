"""What settings refuse: names that are no choice, numbers too small or too large; each raises `ConfigError`."""

from collections.abc import Collection

from faster_video.errors import ConfigError


def require_choice(name: str, value: str, choices: Collection[str]) -> None:
    """Refuse a name that is not one of `choices`."""
    if value not in choices:
        raise ConfigError(f"unknown {name} {value!r}; choose one of {', '.join(sorted(choices))}")


def require_at_least(name: str, value: float, least: float) -> None:
    """Refuse a number below `least`."""
    if not value >= least:
        raise ConfigError(f"{name} is {value}; it must be at least {least}")


def require_at_most(name: str, value: float, most: float) -> None:
    """Refuse a number above `most`."""
    if not value <= most:
        raise ConfigError(f"{name} is {value}; it must be at most {most}")
