"""Examples of a length that fits: what is cut off at the end is gone from all annotations. Legend: K tokens, T leaves."""

from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import Dataset

from lit_pretrain.datamodules.code.programs import Programs
from lit_pretrain.datamodules.text.tokenized import label_numbers
from lit_pretrain.types import CodeBatch, Kind, Ragged


class Example(NamedTuple):
    """A program as numbers; see `CodeBatch`, here of one."""

    index: int
    label: int
    num_bytes: int
    tokens: np.ndarray
    kind: np.ndarray
    leaf: np.ndarray
    name: np.ndarray
    tree: np.ndarray
    variables: np.ndarray
    flow: np.ndarray
    target: np.ndarray


class Functions(Dataset):
    """The beginning of each program, as an `Example`: `before` description `between` code `after`.

    Args:
        programs: all of a split.
        class_names: in the order of the labels' numbers; a split may lack some of them.
        before, between, after: special ids.
        max_length: the most tokens, special ones included.
        max_doc: the most tokens of a description; 0: none is taken.
        labelled: only programs with a label.
    """

    def __init__(self, programs: Programs, class_names: tuple[str, ...], before: list[int], between: list[int],
                 after: list[int], *, max_length: int, max_doc: int, labelled: bool):  # fmt: skip
        self.programs, self.before, self.between, self.after = programs, before, between, after
        labels = label_numbers(programs.label_names, programs.labels, class_names, check=labelled)
        self.docs = np.minimum(programs.docs, max_doc)  # tokens that are taken of each description
        room = max_length - len(before) - len(after) - self.docs - np.where(self.docs > 0, len(between), 0)
        if max_length - len(before) - len(after) - max_doc - len(between) * (max_doc > 0) < 1:
            raise ValueError(f"max_length={max_length} leaves no room for code beside a description of {max_doc} tokens")
        self.codes = np.minimum(np.diff(programs.offsets["ids"]) - programs.docs, room)  # tokens that are taken of its code
        self.which = np.flatnonzero((self.codes > 0) & ((labels >= 0) | (not labelled)))
        self.all_labels = labels

    @property
    def labels(self) -> np.ndarray:
        return self.all_labels[self.which]

    @property
    def lengths(self) -> np.ndarray:
        docs, around = self.docs[self.which], len(self.before) + len(self.after)
        return self.codes[self.which] + docs + np.where(docs > 0, len(self.between), 0) + around

    def __len__(self) -> int:
        return len(self.which)

    def choose(self, which: np.ndarray) -> None:
        """Keep only these examples."""
        self.which = self.which[which]

    def __getitem__(self, i: int) -> Example:
        number = int(self.which[i])
        start, docs = int(self.programs.offsets["ids"][number]), int(self.docs[number])
        first = start + int(self.programs.docs[number])
        last = first + int(self.codes[number])
        between = self.between if docs else []

        def laid(name: str, special: list[list[int]]) -> np.ndarray:
            column = self.programs.columns[name]
            parts = (special[0], column[start : start + docs], special[1], column[first:last], special[2])
            return np.concatenate([np.asarray(part, np.int64) for part in parts])

        specials = [self.before, between, self.after]
        nothing = [[-1] * len(ids) for ids in specials]
        leaf = laid("leaf", nothing)
        tree, variables, flow = (self._of(number, name) for name in ("tree", "variables", "flow"))
        flow = flow.reshape(-1, 2)
        if last < self.programs.offsets["ids"][number + 1]:
            tree, variables, flow = cut(tree, variables, flow, int(leaf.max()) + 1)
        widths = self.programs.columns["widths"]
        num_bytes = sum(int(widths[a:b].sum(dtype=np.int64)) for a, b in ((start, start + docs), (first, last)))
        return Example(number, int(self.all_labels[number]), num_bytes, laid("ids", specials),
                       laid("kind", [[Kind.SPECIAL] * len(ids) for ids in specials]), leaf, laid("name", nothing), tree,
                       variables, flow, self._of(number, "target"))  # fmt: skip

    def _of(self, number: int, name: str) -> np.ndarray:
        offsets = self.programs.offsets[name]
        return np.asarray(self.programs.columns[name][offsets[number] : offsets[number + 1]], np.int64)


def cut(tree: np.ndarray, variables: np.ndarray, flow: np.ndarray, leaves: int) -> tuple[np.ndarray, ...]:
    """A program's tree, variables and flow (E, 2) with the first so many of its leaves alone.

    Inner nodes of which no leaf is left are gone. Variables lie in the order of the text, so those left keep their numbers.
    """
    left = int(np.searchsorted(variables, leaves))
    flow = flow[(flow < left).all(1)]
    last = np.flatnonzero(tree == leaves - 1)
    if not len(last):  # no leaf is left, or none was known
        return tree[:0], variables[:left], flow
    tree = tree[: last[0] + 1]
    opens = (tree < 0) & (tree % 2 == 1)  # -1 - 2t is odd
    depth = np.cumsum(np.where(tree >= 0, 0, np.where(opens, 1, -1)))
    lowest = np.minimum.accumulate(depth[::-1])[::-1]  # from here on
    still_open = tree[opens & (lowest >= depth)]
    return np.concatenate([tree, still_open[::-1] - 1]), variables[:left], flow


def collate(samples: list[Example], node_types: int) -> CodeBatch:
    """A batch; where no program has a `target`, or one has no label, there are none."""
    index, labels, num_bytes, tokens, kinds, leaves, names, trees, variables, flows, targets = zip(*samples, strict=True)
    first = np.cumsum([0, *map(len, variables)])  # of each program's variables in the batch
    return CodeBatch(
        torch.from_numpy(np.concatenate(tokens)),
        tuple(map(len, tokens)),
        num_bytes=torch.tensor(num_bytes),
        kind=torch.from_numpy(np.concatenate(kinds)).to(torch.uint8),
        leaf=torch.from_numpy(np.concatenate(leaves)),
        name=torch.from_numpy(np.concatenate(names)),
        tree=_ragged(trees),
        variables=_ragged(variables),
        flow=torch.from_numpy(np.concatenate([flow + shift for flow, shift in zip(flows, first[:-1], strict=True)])),
        node_types=node_types,
        labels=torch.tensor(labels) if min(labels) >= 0 else None,
        index=torch.tensor(index),
        target=_ragged(targets) if any(map(len, targets)) else None,
    )


def _ragged(parts: tuple[np.ndarray, ...]) -> Ragged:
    return Ragged(torch.from_numpy(np.concatenate(parts)), tuple(map(len, parts)))
