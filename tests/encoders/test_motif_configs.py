"""The encoders of graphs under conf/encoder: built from their files, and run on what they were made for."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from lit_pretrain.datamodules.graph.source.motifs import Motifs
from lit_pretrain.part import build

CONF = Path(__file__).parents[2] / "conf/encoder"


@pytest.mark.parametrize("name", ["gps_motifs", "grit_motifs", "graph_sequence_motifs"])
def test_is_built_and_run(name):
    tree = yaml.safe_load((CONF / f"{name}.yaml").read_text())["model"]["init_args"]["encoder"]
    encoder, batch = build(tree), Motifs({"train": 6}).graphs("train").batch(np.arange(6))
    encoded = encoder(batch, layers=True)
    assert tree["init_args"]["dim"] == encoder.dim == encoded.pooled.shape[1], "objectives refer to it"
    assert f"block{encoder.num_layers - 1:02d}" in encoded.layers
    encoded.pooled.square().sum().backward()
