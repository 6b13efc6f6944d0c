"""Programs of a source to parsed examples."""

from collections import Counter
from collections.abc import Iterable, Iterator

from lit_pretrain.datamodules.code.parse.functions import functions
from lit_pretrain.datamodules.code.parse.grammar import node_types
from lit_pretrain.datamodules.code.parse.parsed import Parsed
from lit_pretrain.datamodules.code.parse.parser import parse
from lit_pretrain.datamodules.code.source.base import Program


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
        found = [(program.text, program.doc or "")]
        if program.is_file:
            of_file = functions(program.text, program.language)
            found = [(function.code, function.doc) for function in of_file] or found
            if of_file and program.doc is not None:
                found[0] = (found[0][0], program.doc)
        for code, doc in found:
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
