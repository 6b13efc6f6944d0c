"""Relations of programs are those that stand in a table made by hand."""

from itertools import chain

import pytest
import torch

from lit_pretrain.datamodules.code.cut import cut
from lit_pretrain.datamodules.code.parse.grammar import node_types
from lit_pretrain.datamodules.code.parse.parser import parse
from lit_pretrain.datamodules.code.relations import relations
from lit_pretrain.types import CodeBatch, Kind, Ragged

ALL = ("c", "go", "java", "javascript", "python")

PYTHON = """
def f(a, b=2):
    x = g(a.b, key=3)
    for i, j in h(x):
        if i > 3 and not j:
            x += a[i]
        elif i:
            pass
        else:
            while x: x = -1
    else:
        async_()
    with open(x) as f:
        return f(*a) + 1
"""
OF_PYTHON = {
    "assignment_target_to_value": [("x", "g(a.b, key=3)"), ("x", "a[i]"), ("x", "-1")],
    "call_function_to_argument": [("g", "a.b"), ("g", "key=3"), ("h", "x"), ("open", "x"), ("f", "*a")],
    "for_target_to_iterable": [("i, j", "h(x)")],
    "for_iterable_to_body": [("h(x)", "if i > 3 and not j: x += a[i] elif i: pass else: while x: x = -1")],
    "if_condition_to_body": [("i > 3 and not j", "x += a[i]"), ("i", "pass")],
    "if_body_to_else": [("x += a[i]", "elif i: pass")],
    "while_condition_to_body": [("x", "x = -1")],
    "with_item_to_body": [("open(x) as f", "return f(*a) + 1")],
    "operands_left_to_right": [("i > 3", "not j"), ("i", "3"), ("f(*a)", "1")],
    "subscript_value_to_index": [("a", "i")],
}
OTHERS = {
    "java": (
        "int f(int a) { for (String s : list) { x = g(a, 3); } if (a > 3) { return 1; } else { y[2] = 3; } int z = 3; }",
        {
            "for_target_to_iterable": [("s", "list")],
            "for_iterable_to_body": [("list", "{ x = g(a, 3); }")],
            "call_function_to_argument": [("g", "a"), ("g", "3")],
            "if_body_to_else": [("{ return 1; }", "{ y[2] = 3; }")],
            "assignment_target_to_value": [("x", "g(a, 3)"), ("y[2]", "3"), ("z", "3")],
        },
    ),
    "c": (
        "int f(int a) { for (int i = 0; i < 3; i++) { x = g(a); } while (a < 3) a++; }",
        {
            "for_target_to_iterable": [],
            "while_condition_to_body": [("(a < 3)", "a++;")],
            "operands_left_to_right": [("i", "3"), ("a", "3")],
            "assignment_target_to_value": [("i", "0"), ("x", "g(a)")],
        },
    ),
    "javascript": (
        "function f(a) { for (const s of list) { a(); } for (let i = 0; i < 3; i++) a(i); try { a() } catch (e) { b() } }",
        {
            "for_target_to_iterable": [("s", "list")],
            "call_function_to_argument": [("a", "i")],
            "try_body_to_handler": [("{ a() }", "catch (e) { b() }")],
        },
    ),
    "go": (
        "func f(a int) { if a > 3 { return 1 } else { y[2] = 3 }; z := g(4) }",
        {
            "if_condition_to_body": [("a > 3", "{ return 1 }")],
            "assignment_target_to_value": [("y[2]", "3"), ("z", "g(4)")],
            "subscript_value_to_index": [("y", "2")],
        },
    ),
}


def batch_of(*programs: tuple[str, str]) -> tuple[CodeBatch, list[str]]:
    """A token a leaf, and a special one before and after each program."""
    types, tokens, kinds, leaves, trees = node_types(ALL), [], [], [], []
    for code, language in programs:
        parsed, raw = parse(code, language, types=types), code.encode()
        tokens += ["[CLS]", *(raw[a:b].decode() for a, b in parsed.spans), "[SEP]"]
        kinds += [Kind.SPECIAL, *parsed.kinds.tolist(), Kind.SPECIAL]
        leaves.append([-1, *range(len(parsed.spans)), -1])
        trees.append(torch.from_numpy(parsed.tree).long())
    batch = CodeBatch(torch.arange(len(tokens)), tuple(map(len, leaves)), kind=torch.tensor(kinds, dtype=torch.uint8),
                      leaf=torch.tensor([*chain(*leaves)]),
                      tree=Ragged(torch.cat(trees), tuple(map(len, trees))))  # fmt: skip
    return batch, tokens


def spelled(batch: CodeBatch, tokens: list[str]) -> dict[str, list[tuple[str, str]]]:
    found = relations(batch, node_types(ALL))
    assert found.among.tolist() == [token not in ("[CLS]", "[SEP]") for token in tokens]
    return {name: [("".join(tokens[a:b]), "".join(tokens[c:d])) for a, b, c, d in pairs.tolist()]
            for name, pairs in found.pairs.items()}  # fmt: skip


def squeezed(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return sorted((a.replace(" ", ""), b.replace(" ", "")) for a, b in pairs)


def test_those_of_python():
    found = spelled(*batch_of((PYTHON, "python")))
    assert found.keys() == OF_PYTHON.keys() | {"call_function_to_argument"}
    for name, pairs in OF_PYTHON.items():
        assert sorted(found[name]) == squeezed(pairs), name


@pytest.mark.parametrize("language", OTHERS)
def test_those_of_other_languages_with_all_types_known(language):
    code, expected = OTHERS[language]
    found = spelled(*batch_of((code, language)))
    for name, pairs in expected.items():
        assert sorted(found.get(name, [])) == squeezed(pairs), name


def test_programs_of_a_batch_are_apart_and_plain_ones_have_none():
    alone = spelled(*batch_of((PYTHON, "python")))
    batch, tokens = batch_of(("x = = 1", "python"), (PYTHON, "python"), ("y = 2\n", "python"))
    found = spelled(batch, tokens)
    assert batch.tree.lengths[0] == 0 and found.pop("assignment_target_to_value") == [
        *alone.pop("assignment_target_to_value"), ("y", "2")
    ]  # fmt: skip
    assert found == alone
    every = relations(batch, node_types(ALL)).pairs
    assert all(torch.equal(batch.layout.example[p[:, 0]], batch.layout.example[p[:, 3] - 1]) for p in every.values())


def test_what_was_cut_off_stands_in_no_relation():
    batch, tokens = batch_of((PYTHON, "python"))
    some = 30
    tree, _, _ = cut(batch.tree.values.numpy(), torch.zeros(0).numpy(), torch.zeros(0, 2).numpy(), some)
    shorter = CodeBatch(batch.tokens[: some + 1], (some + 1,), kind=batch.kind[: some + 1], leaf=batch.leaf[: some + 1],
                        tree=Ragged(torch.from_numpy(tree), (len(tree),)))  # fmt: skip
    found, whole = spelled(shorter, tokens[: some + 1]), spelled(batch, tokens)
    calls = "call_function_to_argument"
    assert found[calls] and found[calls] == whole[calls][-len(found[calls]) :]
    assert found["assignment_target_to_value"] == [("x", "g(a.b,key=3)")]
    assert "with_item_to_body" in whole.keys() - found.keys()
