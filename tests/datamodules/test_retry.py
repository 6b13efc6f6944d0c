"""What is gone for a moment is waited for, and what is gone for good ends the run with its name."""

import errno
from urllib.error import HTTPError

import pytest

from lit_pretrain.datamodules import retry
from lit_pretrain.datamodules.lost import DataLost
from lit_pretrain.datamodules.retry import ATTEMPTS, continued, gone, patiently


@pytest.fixture(autouse=True)
def pauses(monkeypatch) -> list[float]:
    slept: list[float] = []
    monkeypatch.setattr(retry.time, "sleep", slept.append)
    return slept


class Failing:
    """Raises so many times, then answers."""

    def __init__(self, error: Exception, times: int):
        self.error, self.times = error, times

    def __call__(self) -> str:
        self.times -= 1
        if self.times >= 0:
            raise self.error
        return "content"


STALE = OSError(errno.ESTALE, "Stale file handle")


def test_pauses_double_and_the_answer_is_given(pauses):
    assert patiently(Failing(STALE, ATTEMPTS - 1), "a.jpg") == "content"
    assert pauses == [1, 2, 4, 8]


def test_what_does_not_come_back_is_named():
    with pytest.raises(DataLost, match=r"a\.jpg is gone, and 5 attempts .*Stale file handle"):
        patiently(Failing(STALE, ATTEMPTS), "a.jpg")


def test_other_errors_are_no_matter_of_waiting(pauses):
    with pytest.raises(OSError, match="image file is truncated"):
        patiently(Failing(OSError("image file is truncated"), 1), "a.jpg")
    assert not pauses


def test_a_file_is_missing_beside_others_and_gone_with_them(tmp_path):
    def error() -> Exception:
        try:
            (tmp_path / "images" / "a.jpg").read_bytes()
        except FileNotFoundError as found:
            return found

    assert gone(error(), sample=True)  # with its folder
    (tmp_path / "images").mkdir()
    assert gone(error(), sample=True)  # as after a mount is lost
    (tmp_path / "images" / "b.jpg").touch()
    assert not gone(error(), sample=True)
    assert gone(error()), "a file of many samples is no sample"


class RemoteProtocolError(Exception):
    __module__ = "httpx"


@pytest.mark.parametrize("error, expected", [
    (HTTPError("u", 503, "", {}, None), True), (HTTPError("u", 404, "", {}, None), False), (TimeoutError(), True),
    (ConnectionResetError(), True), (RemoteProtocolError(), True), (PermissionError(errno.EACCES, ""), False),
    (ValueError(), False),
])  # fmt: skip
def test_what_counts_as_gone(error, expected):
    assert gone(error) == expected


def test_a_source_is_read_on_where_it_was():
    opened = []

    def items():
        opened.append(len(opened))
        for i in range(6):
            if i == 2 * len(opened) and len(opened) < 3:
                raise ConnectionResetError
            yield i

    assert list(continued(items, "a stream", first=1)) == [1, 2, 3, 4, 5] and len(opened) == 3


def test_attempts_are_counted_from_the_last_item():
    """A connection that is lost at each item is slow, and no reason to end."""
    opened = []

    def items():
        opened.append(None)
        yield from range(len(opened))
        if len(opened) < 20:
            raise ConnectionResetError

    assert list(continued(items, "a stream")) == list(range(20))


def test_what_opening_it_again_raises_is_waited_for_too():
    """A source may say in its own words that its folder is gone."""
    opened = []

    def items():
        opened.append(None)
        if len(opened) in (2, 3):
            raise ValueError("matches nothing")
        yield 0
        if len(opened) == 1:
            raise STALE
        yield 1

    assert list(continued(items, "a stream")) == [0, 1] and len(opened) == 4


def test_what_is_damaged_is_tried_again_where_that_helps_and_raised_as_it_is():
    damaged = Failing(EOFError("it has no end"), ATTEMPTS)
    with pytest.raises(EOFError):
        list(continued(damaged, "a shard", also=(EOFError,)))
    assert damaged.times == 0
    with pytest.raises(EOFError):
        list(continued(Failing(EOFError(), 1), "a shard"))
