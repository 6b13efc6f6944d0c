"""Does one hidden state carry what a model is going to write into another context?

Legend: B examples, U units of a batch, D width, O offsets.
"""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import lightning as L
from torch import Tensor, nn

from lit_pretrain.callbacks.attention import uncompiled
from lit_pretrain.callbacks.canvas import Drawn, beside, profiles
from lit_pretrain.callbacks.features import given_data, together
from lit_pretrain.callbacks.measurement import Measurement
from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.part import spec

Tally = dict[tuple[str, int], list[int]]  # layer, or `chance`, and offset -> how often it agreed, and of how many


class Transplant(Measurement):
    """What a model writes where a state of another context was put in (the causal side of Future Lens, arXiv 2311.04897).

    Validation examples are cut (`DataModule.unfinished`), and the objective completes them (`complete`). Then it does so
    again with the state of the last unit, after a block, taken from the example before in its batch:
    `NAME/ahead_1/LAYER`, `NAME/ahead_2/LAYER`, ...: how often what it writes 1, 2, ... places on is what it wrote for that
    other example; `NAME/ahead_1/chance`, ...: how often two examples are completed alike anyway.

    Curves over depth go to `pictures`, TensorBoard and the report, chance dashed; history and protocol into `summary.json`
    and checkpoints. The paper puts states into one fixed context, and learns one.

    Args:
        data: whose examples can be cut; None: what the run trains on.
        every_n_steps, every_n_epochs, name, on_error: see `Measurement`.
        limit: validation examples.
        ahead: O, the furthest place on.
    """

    def __init__(
        self,
        data: DataModule | None = None,
        every_n_steps: int = 0,
        every_n_epochs: int = 0,
        limit: int = 100,
        ahead: int = 3,
        name: str | None = None,
        on_error: Literal["warn", "raise"] = "warn",
    ):
        super().__init__(every_n_steps, every_n_epochs, name, on_error)
        if limit < 2 or ahead < 1:
            raise ValueError(f"limit={limit}, ahead={ahead}: give at least two examples and one place")
        self.data, self.limit, self.ahead = data, limit, ahead

    def take(self, trainer: L.Trainer, pl_module: L.LightningModule) -> tuple[dict[str, Any], dict[str, Any]]:
        """Offset -> layer, and `chance` -> share; and how it was measured."""
        if not callable(getattr(pl_module, "complete", None)):
            raise ValueError(f"{type(pl_module).__name__} completes nothing: it has no method 'complete'")
        data = given_data(trainer, self.data)
        found: dict[str, dict[str, float]] = defaultdict(dict)
        shares = together(trainer, lambda: self._share(trainer, pl_module, data))
        for layer, n in {key: None for share in shares for key in share}:
            agreed, of = (sum(share.get((layer, n), [0, 0])[i] for share in shares) for i in range(2))
            found[f"ahead_{n + 1}"][layer] = agreed / of
        if not found:
            raise ValueError(f"{type(data).__name__} can cut no two of {self.limit} examples of a batch")
        return dict(found), {"data": spec(data), "limit": self.limit}

    def drawn(self, found: dict[str, Any]) -> Drawn:
        panels, layers = beside(found, "chance", f"step {self.history[-1]['step']:,}")
        return {"how often one state brings what was to come, by places ahead": profiles(panels, layers)}

    def _share(self, trainer: L.Trainer, pl_module: L.LightningModule, data: DataModule) -> Tally:
        """Of the examples that this rank reads."""
        tally: Tally = defaultdict(lambda: [0, 0])
        with uncompiled(pl_module), trainer.precision_plugin.forward_context():
            for batch in data.loader("validation", shuffle=False, limit=self.limit):
                cut = data.unfinished(batch)
                if cut is None or cut[0].num_examples < 2:
                    continue
                batch = cut[0].to(pl_module.device)
                own = pl_module.complete(batch, self.ahead)
                before = [own[-1], *own[:-1]]  # of the example before
                last = pl_module.encode(batch).layout.offsets[1:].long() - 1
                self._count(tally, "chance", own, before)
                for k, block in enumerate(pl_module.encoder.blocks):
                    with rolled(block, last):
                        self._count(tally, f"block{k:02d}", pl_module.complete(batch, self.ahead), before)
        return dict(tally)

    def _count(self, tally: Tally, layer: str, written: list[Tensor], wanted: list[Tensor]) -> None:
        for one, other in zip(written, wanted, strict=True):
            for n, (a, b) in enumerate(zip(one.tolist(), other.tolist(), strict=False)):  # they may end early
                tally[layer, n][0] += a == b
                tally[layer, n][1] += 1


@contextmanager
def rolled(block: nn.Module, last: Tensor) -> Iterator[None]:
    """Inside, each time a block sees all units (U, D), the units `last` (B,) of its output are those of the example before.

    Raises:
        ValueError: the block does not give (U, D).
    """

    def change(module: nn.Module, inputs: Any, output: Any) -> Any:
        if not isinstance(output, Tensor) or output.ndim != 2:
            raise ValueError(f"{type(module).__name__} gives no units (U, D) that could be exchanged")
        if len(output) <= int(last[-1]):
            return output  # what is written since, of which each example has one
        return output.index_copy(0, last, output[last].roll(1, 0))

    hook = block.register_forward_hook(change)
    try:
        yield
    finally:
        hook.remove()
