"""Data that are gone for a moment: waited for; and if they do not come back, the run ends with their name."""

import errno
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TypeVar
from urllib.error import HTTPError

from lit_pretrain.datamodules.lost import DataLost
from lit_pretrain.datamodules.unreadable import reason

T = TypeVar("T")
ATTEMPTS = 5
PAUSE = 1.0  # seconds before the second attempt, twice as long before each later one
GONE = {
    errno.EIO, errno.ESTALE, errno.ENODEV, errno.ENXIO, errno.ENOTCONN, errno.ETIMEDOUT, errno.EREMOTEIO, errno.EPIPE,
    errno.ECONNRESET, errno.ECONNREFUSED, errno.ECONNABORTED, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETDOWN,
    errno.ENETUNREACH, errno.EMFILE, errno.ENFILE,
}  # fmt: skip
NETWORK = ("aiohttp", "http", "httpx", "requests", "urllib", "urllib3")  # whose errors are about connections


def gone(error: Exception, sample: bool = False) -> bool:
    """Whether the disk or the connection is at fault, and not what is read from it.

    Args:
        error: what reading raised.
        sample: the file holds one sample, which is gone only with all files beside it, and otherwise missing.
    """
    if isinstance(error, FileNotFoundError):
        return not sample or not _has_files(error.filename)
    if isinstance(error, HTTPError):
        return error.code >= 500 or error.code == 429  # the server's fault, or too many requests
    of_network = any(kind.__module__.partition(".")[0] in NETWORK for kind in type(error).__mro__)
    return of_network or isinstance(error, (ConnectionError, TimeoutError)) or getattr(error, "errno", None) in GONE


def patiently(read: Callable[[], T], name: str, sample: bool = True) -> T:
    """What `read` gives, tried again while it is `gone`.

    Args:
        read: gives all of it, or raises.
        name: what a message calls it.
        sample: see `gone`.

    Raises:
        DataLost: it does not come back.
    """
    return next(continued(lambda: (read(),), name, sample=sample))


def continued(
    items: Callable[[], Iterable[T]],
    name: str,
    first: int = 0,
    *,
    sample: bool = False,
    also: tuple[type[Exception], ...] = (),
) -> Iterator[T]:
    """Items of a source that is read from the front to the back; after a failure it is opened anew and read on.

    Args:
        items: opens the source.
        name: what a message calls it.
        first: so many items are passed over.
        sample: see `gone`.
        also: errors that are worth another attempt beside those by which the source is `gone`; the last one is raised.

    Raises:
        DataLost: the source is `gone` and does not come back.
    """
    failures, lost = 0, False
    while True:
        try:
            for item in islice(items(), first, None):
                yield item
                first, failures, lost = first + 1, 0, False
            return
        except Exception as error:
            failures += 1
            lost = lost or gone(error, sample)  # whatever is raised when it is opened again has the same cause
            if not lost and (failures == ATTEMPTS or not isinstance(error, also)):
                raise
            _wait(failures, error, name)


def _has_files(path: str | None) -> bool:
    """Whether there is anything in the folder of a file; of a lost mount the folder remains."""
    try:
        return any(Path(path or "").parent.iterdir())
    except OSError:
        return False


def _wait(failures: int, error: Exception, name: str) -> None:
    if failures == ATTEMPTS:
        raise DataLost(f"{name} is gone, and {ATTEMPTS} attempts did not bring it back ({reason(error)})") from error
    time.sleep(PAUSE * 2 ** (failures - 1))
