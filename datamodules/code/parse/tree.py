"""Source to syntax tree, with a leaf for all that is not white space."""

from dataclasses import dataclass

import tree_sitter

from lit_pretrain.datamodules.code.parse.grammar import Grammar, grammar, kind_of_text, parser, type_numbers
from lit_pretrain.datamodules.code.parse.node import Node
from lit_pretrain.types.code import Kind

# What stands around a function that the grammar allows in a class alone.
CLASS = {"cpp": (b"class A {", b"\n};"), "java": (b"class A {", b"\n}"), "javascript": (b"class A {", b"\n}")}


@dataclass(frozen=True)
class Tree:
    """A syntax tree.

    Args:
        root: an inner node.
        borders: first byte and the byte after the last of each leaf, one leaf's after the other's.
        kinds: each leaf's `Kind`.
    """

    root: Node
    borders: list[int]
    kinds: list[Kind]


def read(source: bytes, language: str, types: tuple[str, ...]) -> Tree | None:
    """The syntax tree of a whole file, of a function, or of a method without its class. None: a syntax error.

    A literal without expressions in it is one leaf. What the grammar leaves out (such as a backslash at the end of a line
    of C) is a leaf of its own, so leaves and white space make up the source.
    """
    known = grammar(language)
    parsed = parser(language).parse(source).root_node
    if not parsed.has_error:
        return _read(known, type_numbers(language, types), parsed, source, 0)
    if language not in CLASS or not source.strip():
        return None
    before, after = CLASS[language]
    parsed = parser(language).parse(before + source + after).root_node
    if parsed.has_error:
        return None
    start, end = len(before) + len(source) - len(source.lstrip()), len(before) + len(source.rstrip())
    method = parsed.descendant_for_byte_range(start, end)
    return _read(known, type_numbers(language, types), method, source, len(before))


def _read(known: Grammar, types: tuple[int, ...], parsed: tree_sitter.Node, source: bytes, shift: int) -> Tree:
    """The tree of a node that begins or ends outside of the source only by what belongs to the class around it."""
    names, fields, sure = known.names, known.fields, known.kinds
    borders: list[int] = []
    kinds: list[Kind] = []
    read = 0  # so much of the source
    root = Node(_number(types, parsed, names), kind=parsed.type)
    parents, ends = [root], [len(source)]
    cursor = parsed.walk()
    more = cursor.goto_first_child()
    if not more and source.strip():
        _add_gap(root, source, 0, borders, kinds)
    while more:
        found = cursor.node
        number = found.kind_id
        # Words of the language such as `is not` have children, too.
        if found.child_count and known.named[number] and not (known.text[number] and _is_text(found, sure)):
            node = Node(_number(types, found, names), -1, names[number], fields[cursor.field_id or 0])
            parents[-1].children.append(node)
            parents.append(node)
            ends.append(found.end_byte - shift)
            cursor.goto_first_child()
            continue
        start, end = found.start_byte - shift, found.end_byte - shift
        if read <= start < end <= len(source):
            if start > read and (gap := source[read:start]).strip():
                _add_gap(parents[-1], gap, read, borders, kinds)
            spelled = source[start:end]
            kind = sure[number]
            if kind is None:
                kind = kind_of_text(spelled.decode())
            if kind == Kind.LITERAL or not spelled.isspace():  # grammars count some ends of line as signs
                text = spelled.decode() if kind == Kind.IDENTIFIER or end - start == 1 else ""
                sign = not known.named[number] or kind in (Kind.COMMENT, Kind.OTHER)
                parents[-1].children.append(Node(-1, len(kinds), names[number], fields[cursor.field_id or 0], text, sign))
                borders += (start, end)
                kinds.append(kind)
                read = end
        while not cursor.goto_next_sibling():
            parent, end = parents.pop(), ends.pop()
            if end > read and (gap := source[read:end]).strip():
                _add_gap(parent, gap, read, borders, kinds)
                read = end
            more = bool(parents) and cursor.goto_parent()
            if not more:
                break
    return Tree(root, borders, kinds)


def _number(types: tuple[int, ...], found: tree_sitter.Node, names: tuple[str, ...]) -> int:
    if types[found.kind_id] < 0:
        raise ValueError(f"types lack {names[found.kind_id]!r}: take node_types of all languages")
    return types[found.kind_id]


def _is_text(found: tree_sitter.Node, kinds: tuple[Kind | None, ...]) -> bool:
    return all([not child.is_named or kinds[child.kind_id] == Kind.LITERAL for child in found.children])


def _add_gap(parent: Node, gap: bytes, start: int, borders: list[int], kinds: list[Kind]) -> None:
    start += len(gap) - len(gap.lstrip())
    parent.children.append(Node(-1, len(kinds), sign=True))
    borders += (start, start + len(gap.strip()))
    kinds.append(Kind.OTHER)
