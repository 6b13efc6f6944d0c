"""Do splits hold the same examples?"""

import json
import os
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.datamodules.split import SPLITS


def shared(data: DataModule) -> dict[str, dict[str, int]]:
    """For each two splits, how many examples of the later one (`of`) have the contents of an example of the earlier one
    (`same`), and the numbers, in source order, of the first such two (`first`, `again`).

    Args:
        data: set up. Its labels are not looked at.
    """
    found, hashes = {}, {split: list(contents(data, split)) for split in SPLITS}
    for earlier, later in combinations(SPLITS, 2):
        number = {content: i for i, content in enumerate(hashes[earlier])}
        same = [i for i, content in enumerate(hashes[later]) if content in number]
        first = {"first": number[hashes[later][same[0]]], "again": same[0]} if same else {}
        found[f"{earlier}, {later}"] = {"same": len(same), "of": len(hashes[later]), **first}
    return found


def contents(data: DataModule, split: str) -> Iterator[bytes]:
    """Of each labelled example, in source order."""
    for batch in data.loader(split, shuffle=False, labelled=True):
        yield from batch.contents()


def check_apart(name: str, data: DataModule, overlap: float, path: Path) -> None:
    """Refuse data whose test examples are those on which one fits or selects.

    Args:
        name: of the data, in messages.
        data: set up.
        overlap: the largest share of test examples that may stand in training or in validation too.
        path: where what was found is kept, so that it is found once.

    Raises:
        ValueError: more of them do; both splits are named.
    """
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}.partial")
        partial.write_bytes(json.dumps(shared(data), indent=2).encode())
        os.replace(partial, path)
    for pair, found in json.loads(path.read_bytes()).items():
        earlier, later = pair.split(", ")
        if later == "test" and found["same"] > overlap * found["of"]:
            raise ValueError(
                f"{name}: {found['same']} of {found['of']} examples of the test split stand in the {earlier} split too, such"
                f" as number {found['again']} of test and {found['first']} of {earlier}, so what is chosen or learned there"
                f" is chosen on test: give splits that are apart, or allow it with overlap (now {overlap:g})"
            )
