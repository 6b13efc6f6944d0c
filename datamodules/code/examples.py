"""Programs of a source to parsed examples."""

from collections import Counter
from collections.abc import Iterable, Iterator

from lit_pretrain.datamodules.code.parse.functions import functions
from lit_pretrain.datamodules.code.parse.grammar import node_types
from lit_pretrain.datamodules.code.parse.parsed import Parsed
from lit_pretrain.datamodules.code.parse.parser import parse
from lit_pretrain.datamodules.code.source.base import Program


def parts(program: Program) -> list[Program]:
    """The functions of a file, of which the first has the file's `doc`, if there is one; a file without functions, such as
    one that does not parse, and what is no file, as one."""
    if not program.is_file:
        return [program]
    found = functions(program.text, program.language)
    each = [program._replace(text=f.code, doc=f.doc, is_file=False) for f in found] or [program._replace(is_file=False)]
    return each if program.doc is None else [each[0]._replace(doc=program.doc), *each[1:]]


def examples(
    programs: Iterable[Program], languages: tuple[str, ...], counts: Counter[str]
) -> Iterator[tuple[Parsed, str | None, str]]:
    """(example, label, target) of all programs in one of `languages`; `counts` learns what became of them.

    The functions of a file are examples; a file without functions, such as one that does not parse, is one itself.
    """
    types = node_types(languages)
    for program in programs:
        counts["programs"] += 1
        if program.language not in languages:
            counts[f"programs in {program.language}"] += 1
            continue
        for part in parts(program):
            code, doc = part.text, part.doc or ""
            if not code.strip():
                counts["empty programs"] += 1
                continue
            try:
                parsed = parse(code, program.language, doc, types)
            except (LookupError, TypeError, AttributeError):  # an odd program must not stop the reading of all others
                parsed = Parsed.plain(code, program.language, doc)
                counts["with a syntax that the parser stumbles over"] += 1
            counts["not parsed"] += not len(parsed.tree)
            yield parsed, program.label, program.target or ""
