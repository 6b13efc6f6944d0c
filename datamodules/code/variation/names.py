"""Names in Python functions: where they stand, and which new ones are free."""

import ast
import builtins
import io
import keyword
import re
import symtable
from collections import defaultdict
from itertools import islice
from random import Random

WORD = re.compile(r"[^\W\d]\w*")
# What new names are made of.
NOUNS = ("amount", "answer", "batch", "block", "bound", "chunk", "count", "current", "data", "entry", "field", "first",
         "flag", "group", "index", "item", "key", "last", "left", "length", "limit", "line", "mark", "name", "node",
         "number", "offset", "other", "pair", "part", "place", "point", "queue", "rest", "result", "right", "row", "score",
         "seen", "size", "source", "start", "state", "step", "table", "text", "token", "total", "unit", "value",
         "word")  # fmt: skip
READERS = {"locals", "vars", "dir", "eval", "exec", "globals"}  # may see the names of variables
FRAMES = {"_getframe", "currentframe", "stack"}


def free_names(code: str, count: int, random: Random) -> list[str]:
    """Names that do not occur in the code, not in its strings either, and are none of the language's."""
    taken = {*WORD.findall(code), *keyword.kwlist, *keyword.softkwlist, *dir(builtins)}
    free = [noun for noun in NOUNS if noun not in taken]
    random.shuffle(free)
    more = (name for i in range(count + len(taken)) if (name := f"name_{i}") not in taken)
    return [*free[:count], *islice(more, max(0, count - len(free)))]


def reads_names(function: ast.AST) -> bool:
    """Whether the function may look at the names of its own variables."""
    attributes = {node.attr for node in ast.walk(function) if isinstance(node, ast.Attribute)}
    return bool(READERS & places(function).keys() or FRAMES & attributes)


def places(function: ast.AST) -> dict[str, list[ast.Name]]:
    """Where each name stands."""
    found: dict[str, list[ast.Name]] = defaultdict(list)
    for node in ast.walk(function):
        if isinstance(node, ast.Name):
            found[node.id].append(node)
    return found


def fixed_names(function: ast.AST) -> set[str]:
    """Names that stand elsewhere than in `places`, or may be seen from outside: parameters, imports, names of classes and
    functions in the function, of exceptions, patterns, in format strings and class bodies, global and nonlocal ones."""
    fixed: set[str] = set()
    for node in ast.walk(function):
        match node:
            case ast.arg(arg=name):
                fixed.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                fixed.add(name)
            case ast.ClassDef(name=name):
                fixed |= {name, *places(node)}
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                fixed |= set(names)
            case ast.alias(name=name, asname=other):
                fixed.add(other or name.split(".")[0])
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                fixed.add(name)
            case ast.MatchMapping(rest=str(name)):
                fixed.add(name)
            case ast.JoinedStr():
                fixed |= set(places(node))
    return fixed


def global_names(code: str) -> set[str]:
    """Names that mean something outside of the function in it or in a function within it."""
    tables, found = symtable.symtable(code, "function", "exec").get_children(), set()
    while tables:
        table = tables.pop()
        tables += table.get_children()
        found |= {symbol.get_name() for symbol in table.get_symbols() if symbol.is_global()}
    return found


def split_lines(code: str) -> list[str]:
    """Lines with their ends, as Python counts them: a form feed ends none."""
    return io.StringIO(code, newline="").readlines()


def replace_names(code: str, nodes: list[ast.Name], new: dict[str, str]) -> str:
    """The code with new names at these places."""
    lines = [line.encode() for line in split_lines(code)]
    for node in sorted(nodes, key=lambda node: (node.lineno, node.col_offset), reverse=True):
        line, end = lines[node.lineno - 1], node.col_offset + len(node.id.encode())
        lines[node.lineno - 1] = line[: node.col_offset] + new[node.id].encode() + line[end:]
    return b"".join(lines).decode()
