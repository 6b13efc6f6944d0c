"""The parts of a preparation: examples of some programs of a source each, made in workers, written at once and whole."""

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from uuid import uuid4

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from lit_pretrain.datamodules.code.encode import COLUMNS, Encoder
from lit_pretrain.datamodules.code.examples import examples
from lit_pretrain.datamodules.code.source.base import Program, Source
from lit_pretrain.datamodules.progress import told
from lit_pretrain.datamodules.split import Numbering
from lit_pretrain.datamodules.text.tokenizer.base import Tokenizer

AT_ONCE = 256  # programs of a part
OF_TOKENS = ("ids", "widths", "kind", "leaf", "name")  # columns with a number for each token
RAGGED = ("ids", "tree", "variables", "flow", "target")  # columns of different lengths


class Part(Dataset):
    """Writes parts, in workers: (number, programs) -> how many programs."""

    def __init__(self, folder: Path, tokenizer: Tokenizer, languages: tuple[str, ...]):
        self.folder, self.languages = folder, languages
        self.encoder = Encoder(tokenizer)
        ids = "uint16" if tokenizer.vocabulary.size <= 2**16 else "uint32"
        self.dtypes = {"ids": ids, "target": ids, "widths": "uint16", "kind": "uint8"}  # others: int32

    def path(self, number: int) -> Path:
        return self.folder / f"{number:08d}.npz"

    def __getitem__(self, item: tuple[int, list[Program]]) -> int:
        number, programs = item
        counts: Counter[str] = Counter()
        found = list(examples(programs, self.languages, counts))
        encoded = self.encoder.encode([(parsed, target) for parsed, _, target in found])
        digests = [blake2b(repr((p.code, p.doc, p.language, target)).encode(), digest_size=16).digest()
                   for p, _, target in found]  # fmt: skip
        arrays = {name: np.concatenate([np.empty(0, np.int64), *(getattr(e, name) for e in encoded)]) for name in COLUMNS}
        arrays["widths"] = np.minimum(arrays["widths"], 2**16 - 1)  # a longer token counts as so many bytes
        arrays = {name: column.astype(self.dtypes.get(name, np.int32)) for name, column in arrays.items()}
        lengths = {f"{name}_lengths": np.array([len(getattr(e, name)) for e in encoded], np.int64) for name in RAGGED}
        rest = {"counts": counts, "labels": [label for _, label, _ in found]}
        partial = self.path(number).with_suffix(f".{uuid4().hex[:8]}.partial")
        with open(partial, "wb") as file:
            np.savez(file, **arrays, **lengths, docs=np.array([e.doc for e in encoded], np.int64),
                     digests=np.frombuffer(b"".join(digests), np.uint8).reshape(-1, 16),
                     rest=np.frombuffer(json.dumps(rest).encode(), np.uint8))  # fmt: skip
        os.replace(partial, self.path(number))
        return len(programs)


def write_parts(source: Source, split: str, part: Part, num_workers: int) -> None:
    """Write the parts of a split that are not there yet, one at least. Programs are read here and sent to the workers."""

    def missing() -> Iterator[tuple[int, list[Program]]]:
        programs, number = source.programs(split), 0
        while (held := list(islice(programs, AT_ONCE))) or not number:
            if not part.path(number).exists():
                yield number, held
            number += 1

    loader = DataLoader(part, None, sampler=missing(), num_workers=num_workers, worker_init_fn=_one_thread,
                        generator=torch.Generator())  # fmt: skip
    done = 0
    with told(f"parsing {split}", "programs", "programs") as tell:
        for count in loader:
            done += count
            tell(count, done)


def _one_thread(worker: int) -> None:
    """Each worker is one process among several, and a fork must not use the threads of the parent."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"


def join(parts: Path, folder: Path, counts: Counter[str], others: set[bytes]) -> None:
    """Write one folder of all parts, without examples that are exactly the same as an earlier one or one of `others`."""
    partial = folder.with_name(f".{folder.name}.{uuid4().hex[:8]}")
    partial.mkdir()
    total = Counter(counts)
    met: set[bytes] = set()
    labels = Numbering()
    dtypes: dict[str, str] = {}
    lengths = {name: [np.zeros(1, np.int64)] for name in RAGGED}
    docs, digests = [np.empty(0, np.int64)], [np.empty((0, 16), np.uint8)]
    try:
        with ExitStack() as stack:
            files = {name: stack.enter_context(open(partial / f"{name}.bin", "wb")) for name in COLUMNS}
            for path in sorted(parts.glob("*.npz")):
                part = np.load(path)
                rest = json.loads(part["rest"].tobytes())
                total.update(rest["counts"])
                keys = [row.tobytes() for row in part["digests"]]
                total["duplicates of validation or test"] += sum(key in others for key in keys)
                new = np.array([key not in others and not (key in met or met.add(key)) for key in keys], bool)
                total["duplicates"] += int((~new).sum()) - sum(key in others for key in keys)
                for name, file in files.items():
                    own = np.repeat(new, part[f"{'ids' if name in OF_TOKENS else name}_lengths"])
                    part[name][own].tofile(file)
                    dtypes[name] = str(part[name].dtype)
                for name in RAGGED:
                    lengths[name].append(part[f"{name}_lengths"][new])
                docs.append(part["docs"][new])
                digests.append(part["digests"][new])
                for label, is_new in zip(rest["labels"], new, strict=True):
                    if is_new:
                        labels.add(label)
        numbers, names = labels.by_name()
        offsets = {name: np.concatenate(found).cumsum() for name, found in lengths.items()}
        np.savez(partial / "index.npz", **offsets, docs=np.concatenate(docs), labels=numbers,
                 digests=np.concatenate(digests))  # fmt: skip
        found = {"examples": len(numbers), "tokens": int(offsets["ids"][-1]), **{k: v for k, v in total.items() if v}}
        (partial / "meta.json").write_text(json.dumps({"dtypes": dtypes, "labels": names, "counts": found}))
        os.replace(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
