"""Grammars of languages, found as installed modules `tree_sitter_<language>`."""

import re
from dataclasses import dataclass
from functools import cache
from importlib import import_module

import tree_sitter

from lit_pretrain.types.code import Kind

LITERAL = re.compile(r"string|char|regex|rune|literal|number|integer|float|escape|ellipsis|text|content"
                     r"|^(true|false|none|null|nil|undefined|[`'\"]+)$")  # fmt: skip
# One leaf with all that is in it, such as escape sequences, unless expressions stand in it.
TEXT = re.compile(r"(^|_)(string|char|character|regex|rune)(_|$)(?<!_array)")


@dataclass(frozen=True)
class Grammar:
    """A language's tree-sitter grammar, with what is asked of its kinds of nodes, by their numbers there.

    Args:
        language: tree-sitter's own object.
        names: each kind's name; not unique.
        named: whether it has a name in the grammar; others are called as they are spelled.
        kinds: each kind's `Kind` as a leaf; None: the leaf's text decides.
        text: whether it is a literal that counts as one leaf.
        fields: names of the roles that a node has in its parent; the first is None.
    """

    language: tree_sitter.Language
    names: tuple[str, ...]
    named: tuple[bool, ...]
    kinds: tuple[Kind | None, ...]
    text: tuple[bool, ...]
    fields: tuple[str | None, ...]


@cache
def grammar(language: str) -> Grammar:
    """The grammar of a language such as "python" or "c_sharp".

    Raises:
        ValueError: it is not installed.
    """
    try:
        module = import_module(f"tree_sitter_{language}")
        make = getattr(module, "language", None) or getattr(module, f"language_{language}")
    except (ImportError, AttributeError) as error:
        package = f"tree-sitter-{language.replace('_', '-')}"
        raise ValueError(f"no grammar for language {language!r}: pip install {package}") from error
    made = tree_sitter.Language(make())
    numbers = range(made.node_kind_count)
    names = tuple(made.node_kind_for_id(i) or "" for i in numbers)
    named = tuple(made.node_kind_is_named(i) for i in numbers)
    kinds = tuple(_kind(*pair) for pair in zip(names, named, strict=True))
    text = tuple(is_named and bool(TEXT.search(n)) and "concat" not in n for n, is_named in zip(names, named, strict=True))
    fields = (None, *(made.field_name_for_id(i) for i in range(1, made.field_count + 1)))
    return Grammar(made, names, named, kinds, text, fields)


@cache
def parser(language: str) -> tree_sitter.Parser:
    """A parser of the language.

    Raises:
        ValueError: it is not installed.
    """
    return tree_sitter.Parser(grammar(language).language)


def node_types(languages: tuple[str, ...]) -> tuple[str, ...]:
    """Sorted names of all kinds of inner nodes in the languages' grammars. A name that several have is one type."""
    found = set()
    for language in languages:
        known = grammar(language)
        visible = known.language.node_kind_is_visible
        found |= {name for i, name in enumerate(known.names) if known.named[i] and visible(i) and name != "ERROR"}
    return tuple(sorted(found))


@cache
def type_numbers(language: str, types: tuple[str, ...]) -> tuple[int, ...]:
    """Of each kind of the language's grammar, its number in `types`; -1: not there."""
    number = {name: i for i, name in enumerate(types)}
    known = grammar(language)
    return tuple(number.get(name, -1) if named else -1 for name, named in zip(known.names, known.named, strict=True))


def kind_of_text(text: str) -> Kind:
    """What a leaf is whose kind does not say it: a word of the language, signs, or something else."""
    if text.isidentifier():
        return Kind.KEYWORD
    return Kind.OTHER if any(map(str.isalnum, text)) else Kind.OPERATOR


def _kind(name: str, named: bool) -> Kind | None:
    if not named:
        if name in ("NULL", "nullptr") or (LITERAL.search(name) and not name.isidentifier()):
            return Kind.LITERAL
        return Kind.KEYWORD if any(map(str.isalpha, name)) or name == "_" else Kind.OPERATOR
    if "comment" in name or name == "hash_bang_line":
        return Kind.COMMENT
    if "identifier" in name or name == "label_name":
        return Kind.IDENTIFIER
    if name in ("preproc_arg", "line_continuation"):
        return Kind.OTHER
    return Kind.LITERAL if LITERAL.search(name) else None
