"""What a model makes is counted against the training examples, and nothing of the run is changed by it."""

import pytest
import torch

from lit_pretrain.callbacks.generation import Generation
from lit_pretrain.types import ImageBatch


def writer(module):
    """Makes images out of training's first one, of one pixel alone and of nothing; equal images are the same."""
    asked = []

    def sample(count, generator):
        assert not module.training
        asked.append(torch.rand((), generator=generator).item())
        torch.rand(3)
        made = torch.zeros(count, 1, 8, 8)
        made[0] = module.first
        made[1:-1, 0, 0, 0] = torch.arange(count - 2) % 3 + 1.0
        return ImageBatch(made)

    def describe_samples(batch):
        flat = batch.images.flatten(1)
        return (flat.sum(1) > 0).tolist(), [tuple(row) for row in flat.tolist()]

    module.sample, module.describe_samples, module.asked = sample, describe_samples, asked


@pytest.mark.parametrize("known", [None, 30])
def test_shares_of_what_is_made(tmp_path, fit, digits, known):
    digits.setup()

    def prepare(module):
        writer(module)
        module.first = digits.source.x[0]

    watch = Generation(samples=12, known=known, every_n_steps=4)
    module, trainer, data = fit(tmp_path, [watch], prepare=prepare)
    assert [row["step"] for row in watch.history] == [0, 4, 8]
    # 12 images: the known one, ten that are three different ones, and one of nothing.
    for name, value in {"validity": 11 / 12, "uniqueness": 4 / 11, "novelty": 3 / 4}.items():
        assert watch.history[-1][name] == pytest.approx(value), name
        assert float(trainer.callback_metrics[f"generation/{name}"]) == pytest.approx(value)
    assert watch.protocol() == {"samples": 12, "known": known or 400}
    assert len(module.asked) == 3 and len(set(module.asked)) == 1, "all measurements draw the same"
    assert not any(split == "test" for split, _ in data.asked)


def test_the_run_is_that_of_a_run_without(tmp_path, fit, digits):
    digits.setup()

    def prepare(module):
        writer(module)
        module.first = digits.source.x[0]

    plain, _, _ = fit(tmp_path / "plain", [])
    watched, _, _ = fit(tmp_path / "watched", [Generation(samples=4, every_n_steps=2)], prepare=prepare)
    for (name, a), b in zip(plain.state_dict().items(), watched.state_dict().values(), strict=True):
        assert torch.equal(a, b), name


def test_an_objective_that_makes_nothing_is_told_and_trained(tmp_path, fit):
    with pytest.warns(UserWarning, match="Denoise makes no examples: it has no method 'sample'"):
        fit(tmp_path, [Generation()], max_steps=2)
    with pytest.raises(ValueError, match="samples=0"):
        Generation(samples=0)
