"""Variants of functions are run: those that claim it do what the original did, on every input."""

import ast
import calendar
import dis
import heapq
import statistics
import types
from pathlib import Path
from random import Random

import pytest

from lit_pretrain.datamodules.code.variation.base import Variation
from lit_pretrain.datamodules.code.variation.delete_statement import DeleteStatement
from lit_pretrain.datamodules.code.variation.insert_dead_code import InsertDeadCode
from lit_pretrain.datamodules.code.variation.rename_function import RenameFunction
from lit_pretrain.datamodules.code.variation.rename_variables import RenameVariables
from lit_pretrain.datamodules.code.variation.reorder_statements import ReorderStatements

SAME = [RenameVariables(), RenameVariables(0.3), RenameFunction(), InsertDeadCode(), ReorderStatements()]

# Functions, and what they are called with.
RUN = [
    ('''def fib(n):
    "Recursive."
    low = 1
    if n < 2:
        return n
    a = fib(n - 1); b = fib(n - 2)
    return a + b * low
''', [(0,), (1,), (9,), ("x",)]),
    ('''def count(words, *, least=1):
    seen = {}  # by word
    total = 0
    longest = ""
    for word in words:
        seen[word] = seen.get(word, 0) + 1
        total += 1
        if len(word) > len(longest): longest = word
    found = sorted(word for word in seen if seen[word] >= least)
    return found, total, f"{longest}!"
''', [(["a", "b", "a"],), ([],), (3,)]),
    ('''def outer(xs):
    scale = 2
    offset = 0
    text = """two
    lines"""
    def inner(x, k=1):
        nonlocal offset
        offset += k
        return x * scale + offset
    try:
        first = 0
        first = 1 // len(xs)
    except ZeroDivisionError as error:
        return str(error), first
    else:
        pass
    return [inner(x) for x in xs], [x for x in xs if (y := x) > 1], y, text, first
''', [([1, 2, 3],), ([],), ([0],)]),
    ('''def walk(tree, depth=0):
    match tree:
        case [first, *rest]:
            size = 0
            mark = depth
            deeper = walk(first, depth + 1)
            for part in rest:
                size += walk(part, depth)[0]
            return size + deeper[0], mark
        case {"x": value}:
            return value, depth
    limit = None
    print(end="")
    assert tree is not limit, "none"
    return 1, depth
''', [([1, [2, 3], {"x": 5}],), ({"x": 1},), (None,), ([],)]),
    ('''def gen(n):
    i = 0
    got = None
    while i < n:
        step = 1
        got = yield i
        i += step if got is None else got
''', [(4,), (0,)]),
]  # fmt: skip


def outcome(code: str, arguments: tuple) -> object:
    space: dict = {"__name__": "variant"}
    exec(compile(code, "variant", "exec"), space)
    (function,) = (x for x in space.values() if isinstance(x, types.FunctionType))
    try:
        result = function(*arguments)
        return list(result) if isinstance(result, types.GeneratorType) else result
    except Exception as error:
        return type(error), str(error) if not isinstance(error, NameError) else ""


@pytest.mark.parametrize("variation", SAME, ids=lambda v: f"{type(v).__name__}{v._init_args}")
@pytest.mark.parametrize("code, calls", RUN, ids=[code.split("(")[0][4:] for code, _ in RUN])
def test_behaviour_is_kept(variation: Variation, code: str, calls: list[tuple]):
    variants = {variation(code, Random(seed)) for seed in range(30)} - {None}
    name = type(variation).__name__
    assert variants or (name, code[4:7]) in {("RenameVariables", "non"), ("ReorderStatements", "fib")}, "nothing changed"
    for variant in variants:
        assert variant != code
        for arguments in calls:
            assert outcome(variant, arguments) == outcome(code, arguments), variant


def instructions(code: types.CodeType) -> list[tuple[str, object]]:
    """Operations with the variables that they use, of a code and those in it; other arguments belong to the operation."""
    found = []
    for i in dis.get_instructions(code):
        if i.opname in ("MAKE_CELL", "LOAD_CLOSURE"):  # in the order of the names
            continue
        variable = i.opname.split("_")[-1] in ("FAST", "DEREF", "GLOBAL", "NAME")
        found.append((i.opname, i.argval) if variable else (f"{i.opname} {i.argval!r:.20}", None))
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            found += instructions(inner)
    return found


def test_renamed_functions_of_the_standard_library_have_the_same_instructions():
    """Name by name, one to one, over some dozen real functions."""
    checked = 0
    for module in (calendar, heapq, statistics):
        source = Path(module.__file__).read_text(encoding="utf-8")
        for node in ast.parse(source).body:
            code = ast.get_source_segment(source, node) if isinstance(node, ast.FunctionDef) else None
            variant = code and RenameVariables()(code, Random(checked))
            if not variant:
                continue
            old, new = (instructions(compile(x, "f", "exec")) for x in (code, variant))
            assert [name for name, _ in old] == [name for name, _ in new], variant
            pairs = {(a, b) for (_, a), (_, b) in zip(old, new, strict=True) if a is not None}
            there, back = dict(pairs), {b: a for a, b in pairs}
            assert len(there) == len(back) == len(pairs), variant
            checked += 1
    assert checked > 30


def test_a_deleted_statement_leaves_a_function():
    code = RUN[1][0]
    variants = {DeleteStatement()(code, Random(seed)) for seed in range(50)}
    assert len(variants) > 3
    for variant in variants:
        ast.parse(variant)
        assert len(variant.splitlines()) == len(code.splitlines()) - 1


@pytest.mark.parametrize("code", [
    "def f(x):\n    y = x\n    return locals()\n",  # sees its names
    "class A:\n    def f(self):\n        y = 1\n        return y\n",
    "def f(:\n",
    "x = 1\n",
    "def __init__(self): pass\n",
])  # fmt: skip
def test_what_is_not_safe_or_no_function_stays(code: str):
    assert all(variation(code, Random(0)) is None for variation in SAME)


@pytest.mark.parametrize("code", [
    "def f():\n    return [x for x in range(3)] + [x]\n",  # the last x is one of the module
    "def f():\n    global x\n    x = 1\n    return x\n",
    "def f(x):\n    x = 1\n    return x\n",  # may be called as f(x=2)
    "def f():\n    import x\n    return x\n",
    "def f():\n    x = 1\n    return f'{x}'\n",  # where names stand in it is not known before Python 3.12
    "def f():\n    class A:\n        x = 1\n    return A.x\n",
])  # fmt: skip
def test_names_that_are_seen_elsewhere_stay(code: str):
    assert RenameVariables()(code, Random(0)) is None


def test_a_decorator_with_the_functions_name_is_another():
    assert RenameFunction()("@size.setter\ndef size(self, value):\n    self._size = value\n", Random(0)) is None
    assert RenameFunction()("def size(self):\n    return self.size()\n", Random(0)) is None


def test_mistakes():
    with pytest.raises(ValueError, match="rate=0"):
        RenameVariables(0.0)
