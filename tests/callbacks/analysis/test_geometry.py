"""Each layer is measured as the pure functions measure its units, and the run is that of a run without it."""

import numpy as np
import pytest
import torch
from PIL import Image

from lit_pretrain.callbacks.analysis.geometry import Geometry, of_one_class
from lit_pretrain.probes.geometry import alignment, mean_cosine, rankme


def test_values_are_those_of_the_layers(tmp_path, fit):
    watch = Geometry(limit=50, units=8, every_n_steps=4, on_error="raise")
    module, trainer, data = fit(tmp_path, [watch])
    assert [row["step"] for row in watch.history] == [0, 4, 8] and watch.protocol()["rows"] == 400
    batch = torch.utils.data.default_collate([data.source[i][1:] for i in range(400, 450)])
    images = type(next(iter(data.loader("validation", shuffle=False))))(batch[0])
    with torch.no_grad():
        layers = module.eval().encoder(images, layers=True).layers
    row = watch.history[-1]
    for name, x in layers.items():
        assert row["rankme"][name] == pytest.approx(rankme(x), rel=1e-4)
        assert row["mean_cosine"][name] == pytest.approx(mean_cosine(x), rel=1e-4)
        pairs = of_one_class(batch[1])
        assert row["alignment"][name] == pytest.approx(alignment(*x.unflatten(0, (50, 8)).mean(1)[pairs.T]), rel=1e-4)
    update = (layers["block00"] - layers["embedding"]).norm(dim=1) / layers["embedding"].norm(dim=1)
    assert set(row["update"]) == {"block00", "block01"} and row["update"]["block00"] == pytest.approx(
        float(update.mean()), 1e-4
    )
    assert float(trainer.callback_metrics["geometry/rankme/block01"]) == pytest.approx(row["rankme"]["block01"])
    shown = np.asarray(Image.open(tmp_path / "pictures/step-0000008/geometry.png"))
    assert np.ptp(shown[..., 3]) > 0


def test_pairs_are_of_one_class():
    labels = torch.tensor([3, 1, 3, 2, 1, 3])
    assert of_one_class(labels).tolist() == [[1, 4], [0, 2], [2, 5]]
    assert not len(of_one_class(torch.arange(4)))


def test_weights_are_those_of_a_run_without(tmp_path, fit):
    plain, _, _ = fit(tmp_path / "plain", [])
    after = torch.get_rng_state().tolist(), np.random.get_state()[1].tolist()
    watched, _, _ = fit(tmp_path / "watched", [Geometry(limit=30, every_n_steps=3, on_error="raise")])
    for (name, a), b in zip(plain.state_dict().items(), watched.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    assert (torch.get_rng_state().tolist(), np.random.get_state()[1].tolist()) == after
