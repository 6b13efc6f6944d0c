"""Few shots and clusters, while a run learns: the run is that of a run without them, and what they found is drawn."""

import numpy as np
import pytest
import torch
from PIL import Image

from lit_pretrain.callbacks.cluster_probe import ClusterProbe
from lit_pretrain.callbacks.few_shot_probe import FewShotProbe
from lit_pretrain.callbacks.report import Report
from lit_pretrain.probes.rate_reduction import RateReductionProbe


def probes() -> list:
    return [FewShotProbe(limit=200, shots=(1, 5), draws=2, on_error="raise", every_n_steps=4),
            ClusterProbe(limit=200, on_error="raise"), Report(map_points=0)]  # fmt: skip


def test_weights_are_those_of_a_run_without(tmp_path, fit):
    few, cluster, _ = seen = probes()
    plain, _, _ = fit(tmp_path / "plain", [])
    after = torch.get_rng_state().tolist(), np.random.get_state()[1].tolist()
    watched, trainer, data = fit(tmp_path / "watched", seen)
    for (name, a), b in zip(plain.state_dict().items(), watched.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    assert (torch.get_rng_state().tolist(), np.random.get_state()[1].tolist()) == after
    assert [row["step"] for row in few.history] == [0, 4, 8] and [row["step"] for row in cluster.history] == [0, 8]
    assert few.history[-1]["accuracy"] > 0.4 and cluster.history[-1]["nmi"] > 0.3, "digits, even untrained"
    assert trainer.callback_metrics["few_shot_probe/accuracy_1_shot"] == pytest.approx(few.history[-1]["accuracy_1_shot"])
    assert not any(split == "test" for split, _ in data.asked)


def test_clusters_may_be_those_of_rate_reduction(tmp_path, fit):
    probe = ClusterProbe(limit=100, on_error="raise", probe=RateReductionProbe(clusters=12, steps=2))
    fit(tmp_path, [probe], max_steps=1)
    assert probe.protocol()["probe"] == "RateReductionProbe" and probe.protocol()["clusters"] == 12


def test_pictures_and_report_show_them(tmp_path, fit):
    fit(tmp_path, probes())
    for name in ("few_shot_probe", "cluster_probe"):
        assert np.ptp(np.asarray(Image.open(tmp_path / f"pictures/step-0000008/{name}.png"))[..., 3]) > 0
    page = (tmp_path / "report.html").read_text()
    for shown in ("Few shot probe: accuracy by training examples", "the share of each class in each cluster",
                  "Adjusted Rand index"):  # fmt: skip
        assert shown in page
