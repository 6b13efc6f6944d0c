"""Four small programs with all that a parser says of them, written out by hand."""

from collections.abc import Callable

import pytest
import torch

from lit_pretrain.types import CodeBatch, Kind, Ragged, Vocabulary

V = 128  # ids 0..7 are special (pad, unk, cls, sep, mask, bos, eos, -), 112..127 are sentinels
KEYWORDS = {"def", "return"}
FUNCTIONS = {"add", "twice", "long_name"}

# A tree is its type and its children; a leaf is its text.
ADD = (0, (1, "def", "add", (2, "(", "a", ",", "b", ")"), ":", (3, (4, "c", "=", (5, "a", "+", "b")), (6, "return", "c"))))
CALL = (0, (4, "x", "=", (7, "long_name", "(", (8, "x"), ")")), (4, "y", "=", "x"))
TWICE = (0, (1, "def", "twice", (2, "(", "x", ")"), ":", (3, (6, "return", (5, "x", "+", "x")))))
PROGRAMS = [
    ("add two numbers", ADD, [(2, 3), (2, 4), (3, 0), (4, 1), (5, 2)]),
    ("", CALL, [(0, 1), (2, 3), (3, 0)]),
    ("broken", "?? ??!", []),  # could not be parsed
    ("twice", TWICE, [(1, 0), (2, 0)]),
]


@pytest.fixture
def vocab() -> Vocabulary:
    special = torch.zeros(V, dtype=torch.bool)
    special[:8], special[112:] = True, True
    return Vocabulary(V, special, torch.arange(V) % 3 != 0, pad=0, cls=2, sep=3, mask=4, bos=5, eos=6,
                      sentinels=tuple(range(112, 128)))  # fmt: skip


@pytest.fixture
def trees() -> list[tuple | str]:
    """The syntax tree of each program: its type and its children; a leaf's text; the text of what could not be parsed."""
    return [tree for _, tree, _ in PROGRAMS]


@pytest.fixture
def encode() -> Callable[[str], list[int]]:
    """Text to ids: three characters a token, the same text by the same ids."""
    table: dict[str, int] = {}
    return lambda text: [table.setdefault(text[i : i + 3], 8 + len(table)) for i in range(0, len(text), 3)]


@pytest.fixture
def batch(vocab: Vocabulary, encode: Callable[[str], list[int]]) -> CodeBatch:
    """[CLS] description [SEP] code [SEP] of each program, or [CLS] code [SEP]."""
    units, lengths, trees, variables, flow = [], [], [], [], []
    for doc, tree, edges in PROGRAMS:
        names: dict[str, int] = {}
        leaves, flat = ([], []) if isinstance(tree, str) else flatten(tree)
        own = [(vocab.cls, Kind.SPECIAL, -1, -1)]
        if doc:
            own += [(i, Kind.DOC, -1, -1) for i in encode(doc)] + [(vocab.sep, Kind.SPECIAL, -1, -1)]
        for number, leaf in enumerate(leaves):
            name = names.setdefault(leaf, len(names)) if kind_of(leaf) == Kind.IDENTIFIER else -1
            own += [(i, kind_of(leaf), number, name) for i in encode(leaf)]
        if isinstance(tree, str):
            own += [(i, Kind.OTHER, -1, -1) for i in encode(tree)]
        own.append((vocab.sep, Kind.SPECIAL, -1, -1))
        before = sum(len(v) for v in variables)
        flow += [(i + before, j + before) for i, j in edges]
        variables.append([n for n, leaf in enumerate(leaves) if kind_of(leaf) == Kind.IDENTIFIER and leaf not in FUNCTIONS])
        trees.append(flat)
        lengths.append(len(own))
        units += own
    tokens, kind, leaf, name = (torch.tensor(column) for column in zip(*units, strict=True))
    return CodeBatch(tokens, tuple(lengths), vocab, kind=kind.to(torch.uint8), leaf=leaf, name=name, tree=ragged(trees),
                     variables=ragged(variables), flow=torch.tensor(flow), node_types=9)  # fmt: skip


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def kind_of(leaf: str) -> Kind:
    if leaf in KEYWORDS:
        return Kind.KEYWORD
    return Kind.IDENTIFIER if leaf[0].isalpha() else Kind.OPERATOR


def flatten(tree: tuple) -> tuple[list[str], list[int]]:
    leaves: list[str] = []
    flat: list[int] = []

    def visit(node: tuple | str) -> None:
        if isinstance(node, str):
            flat.append(len(leaves))
            leaves.append(node)
            return
        flat.append(-1 - 2 * node[0])
        for child in node[1:]:
            visit(child)
        flat.append(-2 - 2 * node[0])

    visit(tree)
    return leaves, flat


def ragged(rows: list[list[int]]) -> Ragged:
    return Ragged(torch.tensor([x for row in rows for x in row]), tuple(len(row) for row in rows))
