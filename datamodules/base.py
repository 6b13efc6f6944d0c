"""What every modality's datamodule promises to objectives, probes, harness and checkpoints."""

from abc import abstractmethod

import lightning as L
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
    """

    class_names: tuple[str, ...] = ()
    label_names: tuple[str, ...] = ()
    unit_names: tuple[str, ...] = ()
    target_names: tuple[str, ...] = ()
    pair_names: tuple[str, ...] = ()
    side_names: tuple[str, ...] = ()

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
