"""What was planted in the layers of a constructed model is found in their order, and the run is that of a run without it."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

from lit_pretrain.callbacks.analysis.edge_probing import EdgeProbing
from lit_pretrain.callbacks.analysis.spans import RELATIONS, UNITS, spans_of
from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.datamodules.loader import ResumableLoader
from lit_pretrain.probes.edges import EdgeProbe
from lit_pretrain.types import Encoded, Encoder, ImageBatch, Layout, Ragged, Relations

ROWS = 8
PROBE = EdgeProbe(hidden=32, steps=60, batch=64, lr=1e-2)


class Rows(DataModule):
    """Images of 8 rows. A row is of kind a or b, and in the relation `loose` or `tight` to the next one, whatever the kinds:
    its first two pixels say so, in very small numbers."""

    unit_names = ("a", "b")

    def loader(self, split, *, shuffle, labelled=False, limit=None, seed=0):
        def collate(numbers):
            draw = torch.Generator().manual_seed(sum(numbers) + len(split))
            images = torch.randn(len(numbers), 1, ROWS, 8, generator=draw)
            images[..., :2] = torch.randint(2, (len(numbers), 1, ROWS, 2), generator=draw) / 100
            kinds = said(images)[:, 0]
            return ImageBatch(images, unit_labels=Ragged(kinds, (ROWS,) * len(numbers)))

        return ResumableLoader(range(200), lambda _: torch.arange(200)[:limit].split(50), collate)

    def relations(self, batch):
        rows = torch.arange(batch.num_examples * ROWS).view(-1, ROWS)[:, :-1].flatten()
        pairs, tight = torch.stack([rows, rows + 1, rows + 1, rows + 2], 1), said(batch.images)[rows, 1] == 1
        among = torch.ones(batch.num_examples * ROWS, dtype=torch.bool)
        return Relations(among, {"loose": pairs[~tight], "tight": pairs[tight]})


def said(images: torch.Tensor) -> torch.Tensor:
    """(U, 2) int64: the kind of each row, and its relation to the next."""
    return (100 * images.reshape(-1, 8)[:, :2]).round().long()


class Planted(Encoder):
    """From layer 2 on each unit says of which kind it is, in layer 4 also in which relation it stands to the next."""

    dim, num_layers = 16, 4

    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([nn.Linear(8, 16)])

    def forward(self, inputs, *, keep=None, mask=None, layers=False):
        x = inputs.images.reshape(-1, 8)
        noise = torch.cat([x[:, 2:], x[:, 2:], x[:, 2:6]], 1)
        kind, tight = said(inputs.images).float().mul(8).T
        says = noise + F.pad(kind[:, None], (0, 15))
        named = {"embedding": noise, "block00": noise.flip(1), "block01": says, "block02": says,
                 "block03": says + F.pad(tight[:, None], (15, 0))}  # fmt: skip
        units = self.blocks[0](x)
        layout = Layout((ROWS,) * len(inputs.images), x.device)
        return Encoded(units.unflatten(0, (-1, ROWS)).mean(1), units, layout, named if layers else {})


def plant(module):
    module.encoder = Planted()


def test_planted_order_is_found(tmp_path, fit):
    analysis = EdgeProbing(Rows(), limit=200, probe=PROBE, on_error="raise")
    _, trainer, _ = fit(tmp_path, [analysis], prepare=plant, max_steps=1)
    units, relations = analysis.history[-1]["units"], analysis.history[-1]["relations"]
    assert units["accuracy"] > 0.95 and max(units["by_depth"][:2]) < 0.7 and units["by_depth"][2] > 0.95
    assert units["expected_layer"] == pytest.approx(2, abs=0.3)
    assert relations["accuracy"] > 0.9 and relations["expected_layer"] == pytest.approx(4, abs=0.3)
    assert relations["majority"] < 0.6 and units["centre_of_gravity"] < relations["centre_of_gravity"]
    metrics = trainer.callback_metrics
    assert float(metrics["edge_probing/units/expected_layer"]) == pytest.approx(units["expected_layer"])
    assert np.ptp(np.asarray(Image.open(tmp_path / "pictures/step-0000001/edge_probing.png"))[..., 3]) > 0
    protocol = analysis.protocol()
    assert protocol["labels"] == {"relations": ["loose", "tight"], "units": ["a", "b"]}
    assert protocol["layers"] == ["embedding", "block00", "block01", "block02", "block03"]


def test_runs_end_where_labels_or_examples_do():
    labels = torch.tensor([0, 0, 1, -1, 1, 1, 0, 0])
    batch = ImageBatch(torch.zeros(2, 1, 4, 4), unit_labels=Ragged(labels, (5, 3)))
    data = Rows()
    data.relations = lambda batch: None
    found = spans_of(batch, data, Layout((5, 3)))
    assert {key: spans[:, 0].tolist() for key, spans in found.items()} == {
        (UNITS, "a"): [[0, 2], [6, 8]],
        (UNITS, "b"): [[2, 3], [4, 5], [5, 6]],
    }
    data.relations = lambda batch: Relations(torch.ones(9, dtype=torch.bool), {})
    with pytest.raises(ValueError, match="not those whose relations are known"):
        spans_of(batch, data, Layout((5, 3)))
    data.relations = lambda batch: Relations(torch.ones(8, dtype=torch.bool), {"r": torch.tensor([[0, 1, 2, 4]])})
    assert spans_of(batch, data, Layout((5, 3)))[RELATIONS, "r"].tolist() == [[[0, 1], [2, 4]]]


def test_weights_are_those_of_a_run_without(tmp_path, fit):
    plain, _, _ = fit(tmp_path / "plain", [], prepare=plant, max_steps=4)
    after = torch.get_rng_state().tolist()
    analysis = EdgeProbing(Rows(), every_n_steps=2, limit=50, probe=EdgeProbe(8, 2), on_error="raise")
    watched, _, _ = fit(tmp_path / "watched", [analysis], prepare=plant, max_steps=4)
    for (name, a), b in zip(plain.state_dict().items(), watched.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    assert torch.get_rng_state().tolist() == after and [row["step"] for row in analysis.history] == [0, 2, 4]


def test_data_without_spans_are_named(tmp_path, fit):
    with pytest.raises(ValueError, match="tell apart no two kinds of spans"):
        fit(tmp_path, [EdgeProbing(on_error="raise")])
    with pytest.raises(ValueError, match="edges=0"):
        EdgeProbing(edges=0)
