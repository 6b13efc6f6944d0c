"""The labelled side of any data, for fine-tuning."""

from lit_pretrain.datamodules.base import DataModule, ResumableLoader
from lit_pretrain.io.checkpoint import load_data


class Labelled(DataModule):
    """One sample an example with its label, in every split.

    Args:
        data: any datamodule with labels.
        like: checkpoint or run folder whose data's traits (such as the tokenizer) are taken over; it should be the
            one that the encoder comes from.
        limit: train on so many examples, balanced over the classes; None: all.
        seed: of their choice.
    """

    def __init__(self, data: DataModule, like: str | None = None, limit: int | None = None, seed: int = 0):
        super().__init__()
        self.data, self.like, self.limit, self.seed = data, like, limit, seed
        if like is not None and (pretraining := load_data(like)) is not None:
            data.adopt(pretraining.data if isinstance(pretraining, Labelled) else pretraining)  # of a fine-tuning

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.data.class_names

    @property
    def label_names(self) -> tuple[str, ...]:
        return self.data.label_names

    @property
    def unit_names(self) -> tuple[str, ...]:
        return self.data.unit_names

    @property
    def target_names(self) -> tuple[str, ...]:
        return self.data.target_names

    @property
    def pair_names(self) -> tuple[str, ...]:
        return self.data.pair_names

    @property
    def side_names(self) -> tuple[str, ...]:
        return self.data.side_names

    def loader(
        self, split: str, *, shuffle: bool, labelled: bool = True, limit: int | None = None, seed: int = 0
    ) -> ResumableLoader:
        if limit is None and split == "train":
            limit, seed = self.limit, self.seed
        return self.data.loader(split, shuffle=shuffle, labelled=True, limit=limit, seed=seed)

    def prepare_data(self) -> None:
        self.data.prepare_data()

    def setup(self, stage: str | None = None) -> None:
        self.data.trainer = self.trainer
        self.data.setup(stage)

    def adopt(self, pretraining: DataModule) -> None:
        self.data.adopt(pretraining)

    def artifacts(self) -> dict[str, str]:
        return self.data.artifacts()
