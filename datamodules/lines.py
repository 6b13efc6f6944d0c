"""Lines and JSON lines of plain and packed files, with what is wrong with a row named."""

import gzip
import json
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

Row = TypeVar("Row")
SHOWN = 3  # bad rows that are named


def lines(path: Path) -> Iterator[bytes]:
    """Lines of a file; one that ends in .gz or .zst is unpacked.

    Raises:
        ValueError: the file is no such archive, or ends in its middle.
    """
    try:
        if path.suffix == ".zst":
            yield from _zstd_lines(path)
        else:
            with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
                yield from file
    except (EOFError, zlib.error, gzip.BadGzipFile, _zstd_error()) as error:
        raise damaged(path, error) from error


def text_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The number of each line, from 1, and its text with the end of the line.

    Raises:
        ValueError: a line is not UTF-8, or as `lines` does.
    """
    for number, raw in enumerate(lines(path), 1):
        try:
            yield number, raw.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(f"{path}, line {number}: not UTF-8 ({error.reason})") from error


def damaged(path: Path, error: Exception) -> ValueError:
    return ValueError(f"{path} is damaged ({error}): fetch or pack it again")


def json_lines(path: Path, of_row: Callable[[dict], Row]) -> Iterator[tuple[int, Row | str]]:
    """The number of each line, with what `of_row` makes of its object, or with what is wrong with it.

    Args:
        path: one object a line.
        of_row: raises ValueError (or UnicodeError, for text that has no UTF-8) where the object will not do.
    """
    for number, raw in enumerate(lines(path), 1):
        if not raw.strip():
            continue
        try:
            row = json.loads(raw.decode("utf-8-sig" if number == 1 else "utf-8"))
            if not isinstance(row, dict):
                raise ValueError(f"a {type(row).__name__} instead of an object")
            yield number, of_row(row)
        except UnicodeError as error:
            yield number, f"not UTF-8 ({error.reason})"
        except json.JSONDecodeError as error:
            yield number, f"not JSON ({error.msg})"
        except (ValueError, RecursionError) as error:
            yield number, str(error)


def text_field(row: dict, field: str) -> str:
    """Raises ValueError if there is no such field, or no text in it; UnicodeError if the text has no UTF-8."""
    if not isinstance(any_field(row, field), str):
        raise ValueError(f"field {field!r} is no text")
    row[field].encode()  # JSON can write half a character
    return row[field]


def any_field(row: dict, field: str) -> object:
    if field not in row:
        raise ValueError(f"no field {field!r}; it has {sorted(row)[:8]}")
    return row[field]


def good(rows: Iterable[tuple[int, Row | str]], path: Path, max_bad: float, what: str = "line") -> Iterator[Row]:
    """The good rows among (number, row); a text says what is wrong with a bad one. The first bad ones are named.

    Raises:
        ValueError: more than the share `max_bad` is bad.
    """
    first: list[str] = []
    bad = number = 0
    for number, row in rows:
        if isinstance(row, str):
            bad += 1
            first += [f"{what} {number}: {row}"] if bad <= SHOWN else []
        else:
            yield row
    if bad:
        said = f"{path}: {bad} of {number} rows are bad, the first: {'; '.join(first)}"
        if bad > max_bad * number:
            raise ValueError(f"{said}. Mend the file, or allow more with max_bad")
        warnings.warn(f"{said}. They are skipped", stacklevel=2)


def _zstd_lines(path: Path) -> Iterator[bytes]:
    """Lines of all frames; the library's own reader stops after the first, and takes a torn file for a whole one."""
    try:
        from zstandard import ZstdDecompressor
    except ImportError:
        raise ValueError(f"{path}: reading .zst needs pip install 'lit_pretrain[zstd]'") from None
    frame, rest = None, b""
    with open(path, "rb") as file:
        while packed := file.read(2**20):
            while packed:
                frame = frame or ZstdDecompressor().decompressobj()
                *whole, rest = (rest + frame.decompress(packed)).split(b"\n")
                yield from (line + b"\n" for line in whole)
                packed, frame = (frame.unused_data, None) if frame.eof else (b"", frame)
    if frame is not None:
        raise EOFError("it ends in the middle of a frame")
    if rest:
        yield rest


def _zstd_error() -> type[Exception]:
    try:
        from zstandard import ZstdError
    except ImportError:
        return EOFError
    return ZstdError
