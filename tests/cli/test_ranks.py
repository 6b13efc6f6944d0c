"""What a run of many ranks is given on the command line, and unasked."""

from datetime import timedelta

import pytest

from lit_pretrain.callbacks.agreement import Agreement
from lit_pretrain.callbacks.lost_ranks import LostRanks
from lit_pretrain.callbacks.patient_loggers import PatientLoggers
from lit_pretrain.run import start


@pytest.fixture
def trainer(here, monkeypatch):
    """Words -> the trainer of a fit that is made and not run."""
    monkeypatch.setattr("lightning.pytorch.trainer.call._call_and_handle_interrupt", lambda *args, **kwargs: None)
    return lambda words: start("fit", f"--config c.yaml --trust user_file --trainer.devices 2 {words}".split()).trainer


@pytest.mark.parametrize("name", ["DDPStrategy", "lightning.pytorch.strategies.DDPStrategy"])
def test_how_long_a_collective_may_take(trainer, name):
    made = trainer(f"--trainer.strategy {name} --trainer.strategy.timeout 0:10:00")
    assert made.strategy._timeout == timedelta(minutes=10)


def test_each_fit_is_guarded(trainer):
    found = {type(callback): callback for callback in trainer("--trainer.strategy ddp --data.dim 5").callbacks}
    assert {Agreement, LostRanks, PatientLoggers} <= found.keys()
    assert found[Agreement].config["data"]["init_args"]["dim"] == 5


def test_a_strategy_without_arguments_has_none(command):
    code, _, said = command(
        "fit --config c.yaml --trust user_file --trainer.strategy ddp --trainer.strategy.timeout 0:10:00"
    )
    assert code == 2 and "trainer.strategy: 'ddp' is no class path" in said
