"""Fine-tuning without a search: all settings from the size of a data set and of its pictures.

python -m lit_pretrain.downstream.bit_hyper_rule --examples 1200 --side 28 > rule.yaml
lit-pretrain fit --config conf/downstream/finetune.yaml --config my_data.yaml --config rule.yaml
"""

import argparse
from dataclasses import dataclass
from typing import Any

import yaml

SMALL, LARGE = 20_000, 500_000  # examples
VIEW = "lit_pretrain.datamodules.vision.views.View"


@dataclass(frozen=True)
class BiTHyperRule:
    """The BiT-HyperRule (Big Transfer, arXiv 1912.11370): SGD with momentum 0.9, a rate of 0.003 for batches of 512 that is
    divided by 10 after 30, 60 and 90 % of the steps; nothing else is regularised.

    The paper also mixes pairs of pictures (MixUp, arXiv 1710.09412, strength 0.1) on all but small data sets; `mixup` says
    so, and `overlay` leaves it out.

    Args:
        examples: labelled training examples.
        side: of the pictures, in pixels: the square root of their area.
    """

    examples: int
    side: float
    batch_size: int = 512
    lr: float = 0.003

    def __post_init__(self) -> None:
        if self.examples < 1 or self.side <= 0:
            raise ValueError(f"examples={self.examples}, side={self.side}: both must be above 0")

    @property
    def steps(self) -> int:
        return 500 if self.examples < SMALL else 10_000 if self.examples < LARGE else 20_000

    @property
    def resize(self) -> int:
        return 160 if self.side < 96 else 448

    @property
    def crop(self) -> int:
        return 128 if self.side < 96 else 384

    @property
    def mixup(self) -> float:
        return 0.0 if self.examples < SMALL else 0.1

    def overlay(self) -> dict[str, Any]:
        """What is laid over a configuration of `FineTune` on `Labelled` pictures."""
        transforms = [{"Resize": {"size": [self.resize, self.resize]}}, {"RandomCrop": {"size": self.crop}},
                      {"RandomHorizontalFlip": {}}]  # fmt: skip
        view = {"class_path": VIEW, "init_args": {"transforms": transforms, "size": self.crop}}
        data = {"image_size": self.crop, "batch_size": min(self.batch_size, self.examples), "labelled_view": view}
        schedule = {"class_path": "lit_pretrain.optim.schedule.MultiStep", "init_args": {"milestones": [0.3, 0.6, 0.9]}}
        optim = {"lr": self.lr, "momentum": 0.9, "weight_decay": 0.0, "schedule": schedule}
        return {
            "trainer": {"max_steps": self.steps},
            "optim": {"class_path": "lit_pretrain.optim.recipe.SGD", "init_args": optim},
            "data": {"init_args": {"data": {"init_args": data}}},
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, required=True, help="labelled training examples")
    parser.add_argument("--side", type=float, required=True, help="of the pictures, in pixels")
    rule = BiTHyperRule(**vars(parser.parse_args()))
    mixup = f"; MixUp {rule.mixup} is left out" if rule.mixup else ""
    print(f"# BiT-HyperRule (arXiv 1912.11370) for {rule.examples} examples of {rule.side:g} x {rule.side:g} pixels{mixup}")
    print(yaml.safe_dump(rule.overlay(), sort_keys=False), end="")


if __name__ == "__main__":
    main()
