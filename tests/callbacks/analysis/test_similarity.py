"""Layers that are copies in other axes are alike, and so is a checkpoint with itself."""

import numpy as np
import pytest
import torch
from PIL import Image

from lit_pretrain.callbacks.analysis.similarity import Similarity
from lit_pretrain.io.checkpoint import checkpoints, latest
from lit_pretrain.part import trust
from lit_pretrain.probes.cca import pwcca
from lit_pretrain.probes.cka import cka


def layers_of(module, data) -> dict[str, torch.Tensor]:
    (batch,) = (b for b in data.loader("validation", shuffle=False, labelled=True, limit=40))
    with torch.no_grad():
        return module.eval().encoder(batch, layers=True).layers


@pytest.mark.parametrize(("index", "function"), [("cka", cka), ("pwcca", pwcca)])
def test_grids_are_those_of_the_layers(tmp_path, fit, index, function):
    watch = Similarity(index=index, limit=40, units=8, on_error="raise")
    module, trainer, data = fit(tmp_path, [watch])
    layers = layers_of(module, data)
    grid = watch.history[-1]["itself"]
    assert [*grid] == [*layers]
    for a, x in layers.items():
        assert grid[a] == pytest.approx({b: function(x, y) for b, y in layers.items()}, rel=1e-4)
    assert float(trainer.callback_metrics["similarity/step/block01"]) == pytest.approx(grid["block00"]["block01"])
    assert np.ptp(np.asarray(Image.open(tmp_path / "pictures/step-0000008/similarity.png"))[..., 3]) > 0


def test_two_checkpoints(tmp_path, fit):
    module, _, data = fit(tmp_path / "one", [])
    trust([type(module).__module__.split(".")[0]])
    first = Similarity(str(checkpoints(tmp_path / "one")[0]), limit=40, units=8, on_error="raise")
    last = Similarity(str(latest(tmp_path / "one")), limit=40, units=8, on_error="raise", name="last")
    again, _, _ = fit(tmp_path / "two", [first, last])
    found = last.history[-1]["other"]
    assert all(found[layer][layer] == pytest.approx(1, abs=1e-6) for layer in found), "the same run, at its end"
    moved = first.history[-1]["other"]
    assert 0 < moved["block01"]["block01"] < 0.9999
    for (name, a), b in zip(module.state_dict().items(), again.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    assert not any("other" in key for key in again.state_dict())

    data.artifacts = lambda: {"tokenizer.json": "another"}
    with pytest.raises(ValueError, match="another tokenizer"):
        fit(tmp_path / "three", [Similarity(str(tmp_path / "one"), limit=40, on_error="raise")], data=data)
