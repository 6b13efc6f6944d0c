"""Damages valid files of each kind that is read here, and sees that they are read, or refused with a word that names them.

    OMP_NUM_THREADS=1 python -m experiments.reliability.fuzz --seconds 60 --out experiments/reliability

Of each reader in `readers`, case after case: one file is damaged, and all of its folder is read. It may be read, left out
and named (`Unreadable`), or refused: by a ValueError or DataLost that names the file or its folder, or by a Mistake, which
may be of what no file says. All else is a finding: another exception, an error without a name, no answer within SECONDS, a
process that dies, more memory than MEMORY.

A case is given by seed, reader and number: `--reader NAME --first NUMBER --cases 1` does it again.
"""

import argparse
import csv
import os
import random
import re
import resource
import shutil
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import count
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from experiments.reliability.readers import READERS, Reader
from experiments.reliability.seeds import Contents
from lit_pretrain.config.mistake import Mistake
from lit_pretrain.datamodules.lost import DataLost
from lit_pretrain.datamodules.unreadable import Unreadable

SECONDS = 60.0  # of a case
MEMORY = 2**30  # bytes that a case may ask for
READ, REFUSED = "read", "refused"  # what may come of a case
NUMBER, VALUE = re.compile(rb"-?\d+(\.\d+)?"), re.compile(rb'"[^"\n]*"|-?\d+(\.\d+)?|\[\]|null')
NUMBERS = (b"-1", b"0", b"1e400", b"nan", b"2147483648", b"9" * 30, b"9" * 5000, b"0.5", b"-1e308", b"1e-320")
VALUES = (b"null", b"{}", b"[]", b'""', b"true", b'"\\ud800"', b"[[1, 2], [3]]", b'{"a": 1}', b"-1", b"1e999")
BYTES = (b"\0", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xef\xbb\xbf", "\u2028".encode(), "\x85".encode(), b"\r", b"\n", b"\t",
         b'"', b",")  # fmt: skip
OPENING = (b"[", b"(", b"{", b'{"a":', b"- ", b"(" * 3 + b"x", b"if x:\n ", b"!", b"C(", b"  ")
FOREIGN = (b"", b"\0" * 512, b"\x89PNG\r\n\x1a\n" + b"\0" * 32, b"RIFF\xff\xff\xff\x7fWAVEfmt ", b"PK\x03\x04" + b"\0" * 40,
           b"\x1f\x8b\x08\0", b"\x80\x04cos\nsystem\n", b"PAR1PAR1", b"null", b"[]", b"{}", b"\xff\xfe<\0h\0t\0m\0l\0",
           b"<html>404</html>\n", b"--- !!python/name:os\n")  # fmt: skip


def damaged(content: bytes, others: Sequence[bytes], draw: random.Random) -> bytes:
    """One to three faults in a file; `others` may stand in its place."""
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        kind, size = draw.randrange(10), len(content)
        a, b = sorted((draw.randint(0, size), draw.randint(0, size)))
        b = min(b, a + draw.choice((1, 4, 64, 4096)))
        if kind == 0:
            content = content[:a]
        elif kind == 1:
            content = content[:a] + content[b:]
        elif kind == 2:
            content = content[:b] + content[a:b] * draw.choice((1, 2, 100)) + content[b:]
        elif kind == 3:
            content = content[:a] + draw.choice(BYTES) * draw.choice((1, 1, 8)) + content[a:]
        elif kind == 4:
            content = content[:a] + draw.choice(OPENING) * draw.choice((10, 3000, 50000)) + content[a:]
        elif kind == 5:
            content = _replaced(content, NUMBER, NUMBERS, draw)
        elif kind == 6:
            content = _replaced(content, VALUE, VALUES, draw)
        elif kind == 7 and draw.random() < 0.3:
            content = draw.choice((*others, *FOREIGN))
        elif size:  # bits, also in the header, where there are few and each matters
            changed = bytearray(content)
            for _ in range(draw.choice((1, 1, 4, 32))):
                changed[draw.randrange(min(size, draw.choice((32, 256, size))))] = draw.choice(
                    (0, 255, 1 << draw.randrange(8), 128)
                )
            content = bytes(changed)
    return content


def _replaced(content: bytes, what: re.Pattern[bytes], values: Sequence[bytes], draw: random.Random) -> bytes:
    found = [*what.finditer(content)]
    if not found:
        return content
    place = draw.choice(found)
    return content[: place.start()] + draw.choice(values) + content[place.end() :]


def outcome(reader: Reader, files: Contents, name: str, content: bytes, folder: Path) -> str:
    """What comes of reading `files` where the file `name` holds `content`."""
    for path, held in (files | {name: content}).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(held)
    try:
        found = [what for what in reader.read(folder) if isinstance(what, Unreadable)]
    except (ValueError, Mistake, DataLost) as error:
        named = isinstance(error, Mistake) or str(folder) in str(error) or name in str(error)
        return REFUSED if named and type(error) in (ValueError, Mistake, DataLost) else _told(error, named)
    except BaseException as error:
        return _told(error, False)
    return REFUSED if found else READ


def _told(error: BaseException, named: bool) -> str:
    own = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if re.search(r"/(lit_pretrain|datamodules)/", frame.filename)
    ]
    where = f"{Path(own[-1].filename).name}:{own[-1].lineno}" if own else "?"
    return f"{type(error).__name__} in {where}{'' if named else ', unnamed'}: {' '.join(str(error).split())[:160]}"


def work(connection: Connection, name: str, files: Contents, seed: int, first: int, base: Path) -> None:
    """Cases from `first` on, in a process of their own: before each its number, after it its outcome."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    warnings.simplefilter("ignore")
    own = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (own + MEMORY, own + MEMORY))
    for number in count(first):
        draw = random.Random(f"{seed} {name} {number}")
        file = draw.choice(sorted(files))
        folder = base / f"case-{number}"
        what = outcome(READERS[name], files, file, damaged(files[file], [*files.values()], draw), folder)
        shutil.rmtree(folder, ignore_errors=True)
        connection.send((number, what))


def outcomes(name: str, seed: int = 0, first: int = 0) -> Iterator[tuple[int, str]]:
    """(number, what came of it), without end; a process that dies or hangs is replaced."""
    context, files = get_context("fork"), READERS[name].files()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as base:
        os.environ["LIT_PRETRAIN_CACHE"] = f"{base}/cache"
        while True:
            ours, theirs = context.Pipe(duplex=False)
            process = context.Process(target=work, args=(theirs, name, files, seed, first, Path(base)), daemon=True)
            process.start()
            theirs.close()
            try:
                while ours.poll(SECONDS):
                    number, what = ours.recv()
                    first = number + 1
                    yield number, what
                what = f"no answer within {SECONDS:.0f} s"
            except EOFError:
                process.join()
                what = f"the process died with exit code {process.exitcode}"
            finally:
                process.kill()
                process.join()
            yield first, what
            first += 1


def write(table: Path, rows: Sequence[list]) -> None:
    """Put rows into the table, in the place of older ones of the same readers."""
    old = [*csv.reader(table.read_text().splitlines())][1:] if table.exists() else []
    every = {row[0]: row for row in (*old, *rows)}
    with open(table, "w", newline="") as file:
        csv.writer(file).writerows(
            [["reader", "cases", "read", "refused", "findings"], *(every[r] for r in READERS if r in every)]
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reader", nargs="+", choices=[*READERS], default=[*READERS], metavar="NAME")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each reader")
    parser.add_argument("--cases", type=int, default=10**9, help="the most of each reader")
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="folder of fuzz.csv; without it, findings are only printed")
    options = parser.parse_args()
    rows = []
    for name in options.reader:
        end, counts, findings = time.monotonic() + options.seconds, Counter(), Counter()
        for number, what in outcomes(name, options.seed, options.first):
            counts[what if what in (READ, REFUSED) else "findings"] += 1
            if what not in (READ, REFUSED):
                kind = what.partition(":")[0] if what.count(":") < 2 else ":".join(what.split(":")[:2])
                findings[kind] += 1
                if findings[kind] == 1:
                    print(f"{name}, case {number}: {what}", flush=True)
            if time.monotonic() > end or counts.total() >= options.cases:
                break
        rows.append([name, counts.total(), counts[READ], counts[REFUSED], counts["findings"]])
        print(
            f"{name}: {counts.total()} cases, {counts[READ]} read, {counts[REFUSED]} refused, {counts['findings']} findings",
            flush=True,
        )
    if options.out:
        write(options.out / "fuzz.csv", rows)


if __name__ == "__main__":
    main()
