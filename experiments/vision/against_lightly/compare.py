"""SimCLR, BYOL and MAE, ours against lightly's: how good the frozen vectors are and how fast the training steps.

    LIT_PRETRAIN_DATA=... python experiments/vision/against_lightly/compare.py --data fashion_mnist --seeds 0 1 2

Every finished run is written to OUT/results.json, and the same command goes on from there.

Legend: B images of a batch, N labelled images, D width of their vectors.
"""

import json
import logging
import os
import time
import warnings
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy
from itertools import cycle, islice
from pathlib import Path
from statistics import mean, stdev

import lightly
import lightning as L
import timm
import torch
from sides import METHODS, SIDES, both
from torch import Tensor, nn

from lit_pretrain.datamodules.vision.augment.affine import Affine
from lit_pretrain.datamodules.vision.augment.color_jitter import ColorJitter
from lit_pretrain.datamodules.vision.augment.horizontal_flip import HorizontalFlip
from lit_pretrain.datamodules.vision.augment.random_resized_crop import RandomResizedCrop
from lit_pretrain.datamodules.vision.datamodule import VisionDataModule
from lit_pretrain.datamodules.vision.source.digits import Digits
from lit_pretrain.datamodules.vision.source.torchvision_set import TorchvisionSet
from lit_pretrain.datamodules.vision.views import View
from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.probes.knn import KNNProbe
from lit_pretrain.probes.logistic import LogisticProbe
from lit_pretrain.types import ImageBatch

WARM_UP = 5  # steps of a run that are not timed
LABELS = 5000  # the most labelled training images of a probe
SETTINGS = ("data", "steps", "batch_size", "device", "precision", "num_workers", "rounds", "round_steps", "shared_start",
            "compile")  # fmt: skip
SETTLING = 30  # batches that give a random encoder's BatchNorm its statistics before it is probed


def main() -> None:
    args = arguments()
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", ".*(does not have many workers|exceeds max_steps|in eval mode)")
    torch.set_float32_matmul_precision("high")
    results = Results(args)
    for method in args.methods:
        if method not in results.speed:
            results.speed[method] = speed(method, args)
            results.save()
        for seed in [] if args.speed_only else args.seeds:
            for side in SIDES if seed % 2 == 0 else SIDES[::-1]:  # what drifts on the machine hits both alike
                key = f"{method}/{side}/{seed}"
                if key not in results.quality:
                    results.quality[key] = quality(method, side, seed, args)
                    results.save()
                    print(key, results.quality[key], flush=True)
    table = "\n".join(results.table(args.methods, args.seeds))
    (args.out / "table.md").write_text(table + "\n")
    print(table)


def arguments() -> Namespace:
    parser = ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", choices=("fashion_mnist", "digits"), default="fashion_mnist")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--batch_size", type=int, default=256)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--precision", choices=("32-true", "bf16-mixed"), default="32-true")
    parser.add_argument("--methods", choices=METHODS, nargs="+", default=METHODS)
    parser.add_argument("--num_workers", type=int, default=0, help="processes that read images (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="in which the steps of both sides are timed, in turn")
    parser.add_argument("--round_steps", type=int, default=10, help="timed steps of a round; give some 200 on a GPU")
    parser.add_argument("--speed_only", action="store_true", help="time the steps and train nothing to its end")
    parser.add_argument("--shared_start", action="store_true", help="give MAE's encoders the same first weights, too")
    parser.add_argument("--compile", choices=("none", "ours", "both"), default="none",
                        help="whose Transformer blocks are compiled where steps are timed (MAE)")  # fmt: skip
    parser.add_argument("--out", type=Path, default=Path("runs/against_lightly"))
    args = parser.parse_args()
    if args.steps <= WARM_UP:
        parser.error(f"--steps {args.steps}: the first {WARM_UP} are not timed; give more")
    return args


def images(args: Namespace, method: str) -> VisionDataModule:
    views, size = (1, {"fashion_mnist": 28, "digits": 16}[args.data]) if method == "mae" else (2, 32)
    if args.data == "digits":
        source, statistics = Digits(), {"mean": [0.5], "std": [0.5]}
        changes = [Affine()] if method == "mae" else [RandomResizedCrop(scale=(0.4, 1.0)), Affine()]
    else:
        source = TorchvisionSet("FashionMNIST", f"{os.environ['LIT_PRETRAIN_DATA']}/vision")
        statistics = {"mean": [0.286], "std": [0.353]}
        changes = [RandomResizedCrop(scale=(0.2, 1.0)), HorizontalFlip()] + [ColorJitter()] * (method != "mae")
    return VisionDataModule(source, [View(augment=changes, copies=views)], image_size=size, channels=1, **statistics,
                            batch_size=args.batch_size, num_workers=args.num_workers)  # fmt: skip


# ---- quality ----------------------------------------------------------------------------------------------------------


def quality(method: str, side: str, seed: int, args: Namespace) -> dict[str, float]:
    """Accuracies of the probes before and after training, and the images a second of the whole training."""
    L.seed_everything(seed, verbose=False)
    data = images(args, method)
    module = both(method, data.image_size, args.shared_start)[side]
    before = probe(settled(module, data, args.device), data, args.device)
    L.seed_everything(seed, verbose=False)
    rate = fit(module, data, args.steps, args)
    after = probe(module, data, args.device)
    return {f"random_{k}": v for k, v in before.items()} | after | {"images_per_s": rate}


@torch.no_grad()
def settled(module: L.LightningModule, data: VisionDataModule, device: str) -> L.LightningModule:
    """A copy whose BatchNorm has seen images; otherwise part of what training gains would be these statistics."""
    module = deepcopy(module).to(device).train()
    for batch in islice(endless(data), SETTLING):
        pooled(module, batch.to(device))
    return module


def probe(module: L.LightningModule, data: VisionDataModule, device: str) -> dict[str, float]:
    module = module.to(device).eval()
    train, test = vectors(module, data, "train", device), vectors(module, data, "test", device)
    found = {"linear": LogisticProbe(), "knn": KNNProbe()}
    return {name: 100 * dict(one.fit(*train).score(*test))["accuracy"] for name, one in found.items()}


@torch.no_grad()
def vectors(module: L.LightningModule, data: VisionDataModule, split: str, device: str) -> tuple[Tensor, Tensor]:
    """(N, D) and (N,) of clean images."""
    limit = LABELS if split == "train" else None
    batches = data.loader(split, shuffle=False, labelled=True, limit=limit)
    found = [(pooled(module, batch.to(device)).float().cpu(), batch.labels.cpu()) for batch in batches]
    return torch.cat([x for x, _ in found]), torch.cat([y for _, y in found])


def pooled(module: L.LightningModule, batch: ImageBatch) -> Tensor:
    """(B, D)."""
    return module.encode(batch).pooled if isinstance(module, PretrainModule) else module(batch.images)


# ---- speed ------------------------------------------------------------------------------------------------------------


def speed(method: str, args: Namespace) -> dict[str, list[float]]:
    """Images a second of training steps on batches that lie on the device, for each side in each round."""
    L.seed_everything(0, verbose=False)
    data = images(args, method)
    modules, batches = (
        both(method, data.image_size, args.shared_start),
        [b.to(args.device) for b in islice(endless(data), 4)],
    )
    for side in {"none": (), "ours": SIDES[:1], "both": SIDES}[args.compile]:
        for block in blocks(modules[side]):
            block.compile(dynamic=True)
    rounds = {side: [] for side in SIDES}
    steps = WARM_UP + args.round_steps
    for i in range(args.rounds + 1):
        for side, module in modules.items():
            rate = fit(module, Repeated(batches, steps), steps, args)
            if i:  # the first fills caches
                rounds[side].append(rate)
    return rounds


def blocks(module: L.LightningModule) -> list[nn.Module]:
    """Those of encoder and decoder, which MAE has."""
    return [block for network in module.modules() if hasattr(network, "blocks") for block in network.blocks]


def fit(module: L.LightningModule, data: L.LightningDataModule | Iterable, steps: int, args: Namespace) -> float:
    """Train as a user does; images a second after warm-up."""
    clock = Clock()
    trainer = L.Trainer(
        accelerator="gpu" if args.device == "cuda" else "cpu",
        devices=1,
        precision=args.precision,
        max_steps=steps,
        limit_val_batches=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[clock],
    )
    trainer.fit(module, data)
    return (steps - WARM_UP) * args.batch_size / (clock.end - clock.start)


class Clock(L.Callback):
    """When warm-up and training ended, in seconds.

    On the CPU in the seconds that this process computed, which other programs on the machine change less.
    """

    def on_train_batch_end(self, trainer: L.Trainer, module: L.LightningModule, *_) -> None:
        if trainer.global_step not in (WARM_UP, trainer.max_steps):
            return
        now = time.process_time if module.device.type == "cpu" else time.perf_counter
        if module.device.type == "cuda":
            torch.cuda.synchronize(module.device)
        if trainer.global_step == WARM_UP:
            self.start = now()
        else:
            self.end = now()


class Repeated:
    """The same batches again and again, `steps` in all."""

    def __init__(self, batches: Sequence[ImageBatch], steps: int):
        self.batches, self.steps = batches, steps

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[ImageBatch]:
        return islice(cycle(self.batches), self.steps)


def endless(data: VisionDataModule) -> Iterator[ImageBatch]:
    loader = data.loader("train", shuffle=True)
    while True:
        yield from loader


# ---- results ----------------------------------------------------------------------------------------------------------


class Results:
    """What is finished, in OUT/results.json.

    Attributes:
        quality: "method/side/seed" -> what `quality` gave.
        speed: method -> what `speed` gave.

    Raises:
        SystemExit: the folder holds runs with other settings.
    """

    def __init__(self, args: Namespace):
        self.path = args.out / "results.json"
        self.settings = {name: getattr(args, name) for name in SETTINGS}
        self.settings |= {"processor": torch.cuda.get_device_name() if args.device == "cuda" else "cpu",
                          "threads": torch.get_num_threads()}  # fmt: skip
        self.settings |= {package.__name__: str(package.__version__) for package in (torch, L, timm, lightly)}
        self.quality, self.speed = {}, {}
        if self.path.exists():
            found = json.loads(self.path.read_text())
            if found["settings"] != self.settings:
                other = {k: v for k, v in found["settings"].items() if self.settings.get(k) != v}
                raise SystemExit(f"{self.path} holds runs with {other}; give another --out")
            self.quality, self.speed = found["quality"], found["speed"]

    def save(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        content = {"settings": self.settings, "quality": self.quality, "speed": self.speed}
        partial = self.path.with_suffix(".partial")
        partial.write_text(json.dumps(content, indent=2) + "\n")
        os.replace(partial, self.path)

    def table(self, methods: Sequence[str], seeds: Sequence[int]) -> Iterator[str]:
        """Markdown: each side, and ours to lightly: differences of accuracies and ratios of rates, seed by seed."""
        columns = ("random_linear", "linear", "random_knn", "knn", "images_per_s")
        yield "| method | side | linear, random | linear | kNN, random | kNN | images/s, whole run | images/s, steps only |"
        yield "|---|---|---|---|---|---|---|---|"
        for method in methods:
            done = [seed for seed in seeds if all(f"{method}/{side}/{seed}" in self.quality for side in SIDES)]
            measured = {side: {c: [self.quality[f"{method}/{side}/{seed}"][c] for seed in done] for c in columns}
                        | {"steps_per_s": self.speed[method][side]} for side in SIDES}  # fmt: skip
            for side in SIDES:
                yield row(method, side, [spread(values) for values in measured[side].values()])
            pairs = {c: list(zip(*(measured[side][c] for side in SIDES), strict=True)) for c in measured["ours"]}
            yield row(method, "ours to lightly", [
                "x " * bool(pair) + spread([a / b for a, b in pair], 3) if "per_s" in c
                else spread([a - b for a, b in pair], 2, "+") for c, pair in pairs.items()])  # fmt: skip


def row(*cells: str | Sequence[str]) -> str:
    method, side, values = cells
    return "| " + " | ".join((method, side, *values)) + " |"


def spread(values: Sequence[float], digits: int = 1, sign: str = "") -> str:
    """Mean ± standard deviation."""
    if not values:
        return "-"
    return f"{mean(values):{sign}.{digits}f}" + (f" ± {stdev(values):.{digits}f}" if len(values) > 1 else "")


if __name__ == "__main__":
    main()
