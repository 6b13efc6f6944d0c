"""`lit-pretrain embed`: the vectors of all examples of a data set, in shards."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from rich.progress import Progress

from lit_pretrain.config.compose import compose
from lit_pretrain.config.mistake import Mistake, one_line
from lit_pretrain.config.schema import Argument, Schema
from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.datamodules.loader import ResumableLoader
from lit_pretrain.downstream import fingerprint, shards
from lit_pretrain.downstream.cell import Subject
from lit_pretrain.downstream.features import POOLED, in_eval_mode
from lit_pretrain.downstream.protocol import subject
from lit_pretrain.downstream.unit_maker import same, write_card
from lit_pretrain.part import spec
from lit_pretrain.types import Encoder

HELP = """usage: lit-pretrain embed --ckpt PATH --out FOLDER [options]

  --ckpt PATH       a checkpoint, a run folder, an exported folder or a name on the hub
  --data FILE       what is embedded; default: the data of the checkpoint. --data.KEY VALUE sets a key of them
  --split test      train, validation or test
  --layer pooled    the encoder's own vector, or the mean over an example's units of a named layer, such as block05
  --format parquet  or safetensors, npz; each has the columns id, vector and, where there are labels, label
  --batches 64      batches in a shard
  --out FOLDER      of the shards and of SPLIT.json, which says how they were made; the same command in the same folder goes
                    on: finished shards are not computed again

Under torchrun (RANK, WORLD_SIZE, LOCAL_RANK) each process writes its share of the shards on its own GPU:
  torchrun --nproc-per-node 8 -m lit_pretrain.cli embed --ckpt runs/a --out runs/a/vectors
"""


def main(words: Sequence[str]) -> int:
    """`lit-pretrain embed`: the exit code.

    Raises:
        Mistake: of the user's, in one line.
    """
    tree, asks = compose("embed", words, os.environ, Schema("lit-pretrain embed", {
        "ckpt": Argument(str),
        "data": Argument(DataModule | None, None),
        "split": Argument(Literal["train", "validation", "test"], "test"),
        "layer": Argument(str, POOLED),
        "format": Argument(Literal["parquet", "safetensors", "npz"], "parquet"),
        "batches": Argument(int, 64),
        "out": Argument(str),
    }))  # fmt: skip
    if asks:
        print(HELP, end="")
        return 0
    options = {name: tree[name] for name in ("split", "layer", "format", "batches") if name in tree}
    place = {name: int(os.environ.get(variable, default)) for name, variable, default in
             (("rank", "RANK", 0), ("world", "WORLD_SIZE", 1), ("device", "LOCAL_RANK", 0))}  # fmt: skip
    try:
        found = subject(tree["ckpt"], tree.get("data"), tree["ckpt"])
        paths = embed(found, Path(tree["out"]), **options, **place)
    except ValueError as error:
        raise Mistake(one_line(str(error))) from error
    print(f"{tree['out']}: {', '.join(path.name for path in paths[:3])}{', ...' if len(paths) > 3 else ''}")
    return 0


def embed(
    subject: Subject,
    out: Path,
    split: str = "test",
    layer: str = POOLED,
    format: str = "parquet",
    batches: int = 64,
    rank: int = 0,
    world: int = 1,
    device: int = 0,
) -> list[Path]:
    """Write those shards of this rank that are missing: numbers rank, rank + world, ...

    Returns:
        All shards of this rank: files with `id` (N,) int64, the numbers of the examples in their source, `vector` (N, D)
        float32 and, where the data are labelled, `label`.

    Raises:
        ValueError: the folder holds other vectors, the data have no such split or do not number their examples, or the
            encoder has no such layer.
    """
    if batches < 1 or not 0 <= rank < world:
        raise ValueError(f"batches={batches}, rank={rank} of {world}: give at least 1 batch, and a rank below their number")
    data, encoder = subject.data, subject.encoder.to(_device(device))
    labelled = bool(data.class_names or data.label_names)
    loader = data.loader(split, shuffle=False, labelled=labelled)
    if not len(loader):
        raise ValueError(f"the {split} split of these data is empty")
    count = -(-len(loader) // batches)
    made = {
        "weights": fingerprint.of_weights(encoder), "encoder": spec(encoder), "data": spec(data), "split": split,
        "artifacts": fingerprint.digest(data.artifacts()), "layer": layer, "format": format, "batches": batches,
        "shards": count,
    }  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    if (card := out / f"{split}.json").is_file():
        same(out, json.loads(card.read_bytes()), made, "vectors")
    write_card(card, made)
    own = range(rank, count, world)
    paths = {number: out / f"{split}-{number:05d}-of-{count:05d}.{format}" for number in own}
    with in_eval_mode(encoder), Progress(disable=rank > 0) as progress:
        bar = progress.add_task(f"{split}, shards", total=len(own), completed=sum(path.exists() for path in paths.values()))
        for number in (number for number, path in paths.items() if not path.exists()):
            shards.write(paths[number], _columns(encoder, loader.part(number * batches, (number + 1) * batches), layer))
            progress.advance(bar)
    return list(paths.values())


@torch.no_grad()
def _columns(encoder: Encoder, loader: ResumableLoader, layer: str) -> shards.Columns:
    device, rows = next(encoder.parameters()).device, []
    for batch in loader:
        if batch.index is None:
            raise ValueError("these data do not number their examples (`index`), so that no vector could be found again")
        encoded = encoder(batch.to(device), layers=layer != POOLED)
        row = {"id": batch.index, "vector": encoded.pool(None if layer == POOLED else layer)}
        rows.append(row if batch.labels is None else row | {"label": batch.labels})
    return {name: np.concatenate([row[name].cpu().numpy() for row in rows]) for name in rows[0]}


def _device(number: int) -> torch.device:
    found = torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
    return torch.device(found.type, number) if found.type == "cuda" else found
