"""The same as `fuzz`, guided by what the readers' own code does: faults that reach new lines of it are built upon.

    OMP_NUM_THREADS=1 python -m experiments.reliability.fuzz_guided --reader "text: JSON lines" --seconds 60

Needs `pip install atheris`, which has wheels for Linux. A finding is printed once and the search goes on; a hang, a death or
too much memory ends it, and libFuzzer writes the case into a file of the current folder.
"""

import argparse
import random
import shutil
import sys
import tempfile
import warnings
from collections import Counter
from itertools import count
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["lit_pretrain"]):
    from experiments.reliability.fuzz import MEMORY, READ, REFUSED, SECONDS, damaged, outcome
    from experiments.reliability.readers import READERS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reader", choices=[*READERS], required=True, metavar="NAME")
    parser.add_argument("--file", help="which of its files is damaged; the first one unless it is given")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    files, base = READERS[options.reader].files(), Path(tempfile.mkdtemp(prefix="fuzz-"))
    name, numbers, findings = options.file or min(files), count(), Counter()
    (base / "corpus").mkdir()
    (base / "corpus" / "valid").write_bytes(files[name])
    warnings.simplefilter("ignore")

    def case(content: bytes) -> None:
        folder = base / f"case-{next(numbers)}"
        what = outcome(READERS[options.reader], files, name, content, folder)
        shutil.rmtree(folder, ignore_errors=True)
        if what not in (READ, REFUSED):
            findings[what.partition(":")[0]] += 1
            if findings[what.partition(":")[0]] == 1:
                print(f"{options.reader}, {name}: {what}\n  {content[:200]!r}", file=sys.stderr, flush=True)

    def mutate(content: bytes, most: int, seed: int) -> bytes:
        """Our faults and libFuzzer's in turn."""
        draw = random.Random(seed)
        found = damaged(content, [*files.values()], draw) if draw.random() < 0.5 else atheris.Mutate(content, most)
        return found[:most]

    settings = [f"-max_total_time={options.seconds}", f"-seed={options.seed}", f"-timeout={SECONDS:.0f}",
                f"-rss_limit_mb={2 * MEMORY // 2**20}", "-max_len=200000", "-print_final_stats=1"]  # fmt: skip
    atheris.Setup([sys.argv[0], *settings, str(base / "corpus")], case, custom_mutator=mutate)
    atheris.Fuzz()  # ends the process


if __name__ == "__main__":
    main()
