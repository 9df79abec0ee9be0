"""What can go wrong because of what a user gave us; every message is one sentence that says what to do.

The command line prints any of these on one line and exits with code 2.
"""


class FasterVideoError(Exception):
    """A mistake in the input, not in the program: the base of all errors this package raises on purpose."""


class ConfigError(FasterVideoError, ValueError):
    """A setting has a value that is not allowed."""


class DecodeError(FasterVideoError):
    """A file could not be read as video; the message starts with the file's name."""


class DataError(FasterVideoError):
    """A list of labelled videos cannot be used."""


class BundleError(FasterVideoError):
    """A folder is not a usable trained bundle."""


class WeightsError(FasterVideoError):
    """Weights published elsewhere are not there, or not those that were asked for."""


class HubError(BundleError):
    """A bundle cannot be taken from the Hub, or put there."""


class StoreError(FasterVideoError):
    """A feature store cannot be written, or is none that can be used."""


class ExportError(FasterVideoError):
    """A bundle cannot be written as graphs for other programs."""


class TrainingError(FasterVideoError):
    """Training cannot start or go on."""


class StreamError(FasterVideoError):
    """A live source cannot be opened, has ended with an error or says nothing; the message starts with its name."""


class EngineError(FasterVideoError):
    """A way of running the networks that does not work on this machine."""


class ClusterError(FasterVideoError):
    """A cluster of machines cannot be joined, or has failed."""


class FasterVideoWarning(RuntimeWarning):
    """Something is done in another way than it could be; the message is a sentence for the user."""


def first_line(error: BaseException) -> str:
    """Of what somebody else's error says, or its kind where it says nothing."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
