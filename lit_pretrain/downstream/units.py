"""`lit-pretrain units`: discrete units of a data set, by k-means over frames or over an encoder's units."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch

from lit_pretrain.config.compose import compose
from lit_pretrain.config.mistake import Mistake, one_line
from lit_pretrain.config.schema import Argument, Schema
from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.downstream.unit_features import CepstralFeatures, EncoderFeatures, UnitFeatures
from lit_pretrain.downstream.unit_maker import UnitMaker
from lit_pretrain.encoders.checkpoint import FromCheckpoint
from lit_pretrain.io.checkpoint import SUFFIX, checkpoints, load_data
from lit_pretrain.part import build

HELP = """usage: lit-pretrain units --data FILE (--features mfcc | --ckpt PATH --layer NAME) --out FOLDER [options]

  --data FILE        of recordings; default: those of the checkpoint. --data.KEY VALUE sets a key of them
  --features mfcc    cluster cepstral coefficients, as for the first training of HuBERT
  --ckpt PATH        cluster an encoder's units: a checkpoint, a run folder, an exported folder or a name on the hub
  --layer NAME       of the encoder, such as block05; default: the last units
  --clusters 100     their number
  --out FOLDER       where they are written; the same command in the same folder goes on. Give it as data.init_args.units
  --sample 500000    k-means sees so many units of the training split at most
  --seed 0           of their choice and of k-means
"""


def main(words: Sequence[str]) -> int:
    """`lit-pretrain units`: the exit code.

    Raises:
        Mistake: of the user's, in one line.
    """
    tree, asks = compose("units", words, os.environ, Schema("lit-pretrain units", {
        "data": Argument(DataModule | None, None),
        "features": Argument(Literal["mfcc"] | None, None),
        "ckpt": Argument(str | None, None),
        "layer": Argument(str | None, None),
        "clusters": Argument(int, 100),
        "sample": Argument(int, 500_000),
        "seed": Argument(int, 0),
        "out": Argument(str),
    }))  # fmt: skip
    if asks:
        print(HELP, end="")
        return 0
    out = Path(tree["out"])
    try:
        data, features = chosen(tree)
        options = {key: tree[key] for key in ("sample", "seed") if key in tree}
        finished = (out / "units.json").is_file()
        card = UnitMaker(data, features, tree.get("clusters", 100), **options).make(out)
    except ValueError as error:
        raise Mistake(one_line(str(error))) from error
    state = "is done already" if finished else "is done"
    total = sum(card["units"].values())
    print(f"{out} {state}: {total:,} units in {card['clusters']} clusters, mean squared distance {card['inertia']:.4g}")
    print(f"  train on them with --data.units {out}")
    return 0


def chosen(tree: dict[str, Any]) -> tuple[DataModule, UnitFeatures]:
    """Data, set up, and what is clustered of them."""
    path, layer = tree.get("ckpt"), tree.get("layer")
    if (path is None) == (tree.get("features") is None) or (layer is not None and path is None):
        raise ValueError("give either --features mfcc, or --ckpt PATH and --layer NAME")
    ours = path is not None and (Path(path).suffix == SUFFIX or bool(checkpoints(path)))
    pretraining = load_data(path) if ours else None
    data = pretraining if tree.get("data") is None else build(tree["data"])
    if data is None:
        raise ValueError("no data: give --data FILE.yaml")
    if pretraining is not None and data is not pretraining:
        data.adopt(pretraining)
    data.prepare_data()
    data.setup("fit")
    if path is None:
        return data, CepstralFeatures()
    device = torch.accelerator.current_accelerator(check_available=True) or "cpu"
    return data, EncoderFeatures(FromCheckpoint(path).to(device), layer)
