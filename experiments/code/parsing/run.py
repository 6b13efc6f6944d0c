"""How fast Python files are parsed, in how much memory, and whether flattened trees invert.

    python experiments/code/parsing/run.py [FOLDER ...] [--files N]

FOLDER is the running standard library by default. The figures stand in README.md.
"""

import argparse
import sysconfig
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from lit_pretrain.datamodules.code.parse.flattening import flatten, unflatten
from lit_pretrain.datamodules.code.parse.functions import functions
from lit_pretrain.datamodules.code.parse.grammar import node_types
from lit_pretrain.datamodules.code.parse.parsed import Parsed
from lit_pretrain.datamodules.code.parse.parser import parse

TYPES = node_types(("c", "cpp", "go", "java", "javascript", "python"))
Result = TypeVar("Result")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path, default=[Path(sysconfig.get_paths()["stdlib"])])
    parser.add_argument("--files", type=int, help="of each folder, in the order of their names; all by default")
    arguments = parser.parse_args()
    for folder in arguments.folders:
        files = sorted(path for path in folder.rglob("*.py") if "site-packages" not in path.relative_to(folder).parts)
        measure(folder, files[: arguments.files])


def measure(folder: Path, files: list[Path]) -> None:
    count, seconds = Counter(), Counter()
    for i, path in enumerate(files):
        text = path.read_text(encoding="utf-8", errors="replace")
        count["bytes"] += path.stat().st_size
        whole = timed(seconds, "parse files", lambda: parse(text, "python", types=TYPES))  # noqa: B023, called at once
        count["files with a syntax error"] += not len(whole.tree) and bool(text.strip())
        found = timed(seconds, "find functions", lambda: functions(text, "python"))  # noqa: B023
        parsed = timed(seconds, "parse functions", lambda: [parse(f.code, "python", f.doc, TYPES) for f in found])  # noqa: B023, fmt: skip
        for one in parsed:
            count["functions"] += 1
            count["functions that do not parse"] += not len(one.tree)
            count["functions whose tree does not invert"] += bool(len(one.tree)) and not inverts(one)
            count["functions with a docstring"] += bool(one.doc)
            count["leaves"] += len(one.kinds)
            count["variables"] += len(one.variables)
            count["edges"] += len(one.flow)
        if (i + 1) % 1000 == 0:
            print(f"after {i + 1} files: {resident():.0f} MB resident", flush=True)
    print(f"{folder.name}: {len(files)} files; " + "; ".join(f"{value} {name}" for name, value in count.items()))
    for name, spent in seconds.items():
        print(f"{name}: {spent:.1f} s of CPU, {len(files) / spent:.1f} files/s, {count['bytes'] / spent / 1e6:.2f} MB/s")
    print(f"parse functions: {count['functions'] / seconds['parse functions']:.0f} functions/s")
    both = seconds["find functions"] + seconds["parse functions"]
    print(f"find and parse functions: {len(files) / both:.1f} files/s, {count['functions'] / both:.0f} functions/s")


def inverts(parsed: Parsed) -> bool:
    """Whether the tree of the sequence has its leaves in order, and the sequence."""
    tree = unflatten(parsed.tree)
    leaves, stack = [], [tree]
    while stack:
        node = stack.pop()
        leaves += [node.leaf] if node.type < 0 else []
        stack += reversed(node.children)
    return leaves == list(range(len(parsed.kinds))) and flatten(tree) == parsed.tree.tolist()


def timed(seconds: Counter, name: str, call: Callable[[], Result]) -> Result:
    start = time.process_time()
    result = call()
    seconds[name] += time.process_time() - start
    return result


def resident() -> float:
    """Megabytes of memory that the process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


if __name__ == "__main__":
    main()
