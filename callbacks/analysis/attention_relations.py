"""Which attention heads follow which relations between units, while they are being learned.

Legend: L layers, H heads, P pairs.
"""

from contextlib import ExitStack
from typing import Any, Literal

import lightning as L
import torch
from torch import Tensor

from lit_pretrain.callbacks.attention import Weights, of_examples, uncompiled
from lit_pretrain.callbacks.canvas import grids
from lit_pretrain.callbacks.features import given_data, together
from lit_pretrain.callbacks.measurement import Measurement
from lit_pretrain.callbacks.pictures import write
from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.part import spec
from lit_pretrain.probes.attention_relations import attention_hits, best_offsets
from lit_pretrain.types import Batch

Found = dict[str, tuple[Tensor, Tensor]]  # relation -> hits (P, L, H) and pairs (P, 4)


class AttentionRelations(Measurement):
    """For each relation that the data know (`DataModule.relations`), how often one of the k most attended units lies where
    the relation leads, for each head of each layer, of validation examples (CodeSyntax, arXiv 2210.14473):

    `NAME/RELATION`: of the best head; `NAME/RELATION/offsets`: of the k best fixed offsets, for comparison: a head that is
    not better may have learned positions alone. `NAME/mean` and `NAME/mean_offsets`: over the relations. Best heads and best
    offsets are chosen on the pairs that they are measured on. All heads stand in a picture, rows are layers; history and
    protocol go into `summary.json` and checkpoints.

    Args:
        data: of the encoder's modality; None: what the run trains on.
        every_n_steps, every_n_epochs, name, on_error: see `Measurement`.
        limit: validation examples.
        k: units that count as attended.
        backward: follow relations from where they lead to where they start, for models that look back only.
        least: pairs that a relation must have to be measured.
    """

    def __init__(
        self,
        data: DataModule | None = None,
        every_n_steps: int = 0,
        every_n_epochs: int = 0,
        limit: int = 200,
        k: int = 1,
        backward: bool = False,
        least: int = 20,
        name: str | None = None,
        on_error: Literal["warn", "raise"] = "warn",
    ):
        super().__init__(every_n_steps, every_n_epochs, name, on_error)
        if limit < 1 or k < 1 or least < 1:
            raise ValueError(f"limit={limit}, k={k}, least={least}: give at least one of each")
        self.data, self.limit, self.k, self.backward, self.least = data, limit, k, backward, least

    def take(self, trainer: L.Trainer, pl_module: L.LightningModule) -> tuple[dict[str, Any], dict[str, Any]]:
        """Relation -> what is known of its heads; and how it was measured."""
        data = given_data(trainer, self.data)
        shares = together(trainer, lambda: self._share(trainer, pl_module, data))
        found = {}
        for relation in sorted({relation for share in shares for relation in share}):
            hits, pairs = (torch.cat(x) for x in zip(*(s[relation] for s in shares if relation in s), strict=True))
            if len(pairs) >= self.least:
                found[relation] = self._summed_up(hits.double().mean(0), pairs)
        if not found:
            raise ValueError(f"{type(data).__name__} knows of no relation that {self.least} pairs of {self.limit} examples"
                             " stand in: give data with `relations`, more examples, or a smaller `least`")  # fmt: skip
        protocol = {"data": spec(data), "limit": self.limit, "k": self.k, "backward": self.backward}
        return found, protocol | {"pairs": {relation: row["pairs"] for relation, row in found.items()}}

    def tell(self, trainer: L.Trainer, pl_module: L.LightningModule, found: dict[str, Any]) -> None:
        best, offsets = ({relation: row[what] for relation, row in found.items()} for what in ("best", "offsets"))
        values = {f"{self.name}/{relation}": value for relation, value in best.items()}
        values |= {f"{self.name}/{relation}/offsets": value for relation, value in offsets.items()}
        values |= {f"{self.name}/mean": sum(best.values()) / len(best),
                   f"{self.name}/mean_offsets": sum(offsets.values()) / len(best)}  # fmt: skip
        self.publish(trainer, values)
        if trainer.is_global_zero:
            panels = {f"{relation.replace('_', ' ')} (offsets {row['offsets']:.2f})": torch.tensor(row["heads"]).numpy()
                      for relation, row in found.items()}  # fmt: skip
            with self.observing(pl_module):  # drawing is not training either
                write(trainer, {f"{self.name}: how often heads follow relations": grids(panels, "layer", "head")})

    def _summed_up(self, heads: Tensor, pairs: Tensor) -> dict[str, Any]:
        """Of heads (L, H) and pairs (P, 4)."""
        layer, head = divmod(int(heads.argmax()), heads.shape[1])
        share, offsets = best_offsets(pairs, self.k)
        return {"best": float(heads.max()), "layer": layer, "head": head, "offsets": share, "best_offsets": list(offsets),
                "pairs": len(pairs), "heads": heads.tolist()}  # fmt: skip

    def _share(self, trainer: L.Trainer, pl_module: L.LightningModule, data: DataModule) -> Found:
        """Of the examples that this rank's loader gives, on the host."""
        parts: dict[str, list[tuple[Tensor, Tensor]]] = {}
        with uncompiled(pl_module), trainer.precision_plugin.forward_context():
            for batch in data.loader("validation", shuffle=False, limit=self.limit):
                for relation, found in self._of_batch(pl_module, data, batch.to(pl_module.device)):
                    parts.setdefault(relation, []).append(found)
        return {relation: tuple(torch.cat(x) for x in zip(*found, strict=True)) for relation, found in parts.items()}

    def _of_batch(
        self, pl_module: L.LightningModule, data: DataModule, batch: Batch
    ) -> list[tuple[str, tuple[Tensor, Tensor]]]:
        relations = data.relations(batch)
        if relations is None:
            return []
        with ExitStack() as stack:
            seen = [stack.enter_context(Weights(block)) for block in pl_module.encoder.blocks]
            layout = pl_module.encode(batch).layout
        if layout.num_units != len(relations.among) or layout.leading:
            raise ValueError(f"the units of {type(pl_module.encoder).__name__} are not those whose relations are known")
        layers = [of_examples(block.kept, layout) for block in seen]
        among, firsts = relations.among.split(layout.lengths), layout.offsets.tolist()
        found = []
        for relation, pairs in relations.pairs.items():
            pairs = pairs[:, [2, 3, 0, 1]] if self.backward else pairs
            example = layout.example[pairs[:, 0]]
            for b in example.unique().tolist():
                own = pairs[example == b] - firsts[b]
                hits = torch.stack([attention_hits(layer[b], among[b], own, self.k) for layer in layers], 1)
                found.append((relation, (hits.cpu(), own.cpu())))
        return found
