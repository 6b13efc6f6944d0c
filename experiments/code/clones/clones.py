"""MAP@R of clones among the test programs of POJ-20: as they are, and when all variables of all programs have other names.

LIT_PRETRAIN_DATA=... python experiments/code/clones/clones.py RUN ...

For each run, the random encoder that it began with and the pretrained one. New names come from other programs of a batch
of all programs; the same three draws serve every encoder.
"""

import csv
import os
import sys
from pathlib import Path

import torch
from torch import Tensor

from lit_pretrain.corruptions.code.renaming import RenameVariables
from lit_pretrain.datamodules.code.datamodule import CodeDataModule
from lit_pretrain.datamodules.code.source.json_lines import JSONLines
from lit_pretrain.io.checkpoint import load_data, load_encoder
from lit_pretrain.part import build, spec
from lit_pretrain.probes.retrieval import RetrievalProbe
from lit_pretrain.types import Encoder

FOLDER = f"{os.environ['LIT_PRETRAIN_DATA']}/code/poj20"


@torch.inference_mode()
def features(encoder: Encoder, data: CodeDataModule, split: str, seed: int | None = None) -> tuple[Tensor, Tensor]:
    """Pooled vectors (N, D) and labels (N,); of renamed programs, if a seed is given."""
    vectors, labels = [], []
    generator = torch.Generator().manual_seed(seed or 0)
    for batch in data.loader(split, shuffle=False, labelled=True):
        if seed is not None:
            batch = RenameVariables()(batch, torch.ones(batch.num_examples, dtype=torch.bool), generator)
        vectors.append(encoder(batch).pooled)
        labels.append(batch.labels)
    return torch.cat(vectors), torch.cat(labels)


def row(encoder: Encoder, data: CodeDataModule) -> list[float]:
    """MAP@R in percent: as they are, renamed (mean of three draws)."""
    probe = RetrievalProbe(centre=True).fit(*features(encoder.eval(), data, "train"))
    scores = [dict(probe.score(*features(encoder, data, "test", seed)))["map_at_r"] for seed in (None, 0, 1, 2)]
    return [100 * scores[0], 100 * sum(scores[1:]) / 3]


def main(runs: list[str]) -> None:
    table = csv.writer(sys.stdout)
    table.writerow(["run", "encoder", "map_at_r", "map_at_r_renamed"])
    source = JSONLines("train.jsonl", "valid.jsonl", "test.jsonl", folder=FOLDER, language="cpp", label="label")
    for run in runs:
        data = CodeDataModule(source, languages=("cpp",), max_length=128, tokens_per_batch=16384)
        data.adopt(load_data(run))
        data.prepare_data()
        data.setup("test")
        pretrained = load_encoder(run)
        torch.manual_seed(1)
        for name, encoder in (("random init", build(spec(pretrained))), ("pretrained", pretrained)):
            table.writerow([Path(run).name, name, *(f"{x:.2f}" for x in row(encoder, data))])
            sys.stdout.flush()


main(sys.argv[1:])
