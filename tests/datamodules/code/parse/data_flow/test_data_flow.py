"""Data flow of small programs, checked by hand: `cases/<language>.txt`.

A case is its name, a program, and after `--` its edges: "x@3 <- x@1 y@2" says that the value of the x of line 3 comes from
the x of line 1 and the y of line 2; x@3#2 is the second x of line 3. Behind `--` may stand all occurrences instead.
"""

from pathlib import Path

import pytest

from lit_pretrain.datamodules.code.parse.data_flow.reaching import MOST
from lit_pretrain.datamodules.code.parse.parser import WALKERS, parse

CASES = [
    pytest.param(path.stem, *case.split("\n", 1), id=f"{path.stem}: {case.splitlines()[0]}")
    for path in sorted(Path(__file__).parent.glob("cases/*.txt"))
    for case in path.read_text().removeprefix("== ").split("\n== ")
]


@pytest.mark.parametrize(("language", "name", "case"), CASES)
def test_edges_are_those_found_by_hand(language, name, case):
    code, expected = case.split("\n--")
    parsed, source, seen, names = parse(code, language), code.encode(), {}, []
    assert len(parsed.tree), "syntax error"
    for start, stop in parsed.spans[parsed.variables].tolist():
        occurrence = f"{source[start:stop].decode()}@{1 + source[:start].count(10)}"
        seen[occurrence] = seen.get(occurrence, 0) + 1
        names.append(occurrence if seen[occurrence] == 1 else f"{occurrence}#{seen[occurrence]}")
    occurrences, *edges = expected.rstrip("\n").split("\n")
    if occurrences:
        assert names == occurrences.split()
        return
    found: dict[str, set[str]] = {}
    for i, j in parsed.flow.tolist():
        found.setdefault(names[i], set()).add(names[j])
    pairs = [edge.split(" <- ") for edge in edges]
    assert found == {reader: set(sources.split()) for reader, sources in pairs}


def test_there_are_cases_for_every_language():
    counts = {language: sum(case.values[0] == language for case in CASES) for language in WALKERS}
    assert counts.pop("python") >= 40 and min(counts.values()) >= 5


def test_loops_within_loops_are_not_walked_exponentially():
    depth = 19  # Python allows 20 blocks; 2^19 rounds would take minutes
    lines = [f"{' ' * i}for i{i} in x:" for i in range(depth)] + [" " * depth + "x = x + 1"]
    assert len(parse("\n".join(lines), "python").variables) == 2 * depth + 2


def test_the_last_writes_reach_where_there_are_very_many():
    parsed = parse("\n".join(f"if y: x = {i}" for i in range(3 * MOST)) + "\nx", "python")
    *_, last = parsed.flow.tolist()
    sources = [j for i, j in parsed.flow.tolist() if i == last[0]]
    assert sources == [1 + 2 * i for i in range(2 * MOST, 3 * MOST)]  # y and x by turns


@pytest.mark.parametrize(
    ("language", "code", "count"),
    [("c", "void f(int x) { " + "if (x) x = 1; else " * 3000 + "x = 2; }", 2 * 3000 + 3),
     ("javascript", "(function () { " * 2000 + "x = x" + " })" * 2000, 2), ("python", "lambda: " * 2000 + "x", 1),
     ("go", "func f(x int) {" + " if x > 1 {" * 1000 + " x = x" + " }" * 1000 + " }", 1000 + 4),
     ("java", "int f(int x) { return " + "(" * 3000 + "x" + ")" * 3000 + "; }", 2)],
)  # fmt: skip
def test_depth_is_bounded_by_memory_alone(language, code, count):
    assert len(parse(code, language).variables) == count
