"""Each function comes with one variant of itself, always the same."""

from collections.abc import Iterator

import pytest

from lit_pretrain.datamodules.code.source.base import Program, Source
from lit_pretrain.datamodules.code.source.varied import Varied
from lit_pretrain.datamodules.code.variation.delete_statement import DeleteStatement
from lit_pretrain.datamodules.code.variation.rename_function import RenameFunction
from lit_pretrain.datamodules.code.variation.rename_variables import RenameVariables

FILE = """def one(x):
    "Adds."
    y = x
    return y + x


def two():
    return 2
"""


class Few(Source):
    def programs(self, split: str) -> Iterator[Program]:
        yield Program(FILE, "python", "a", is_file=True)
        yield Program("def three(): return 3", "python", "b", doc="Three.")
        yield Program("x = 1\n", "python", "c")
        yield Program("int f() { return 1; }", "c", "d")

    def fingerprint(self, split: str) -> str:
        return split


def test_functions_come_with_their_variants():
    source = Varied(Few(), (RenameFunction(),))
    found = list(source.programs("train"))
    assert [p.label for p in found] == ["a", "a", "b", "c", "d"] and not any(p.is_file for p in found)
    assert [p.doc for p in found] == ["Adds.", "", "Three.", None, None]
    for program, name in zip(found[:3], ("one", "two", "three"), strict=True):
        assert program.target != program.text and f"def {name}" in program.text and f"def {name}" not in program.target
    assert found[3].target is None is found[4].target
    assert found == list(source.programs("train"))


def test_the_next_variation_is_tried_where_one_is_not_possible():
    (found,) = {Varied(Few(), (DeleteStatement(), RenameVariables())).variant(Program("def f():\n    x = 1\n", "python"))}
    assert found is not None and "x" not in found


def test_the_fingerprint_tells_variations_apart():
    prints = {Varied(Few(), v).fingerprint("train") for v in [(RenameFunction(),), (RenameVariables(),),
                                                              (RenameVariables(0.5),)]}  # fmt: skip
    assert len(prints) == 3


def test_mistakes():
    with pytest.raises(ValueError, match="variations"):
        Varied(Few(), ())
