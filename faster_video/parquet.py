"""pyarrow, which reads and writes Parquet for some commands and is loaded where it is needed."""

from faster_video.errors import StoreError


def require_pyarrow(what: str, extra: str) -> None:
    """Refuse to go on without pyarrow, which `what` needs and `extra` installs.

    Raises:
        StoreError: it is not installed.
    """
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise StoreError(
            f"{what} need pyarrow, which is not installed; run pip install 'faster-video[{extra}]'"
        ) from error
