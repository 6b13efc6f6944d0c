"""What every modality's datamodule promises to objectives, probes, harness and checkpoints."""

import warnings
from abc import abstractmethod
from functools import cached_property
from typing import Any

import lightning as L
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor

from lit_pretrain.datamodules.loader import ResumableLoader
from lit_pretrain.part import Recorded
from lit_pretrain.types import Batch, Relations


class DataModule(Recorded, L.LightningDataModule):
    """Clean batches of one modality, in a resumable order.

    Attributes:
        class_names: names of the labels, in the order of their numbers; empty: unlabelled, or labelled otherwise.
        label_names: names of labels that are numbers and no classes, one a column; NaN: unknown; empty: there are none.
        unit_names: names of the `unit_labels` of batches, in the order of their numbers; empty: batches have none.
        target_names: names of the numbers in the `target` of batches, in their order; empty: batches have none.
        pair_names: names of the `pair_labels` of batches, in the order of their numbers; empty: batches have none.
        side_names: what the two `counterparts` of batches are, that which asks first; empty: batches have none.
        accept_changes: a run is resumed even if its training data are no longer what they were.
    """

    class_names: tuple[str, ...] = ()
    label_names: tuple[str, ...] = ()
    unit_names: tuple[str, ...] = ()
    target_names: tuple[str, ...] = ()
    pair_names: tuple[str, ...] = ()
    side_names: tuple[str, ...] = ()
    accept_changes: bool = False

    @property
    def num_classes(self) -> int:
        return len(self.class_names)

    @abstractmethod
    def loader(
        self, split: str, *, shuffle: bool, labelled: bool = False, limit: int | None = None, seed: int = 0
    ) -> ResumableLoader:
        """A loader over a split.

        Args:
            split: "train", "validation" or "test".
            shuffle: a new order each epoch; otherwise source order.
            labelled: one sample an example with its label (long examples are cut); otherwise all of the data.
            limit: so many examples, balanced over the classes; None: all.
            seed: of the choice of `limit` examples.
        """

    def whole(self, split: str) -> ResumableLoader:
        """All examples of a split, uncut and unaltered, in source order, for what is made of them once and for all."""
        return self.loader(split, shuffle=False)

    def adopt(self, pretraining: "DataModule") -> None:
        """Take over what must equal the pretraining data's (tokenizer, image size, sample rate) unless given."""

    def artifacts(self) -> dict[str, str]:
        """File name -> text of what a user of the weights needs beside them (such as `tokenizer.json`)."""
        return {}

    def restore(self, artifacts: dict[str, str]) -> None:
        """Take over what `artifacts` wrote, so that nothing of it is made anew from data that may be gone."""

    def fingerprint(self) -> dict[str, Any]:
        """Facts by which a resumed run knows its training data again, found without reading all of them."""
        of_source = getattr(getattr(self, "source", None), "fingerprint", None)
        return {} if of_source is None else {"the fingerprint of the source": of_source("train")}

    @cached_property
    def _fingerprint(self) -> dict[str, Any]:
        """As it was when the run began: the data may be gone when the last checkpoint is written."""
        return self.fingerprint()

    def setup(self, stage: str | None = None) -> None:
        if stage == TrainerFn.FITTING:
            self.state_dict()  # finds the fingerprint while the data are there

    def state_dict(self) -> dict[str, Any]:
        return {"fingerprint": self._fingerprint}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Raises ValueError if training is resumed with data that have changed, unless `accept_changes`."""
        if self.trainer is not None and self.trainer.state.fn != TrainerFn.FITTING:
            return
        before, now = state.get("fingerprint", {}), self._fingerprint
        changed = [f"{fact} was {before[fact]} and is {now.get(fact)}" for fact in before if before[fact] != now.get(fact)]
        if not changed:
            return
        said = f"the training data have changed since the checkpoint: {', '.join(changed)}"
        if not self.accept_changes:
            raise ValueError(f"{said}; bring back what they were, or go on with them by --accept_changed_data true")
        warnings.warn(f"{said}; what is left of this epoch is not what it would have been", stacklevel=2)

    def relations(self, batch: Batch) -> Relations | None:
        """What is known of how units of a batch belong together; None: nothing."""
        return None

    def unfinished(self, batch: Batch) -> tuple[Batch, list[str]] | None:
        """Examples cut somewhere, and how each goes on; those that cannot be cut are left out. None: none can."""
        return None

    def endings(self, written: list[Tensor]) -> list[str]:
        """What a model wrote after such examples, a sequence of ids each, in the form of how they go on."""
        raise ValueError(f"{type(self).__name__} cuts no examples, so it reads no endings")

    def train_dataloader(self) -> ResumableLoader:
        loader = self.loader("train", shuffle=True)
        loader.trainer = self.trainer
        return loader

    def val_dataloader(self) -> ResumableLoader:
        return self.loader("validation", shuffle=False)

    def test_dataloader(self) -> ResumableLoader:
        return self.loader("test", shuffle=False)

    def predict_dataloader(self) -> ResumableLoader:
        return self.loader("test", shuffle=False, labelled=bool(self.class_names or self.label_names or self.pair_names))
