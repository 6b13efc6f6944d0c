"""Ranks that are not of one run say so before the first step, all with the same words."""

import json
from pathlib import Path

import pytest
from two_ranks import run_two_ranks

from lit_pretrain.callbacks import agreement
from lit_pretrain.callbacks.agreement import Agreement

# What is another on rank 1, and what both say of it.
FAULTS = {
    "nothing": None,
    "config": "optim.lr is 0.001 on rank 0 and 0.01 on rank 1; seed is 1 on rank 0 and absent on rank 1",
    "module": "model.init_args.encoder.init_args.dim is 16 on rank 0 and 24 on rank 1",
    "version": "torch is ",
    "code": "the code of lit_pretrain is ",
    "train": "the number of batches is 10 on rank 0 and 9 on rank 1; the number of samples is 400 on rank 0 and 360 on",
    "validation": "the number of validation batches is [4] on rank 0 and [3] on rank 1",
    "order": "the order of samples is ",
    "position": "the step is 0 on rank 0 and 2 on rank 1",
}


@pytest.fixture(scope="module")
def said(tmp_path_factory) -> list[dict[str, str | None]]:
    """Fault -> error, of each rank; one process tries all faults in turn."""
    folder = tmp_path_factory.mktemp("said")
    run_two_ranks(str(Path(__file__).with_name("disagreeing_ranks.py")), str(folder), *FAULTS, timeout=120)
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(2)]


@pytest.mark.parametrize("fault", FAULTS)
def test_both_ranks_say_what_differs(said, fault):
    first, second = (each[fault] for each in said)
    assert first == second
    if fault == "nothing":
        assert first is None
    else:
        assert first.startswith(f"the ranks disagree, so nothing was trained: {FAULTS[fault]}")


def test_with_one_rank_nothing_is_compared(tmp_path, fit, monkeypatch):
    monkeypatch.setattr(agreement, "_compare", lambda own: pytest.fail("compared"))
    fit(tmp_path, [Agreement()], max_steps=1)


def test_many_differences_are_counted(monkeypatch):
    ranks = [{str(i): i for i in range(9)}, {str(i): -i for i in range(9)}, {str(i): i for i in range(9)}]
    gathered = iter([["a", "b", "a"], ranks])
    monkeypatch.setattr("torch.distributed.get_world_size", lambda: 3)
    monkeypatch.setattr("torch.distributed.all_gather_object", lambda out, own: out.__setitem__(slice(None), next(gathered)))
    with pytest.raises(ValueError, match=r"1 is 1 on ranks 0, 2 and -1 on rank 1; .*; and 5 more$"):
        agreement._compare(ranks[0])
