"""The loader under Lightning: each epoch has its own order, and a checkpoint of any moment goes on exactly."""

from itertools import chain, islice

import lightning as L
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lit_pretrain.datamodules.loader import ResumableLoader
from lit_pretrain.datamodules.text.datamodule import TextDataModule
from lit_pretrain.datamodules.text.source.base import Document, Source
from lit_pretrain.datamodules.text.streaming import StreamingTextDataModule
from lit_pretrain.datamodules.text.tokenizer.bytes import Bytes


class Numbers(Source):
    def documents(self, split):
        return (Document(f"{i} " * (i % 7 + 1)) for i in range(40 if split == "train" else 3))

    def fingerprint(self, split):
        return "40 and 3 numbers, each up to 7 times"


def mapped() -> TextDataModule:
    return TextDataModule(Numbers(), Bytes(), max_length=30, tokens_per_batch=90)


def streamed() -> StreamingTextDataModule:
    return StreamingTextDataModule(Numbers(), Bytes(), 6, max_length=30, tokens_per_batch=90, num_workers=0)


class Model(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.seen: list[tuple[int, str]] = []

    def training_step(self, batch, _):
        self.seen.append((self.current_epoch, str(batch.tokens.tolist())))
        return self.weight.sum() * batch.num_units

    def validation_step(self, batch, _):
        pass

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 1e-3)


class Cut(L.Callback):
    """Saves and stops after so many steps, or in a hook at the end of the first epoch."""

    def __init__(self, step: int | str, path):
        self.step, self.path = step, path

    def on_train_batch_end(self, trainer, *args):
        if trainer.global_step == self.step:
            self.save(trainer)

    def on_validation_end(self, trainer, module):
        if self.step == "validated" and not trainer.sanity_checking:
            self.save(trainer)

    def on_train_epoch_end(self, trainer, module):
        if self.step == "epoch ended":
            self.save(trainer)

    def save(self, trainer):
        if not self.path.exists():
            trainer.save_checkpoint(self.path)
            trainer.should_stop = True


def fit(data, *callbacks, ckpt_path=None, **settings) -> list[tuple[int, str]]:
    model = Model()
    trainer = L.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
                        enable_model_summary=False, min_steps=0, callbacks=list(callbacks), **settings)  # fmt: skip
    trainer.fit(model, data, ckpt_path=ckpt_path, weights_only=False)
    return model.seen


@pytest.mark.parametrize("limit", [None, 4])
def test_each_epoch_has_its_own_order(limit):
    seen = fit(mapped(), max_epochs=3, limit_train_batches=limit)
    epochs = [[batch for e, batch in seen if e == epoch] for epoch in range(3)]
    assert all(epochs) and epochs[0] != epochs[1] and epochs[1] != epochs[2]


@pytest.mark.parametrize("length", [{"max_epochs": 3}, {"max_steps": 18}])
@pytest.mark.parametrize("make", [mapped, streamed])
def test_cut_at_any_moment_and_resumed_equals_uncut(tmp_path, make, length):
    whole = fit(make(), **length)
    assert len(whole) == 18
    steps = [1, 5, 6, 7, 12, "validated"]  # an epoch has 6 batches
    if "max_epochs" in length:
        steps.append("epoch ended")  # under max_steps Lightning resumes it with an epoch of one batch
    for step in steps:
        path = tmp_path / f"{step}.ckpt"
        begun = fit(make(), Cut(step, path), **length)
        rest = fit(make(), ckpt_path=path, **length)
        assert begun[: 6 if isinstance(step, str) else step] + rest == whole, f"cut at {step}"


class Asking(Model):
    """Asks for the number of steps, for which Lightning loads the training data before it restores their position."""

    def configure_optimizers(self):
        self.steps = self.trainer.estimated_stepping_batches
        return super().configure_optimizers()


@pytest.mark.parametrize("step", [4, 6, 8])
@pytest.mark.parametrize("make", [mapped, streamed])
def test_a_module_that_asks_for_the_number_of_steps_resumes_as_others(tmp_path, monkeypatch, make, step):
    whole = fit(make(), max_epochs=3)
    monkeypatch.setitem(globals(), "Model", Asking)
    begun = fit(make(), Cut(step, tmp_path / "cut.ckpt"), max_epochs=3)
    rest = fit(make(), ckpt_path=tmp_path / "cut.ckpt", max_epochs=3)
    assert begun[:step] + rest == whole


def shared(rank: int, ranks: int) -> TextDataModule:
    """The data as one of several ranks sees them."""
    data = mapped()
    loader = data.loader

    def of_rank(*args, **kwargs):
        found = loader(*args, **kwargs)
        found.rank, found.ranks = rank, ranks
        return found

    data.loader = of_rank
    return data


def pieces(batches) -> list[str]:
    """Each batch by its tokens, of the first epoch, sorted."""
    return sorted(text for epoch, text in batches if epoch == 0)


@pytest.mark.parametrize("first, then", [(2, 1), (1, 2), (2, 3), (3, 2)])
def test_another_number_of_ranks_sees_the_rest_of_an_epoch_once(tmp_path, first, then):
    whole = fit(mapped(), max_epochs=1)
    begun = [fit(shared(r, first), Cut(1, tmp_path / f"{first}-{r}.ckpt"), max_epochs=2)[:1] for r in range(first)]
    rest = [fit(shared(r, then), ckpt_path=tmp_path / f"{first}-0.ckpt", max_epochs=2) for r in range(then)]
    tokens = [
        sorted(t for epoch, text in part if epoch == 0 for t in text[1:-1].split(", "))
        for part in (whole, [x for rank in (*begun, *rest) for x in rank])
    ]  # batches of the end may be halved
    assert tokens[0] == tokens[1]
    assert len({len(rank) for rank in rest}) == 1
    fresh = [fit(shared(r, then), max_epochs=2) for r in range(then)]
    assert [[x for x in rank if x[0] == 1] for rank in rest] == [[x for x in rank if x[0] == 1] for rank in fresh]


def test_a_second_change_within_an_epoch(tmp_path):
    whole = fit(mapped(), max_epochs=1)
    begun = [fit(shared(r, 2), Cut(1, tmp_path / f"a-{r}.ckpt"), max_epochs=1)[:1] for r in range(2)]
    path = tmp_path / "b.ckpt"
    then = fit(shared(0, 1), Cut(2, path), ckpt_path=tmp_path / "a-0.ckpt", max_epochs=1)[:1]
    last = [fit(shared(r, 3), ckpt_path=path, max_epochs=1) for r in range(3)]
    assert pieces(whole) == pieces([x for rank in (*begun, then, *last) for x in rank])


def test_epochs_of_different_lengths_are_whole(monkeypatch):
    monkeypatch.setenv("PL_GLOBAL_SEED", "0")  # in whose orders the first epoch is short
    data = TextDataModule(Numbers(), Bytes(), max_length=30, tokens_per_batch=64, bucket=False)
    lengths = {}
    loader = data.train_dataloader

    def planned():
        found = loader()
        lengths.update({epoch: len(found.plan(epoch)) for epoch in range(6)})
        return found

    data.train_dataloader = planned
    seen = fit(data, max_epochs=6)
    assert lengths[0] < max(lengths.values()), "the test has nothing to see"
    assert {epoch: sum(e == epoch for e, _ in seen) for epoch in range(6)} == lengths


@given(
    sizes=st.lists(st.integers(1, 4), min_size=1, max_size=25),
    stages=st.lists(st.tuples(st.integers(1, 5), st.integers(0, 8)), max_size=3),
    last=st.integers(1, 5),
)
def test_any_cuts_with_any_ranks_give_each_sample_once(sizes, stages, last):
    """Stages of an epoch, each (ranks, batches until it is cut)."""
    ends = torch.tensor(sizes).cumsum(0).tolist()
    plan = [list(range(end - size, end)) for size, end in zip(sizes, ends, strict=True)]

    def read(ranks: int, batches: int | None, state: dict | None) -> tuple[list[int], dict | None]:
        seen, states = [], []
        for rank in range(ranks):
            loader = ResumableLoader(range(ends[-1]), lambda epoch: plan, list, rank=rank, ranks=ranks)
            if state is not None:
                loader.load_state_dict(state)
            left = len(loader.batches()) - loader.delivered
            if batches is None or batches >= left:  # the rest of the epoch
                seen += chain.from_iterable(islice(iter(loader), left))
                states.append(None)
            else:
                seen += chain.from_iterable(islice(iter(loader), batches))
                states.append(loader.state_dict())
        assert all(state == states[0] for state in states), "ranks stand at different places"
        return seen, states[0]

    found, state, lost = [], None, 0
    for ranks, batches in [*stages, (last, None)]:
        seen, state = read(ranks, batches, state)
        found += seen
        lost += ranks - 1  # fewer samples than ranks cannot be shared
        if state is None:
            break
    assert len(set(found)) == len(found), "a sample was seen twice"
    assert set(found) <= set(range(ends[-1])) and ends[-1] - len(found) <= lost
