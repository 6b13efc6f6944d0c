"""Labels that were planted in a layer are found in it, for spans and for pairs of them."""

import pytest
import torch

from lit_pretrain.part import build, spec
from lit_pretrain.probes.edges import EdgeProbe, Edges, probe_depths

CLASSES, WIDTH = 3, 8


def planted(count: int, spans: int, at: int, seed: int, scale: float = 1.0) -> Edges:
    """Four layers of noise. From layer `at` on, one unit of each span says a number, and the label is their sum."""
    draw = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, 4, (count, spans), generator=draw)
    said = torch.randint(CLASSES, (count, spans), generator=draw)
    units = torch.randn(4, int(lengths.sum()), WIDTH, generator=draw)
    firsts = lengths.flatten().cumsum(0) - lengths.flatten()
    where = firsts + (torch.rand(len(firsts), generator=draw) * lengths.flatten()).long()
    units[at:, where, :CLASSES] += 6 * torch.eye(CLASSES)[said.flatten()]
    return Edges(units * torch.tensor([1, 1, scale, 1.0])[:, None, None], lengths, said.sum(1) % CLASSES)


PROBE = EdgeProbe(hidden=32, steps=80, batch=64, lr=1e-2)


@pytest.mark.parametrize("spans", [1, 2])
def test_the_layer_is_found(spans):
    found = probe_depths(PROBE, planted(600, spans, 2, 0), planted(400, spans, 2, 1))
    assert max(found.accuracy[:2]) < 0.5 and min(found.accuracy[2:]) > 0.8
    assert found.expected_layer == pytest.approx(2, abs=0.3)
    assert sum(found.weights) == pytest.approx(1) and sum(found.weights[2:]) > 0.75


def test_later_labels_have_later_layers():
    found = [probe_depths(PROBE, planted(600, 1, at, 0), planted(400, 1, at, 1)) for at in (1, 3)]
    assert [round(depths.expected_layer) for depths in found] == [1, 3]
    assert found[0].centre_of_gravity < 2.1 and found[1].centre_of_gravity > 2.3


def test_long_vectors_do_not_change_the_weights():
    probe = EdgeProbe(hidden=8, steps=10)
    plain, long = (probe.fit(planted(200, 1, 2, 0, scale), 4).mix for scale in (1, 100))
    torch.testing.assert_close(plain, long, atol=1e-3, rtol=0)


def test_what_is_not_there_is_not_found():
    train, validation = planted(600, 1, 2, 0), planted(400, 1, 2, 1)
    shuffled = train.labels[torch.randperm(600, generator=torch.Generator().manual_seed(0))]
    assert PROBE.fit(Edges(train.units, train.lengths, shuffled), 4).accuracy(validation) < 0.5


def test_it_repeats_draws_from_no_shared_generator_and_runs_in_inference_mode():
    train, validation = planted(300, 2, 1, 0), planted(100, 2, 1, 1)
    state = torch.get_rng_state()
    probe = EdgeProbe(hidden=8, steps=10)
    first = probe_depths(probe, train, validation)
    with torch.inference_mode():
        inside = Edges(train.units * 1, train.lengths * 1, train.labels * 1)
        again = probe_depths(build(spec(probe)), inside, validation)
    assert first.accuracy == again.accuracy and first.weights == again.weights
    assert torch.equal(torch.get_rng_state(), state)
    with pytest.raises(ValueError, match="steps=0"):
        EdgeProbe(steps=0)
