import ast
import io
import keyword
import sysconfig
import tokenize
from pathlib import Path

import numpy as np
import pytest

from lit_pretrain.datamodules.code.parse.flattening import flatten, unflatten
from lit_pretrain.datamodules.code.parse.functions import functions
from lit_pretrain.datamodules.code.parse.grammar import node_types, parser
from lit_pretrain.datamodules.code.parse.parsed import Parsed
from lit_pretrain.datamodules.code.parse.parser import parse
from lit_pretrain.types.code import Kind

LIBRARY = Path(sysconfig.get_paths()["stdlib"])
LETTER = {"I": Kind.IDENTIFIER, "K": Kind.KEYWORD, "O": Kind.OPERATOR, "L": Kind.LITERAL, "C": Kind.COMMENT, "X": Kind.OTHER}


@pytest.fixture(scope="module")
def sample() -> list[str]:
    files = ("argparse.py", "asyncio/base_events.py", "typing.py", "inspect.py")
    found = [f.code for name in files for f in functions((LIBRARY / name).read_text(), "python")]
    assert len(found) > 400
    return found[::3]


def leaves(code: str, parsed: Parsed) -> list[str]:
    return [code.encode()[start:stop].decode() for start, stop in parsed.spans.tolist()]


def test_tree_inverts_and_is_the_grammars(sample):
    types = node_types(("java", "python"))
    for code in sample:
        parsed = parse(code, "python", types=types)
        assert len(parsed.tree)
        tree = unflatten(parsed.tree)
        assert flatten(tree) == parsed.tree.tolist()
        stack = [(tree, parser("python").parse(code.encode()).root_node)]
        while stack:
            ours, theirs = stack.pop()
            if ours.type < 0:
                assert parsed.spans[ours.leaf].tolist() == [theirs.start_byte, theirs.end_byte]
                continue
            assert types[ours.type] == theirs.type
            # The grammar leaves out a backslash at the end of a line, and how an f-string formats.
            known = [child for child in ours.children if child.type >= 0 or parsed.kinds[child.leaf] != Kind.OTHER]
            other = ("type_conversion", "line_continuation")
            stack += zip(known, [child for child in theirs.children if child.type not in other], strict=True)


def test_leaves_and_white_space_are_the_code(sample):
    for code in sample:
        parsed, source = parse(code, "python"), code.encode()
        borders = np.concatenate([[0], parsed.spans.reshape(-1), [len(source)]]).reshape(-1, 2)
        assert all(not source[start:stop].strip() for start, stop in borders.tolist())
        assert (np.diff(parsed.spans.reshape(-1)) >= 0).all() and len(parsed.kinds) == len(parsed.spans)


def test_kinds_are_those_of_pythons_tokenizer(sample):
    plain = {tokenize.NUMBER: Kind.LITERAL, tokenize.STRING: Kind.LITERAL, tokenize.COMMENT: Kind.COMMENT}
    seen = set()
    for code in sample:
        parsed = parse(code, "python")
        ours = {span[0]: Kind(kind) for span, kind in zip(parsed.spans.tolist(), parsed.kinds, strict=True)}
        lines = np.cumsum([0] + [len(line.encode()) for line in code.splitlines(keepends=True)])
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            start = int(lines[token.start[0] - 1]) + len(token.line[: token.start[1]].encode())
            if start not in ours or (token.type not in plain and token.type != tokenize.NAME):
                continue
            kind = plain.get(token.type, Kind.KEYWORD if keyword.iskeyword(token.string) else Kind.IDENTIFIER)
            if token.string in ("None", "True", "False"):
                kind = Kind.LITERAL
            soft = token.type == tokenize.NAME and keyword.issoftkeyword(token.string)
            assert ours[start] == kind or (soft and ours[start] == Kind.KEYWORD), token
            seen.add(kind)
    assert seen == {Kind.IDENTIFIER, Kind.KEYWORD, Kind.LITERAL, Kind.COMMENT}


@pytest.mark.parametrize(
    ("language", "code", "expected"),
    [
        ("python", "if not x in y: z = f'a {b} c' + 'd\\n' # e", "K K I K I O I O L L O I O L L O L C"),
        ("java", "final int[] x = new A('c', \"s\\n\", 1.0f, null); /* c */", "K K O O I O K I O L O L O L O L O O C"),
        ("javascript", "const x = (y) => this.z ?? /a+/g + `b${c}`; // d", "K I O O I O O K O I O L O L L O I O L O C"),
        ("go", "func f(x *int) { return nil, 'c', `s`, \"t\\n\" } // c", "K I O I O I O O K L O L O L O L O C"),
        ("c", "#define A 1 + \\\n 2\nunsigned int x = -1L, *y = NULL;", "K I X K K I O L O O I O L O"),
        (
            "cpp",
            "void f() { auto x = nullptr; std::cout << this->y << \"s\" << 'c'; }",
            "K I O O O K I O L O I O I O K O I O L O L O O",
        ),
    ],
)
def test_kinds(language, code, expected):
    parsed = parse(code, language)
    words = zip(leaves(code, parsed), (Kind(k).name for k in parsed.kinds), strict=True)
    assert [Kind(k) for k in parsed.kinds] == [LETTER[letter] for letter in expected.split()], list(words)


def test_literals_are_one_leaf_unless_expressions_stand_in_them():
    code = "f('a\\n' 'b', rb'''c\nd''', f'e {x:>{w}} \\n f', '')"
    assert leaves(code, parse(code, "python")) == [
        "f", "(", "'a\\n'", "'b'", ",", "rb'''c\nd'''", ",", "f'", "e ", "{", "x", ":", ">", "{", "w", "}", "}", " \\n f",
        "'", ",", "''", ")"]  # fmt: skip


@pytest.mark.parametrize(
    ("language", "code"),
    [("java", "A(int x) { this.x = x; }"), ("javascript", "get x() { return 1; } // c"), ("cpp", "\n~A() { } // c\n"),
     ("javascript", "/* a */ m(x) { return x; }\nstatic n() { }")],
)  # fmt: skip
def test_methods_need_no_class(language, code):
    parsed = parse(code, language)
    assert len(parsed.tree) and "".join("".join(leaves(code, parsed)).split()) == "".join(code.split())


@pytest.mark.parametrize("code", ["def f(:", "x = (", "\ufffd = 1", "int f() { return 1; }"])
def test_syntax_error_stays_plain(code):
    parsed = parse(code, "python", "doc")
    assert (
        parsed.code == code
        and parsed.doc == "doc"
        and not len(parsed.tree)
        and not len(parsed.spans)
        and not len(parsed.flow)
    )


STRANGE = ["", "\n", "# only", "\\\n", "x = 'a\x00b'", "x = 1\x00\ny = 2", "\ufeffx = 1", "é = 'ü' + \"\U0001d6fc\"",
           "x = 1\r\ny = x\r\n"]  # fmt: skip


@pytest.mark.parametrize("code", STRANGE)
def test_strange_text(code):
    parsed, source = parse(code, "python"), code.encode()
    covered = b"".join(source[start:stop] for start, stop in parsed.spans.tolist())
    assert not len(parsed.tree) or b"".join(covered.split()) == b"".join(source.split())
    assert len(parsed.tree) or "\x00" in code  # NUL is a syntax error
    assert all(source[start:stop].decode().strip() for start, stop in parsed.spans.tolist())


def test_spans_count_bytes():
    parsed = parse("é = 'ü'\nprint(é)", "python")
    assert parsed.spans.tolist() == [[0, 2], [3, 4], [5, 9], [10, 15], [15, 16], [16, 18], [18, 19]]
    assert parsed.flow.tolist() == [[1, 0]]


def test_half_a_character_has_no_bytes():
    with pytest.raises(ValueError, match=r"character 5 of the code, '\\udc80'.*errors='replace'"):
        parse("x = '\udc80'", "python")


def test_types_must_cover_the_language():
    with pytest.raises(ValueError, match="'module'"):
        parse("x", "python", types=node_types(("java",)))


@pytest.mark.parametrize("code", ["(" * 10_000 + "x" + ")" * 10_000, "x" + " + x" * 10_000, "[" * 10_000 + "]" * 10_000,
                                  "".join(f"{' ' * i}if x:\n" for i in range(400)) + " " * 400 + "x = x"])  # fmt: skip
def test_depth_is_bounded_by_memory_alone(code):
    parsed = parse(code, "python")
    assert len(parsed.tree) > 800 and flatten(unflatten(parsed.tree)) == parsed.tree.tolist()
    assert len(parsed.variables) == code.count("x")


def test_other_languages_have_no_variables(monkeypatch):
    monkeypatch.setattr("lit_pretrain.datamodules.code.parse.parser.WALKERS", {})
    parsed = parse("x = 1\nx", "python")
    assert len(parsed.tree) and not len(parsed.variables) and parsed.flow.shape == (0, 2)


def test_parsed_code_is_still_python(sample):
    for code in sample:
        ast.parse(code)
