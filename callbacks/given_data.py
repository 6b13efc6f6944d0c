"""The data that an observer reads."""

import lightning as L

from lit_pretrain.callbacks.features import together
from lit_pretrain.datamodules.base import DataModule


def given_data(trainer: L.Trainer, given: DataModule | None) -> DataModule:
    """What an observer was given, in the form of the run's data and set up once, or else the run's data. All ranks must call
    it.

    Raises:
        ValueError: there is neither.
    """
    data = given or trainer.datamodule
    if not isinstance(data, DataModule):
        raise ValueError("this observer reads examples: give it `data`, or train on a datamodule of lit_pretrain")
    if data is trainer.datamodule or data.trainer is trainer:
        return data
    if isinstance(trainer.datamodule, DataModule):
        data.adopt(trainer.datamodule)
    together(trainer, lambda: data.prepare_data() if trainer.local_rank == 0 else None)
    data.trainer = trainer
    data.setup("fit")
    return data
