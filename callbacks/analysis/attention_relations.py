"""Which attention heads follow which relations between units, while they are being learned.

Legend: L layers, H heads, P pairs.
"""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Literal

import lightning as L
import numpy as np
import torch
from torch import Tensor

from lit_pretrain.callbacks.attention import of_layers, uncompiled
from lit_pretrain.callbacks.canvas import Drawn, grids
from lit_pretrain.callbacks.features import given_data, together
from lit_pretrain.callbacks.measurement import Measurement
from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.part import spec
from lit_pretrain.probes.attention_probe import AttentionProbe, Candidates
from lit_pretrain.probes.attention_relations import attention_hits, best_offsets
from lit_pretrain.probes.keywords import Keywords

# Relation, weights (H, L, L) of each layer, units among, pairs (P, 4), symbols (L,) if units are such.
Example = tuple[str, list[Tensor], Tensor, Tensor, Tensor | None]
Found = dict[str, list[tuple[Tensor, Tensor, Keywords | None]]]  # relation -> hits (P, L, H) and pairs (P, 4) of examples


class AttentionRelations(Measurement):
    """Which heads follow the relations that the data know (`DataModule.relations`; CodeSyntax, arXiv 2210.14473).

    How often, in validation examples, one of the k most attended units lies where the relation leads, for each head:
    `NAME/RELATION`: of the best head; `NAME/RELATION/offsets`: of the k best fixed offsets, for comparison: a head that is
    not better may have learned positions alone. `NAME/mean` and `NAME/mean_offsets`: over the relations. Best heads and best
    offsets are chosen on the pairs that they are measured on.
    `NAME/RELATION/keywords` and `NAME/mean_keywords`: of the k best keywords, where units are symbols such as tokens: the
    next unit with this symbol is chosen (see `Keywords`).
    `NAME/RELATION/all_heads`: of all heads together by the probe, if there is one, fitted to training pairs.

    All heads stand in a picture, rows are layers; history and protocol go into `summary.json` and checkpoints.

    Args:
        data: of the encoder's modality; None: what the run trains on.
        every_n_steps, every_n_epochs, name, on_error: see `Measurement`.
        limit: validation examples.
        k: units that count as attended.
        backward: follow relations from where they lead to where they start, for models that look back only.
        least: pairs that a relation must have to be measured.
        probe: of all heads together; None: none.
        pairs: of each relation and split that the probe sees, at most.
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
        probe: AttentionProbe | None = None,
        pairs: int = 500,
        name: str | None = None,
        on_error: Literal["warn", "raise"] = "warn",
    ):
        super().__init__(every_n_steps, every_n_epochs, name, on_error)
        if min(limit, k, least, pairs) < 1:
            raise ValueError(f"limit={limit}, k={k}, least={least}, pairs={pairs}: give at least one of each")
        self.data, self.limit, self.k, self.backward, self.least = data, limit, k, backward, least
        self.probe, self.pairs = deepcopy(probe), pairs

    def take(self, trainer: L.Trainer, pl_module: L.LightningModule) -> tuple[dict[str, Any], dict[str, Any]]:
        """Relation -> what is known of its heads; and how it was measured."""
        data = given_data(trainer, self.data)
        shares = together(trainer, lambda: self._share(trainer, pl_module, data))
        found = {}
        for relation in sorted({relation for share in shares for relation in share}):
            hits, pairs, words = zip(*(part for share in shares for part in share.get(relation, ())), strict=True)
            if sum(map(len, pairs)) >= self.least:
                found[relation] = self._summed_up(torch.cat(hits).double().mean(0), torch.cat(pairs))
                if None not in words:
                    found[relation]["keywords"], best = Keywords.cat(words).best(self.k)
                    found[relation]["best_keywords"] = list(best)
        if not found:
            raise ValueError(f"{type(data).__name__} knows of no relation that {self.least} pairs of {self.limit} examples"
                             " stand in: give data with `relations`, more examples, or a smaller `least`")  # fmt: skip
        if self.probe is not None:
            for relation, accuracy in self._probed(trainer, pl_module, data).items():
                if relation in found:
                    found[relation]["all_heads"] = accuracy
        protocol = {"data": spec(data), "limit": self.limit, "k": self.k, "backward": self.backward}
        return found, protocol | {"pairs": {relation: row["pairs"] for relation, row in found.items()}}

    def tell(self, trainer: L.Trainer, pl_module: L.LightningModule, found: dict[str, Any]) -> None:
        best, offsets = ({relation: row[what] for relation, row in found.items()} for what in ("best", "offsets"))
        values = {f"{self.name}/{relation}": value for relation, value in best.items()}
        values |= {f"{self.name}/{relation}/offsets": value for relation, value in offsets.items()}
        values |= {f"{self.name}/{relation}/{what}": row[what] for relation, row in found.items()
                   for what in ("keywords", "all_heads") if what in row}  # fmt: skip
        values |= {f"{self.name}/mean": sum(best.values()) / len(best),
                   f"{self.name}/mean_offsets": sum(offsets.values()) / len(best)}  # fmt: skip
        if all("keywords" in row for row in found.values()):
            values[f"{self.name}/mean_keywords"] = sum(row["keywords"] for row in found.values()) / len(found)
        self.publish(trainer, values)

    def drawn(self, found: dict[str, Any]) -> Drawn:
        panels = {f"{relation.replace('_', ' ')} (offsets {row['offsets']:.2f})": np.array(row["heads"], np.float32)
                  for relation, row in found.items()}  # fmt: skip
        return {"how often heads follow relations": grids(panels, "layer", "head")}

    def _summed_up(self, heads: Tensor, pairs: Tensor) -> dict[str, Any]:
        """Of heads (L, H) and pairs (P, 4)."""
        layer, head = divmod(int(heads.argmax()), heads.shape[1])
        share, offsets = best_offsets(pairs, self.k)
        return {"best": float(heads.max()), "layer": layer, "head": head, "offsets": share, "best_offsets": list(offsets),
                "pairs": len(pairs), "heads": heads.tolist()}  # fmt: skip

    def _share(self, trainer: L.Trainer, pl_module: L.LightningModule, data: DataModule) -> Found:
        """Of the examples that this rank's loader gives, on the host."""
        parts: Found = {}
        for relation, layers, among, pairs, symbols in self._examples(trainer, pl_module, data, "validation"):
            hits = torch.stack([attention_hits(layer, among, pairs, self.k) for layer in layers], 1)
            words = None if symbols is None else Keywords.of(symbols.cpu(), among.cpu(), pairs.cpu())
            parts.setdefault(relation, []).append((hits.cpu(), pairs.cpu(), words))
        return parts

    def _probed(self, trainer: L.Trainer, pl_module: L.LightningModule, data: DataModule) -> dict[str, float]:
        """Relation -> accuracy of the probe, where both splits have pairs of it."""
        train, held = ({}, {})
        for split, found in (("train", train), ("validation", held)):
            for share in together(trainer, lambda split=split: self._candidates(trainer, pl_module, data, split)):
                for relation, candidates in share.items():
                    found.setdefault(relation, []).append(candidates)
        both = train.keys() & held.keys()
        return {name: self.probe.fit(Candidates.cat(train[name])).accuracy(Candidates.cat(held[name])) for name in both}

    def _candidates(
        self, trainer: L.Trainer, pl_module: L.LightningModule, data: DataModule, split: str
    ) -> dict[str, Candidates]:
        """Of the first `pairs` pairs of each relation that this rank reads, on the host."""
        parts: dict[str, list[Candidates]] = {}
        for relation, layers, among, pairs, _ in self._examples(trainer, pl_module, data, split):
            room = self.pairs - sum(part.pairs for part in parts.setdefault(relation, []))
            if room > 0:
                host = [layer.cpu() for layer in layers]
                parts[relation].append(Candidates.of(host, among.cpu(), pairs[:room].cpu()))
        return {relation: Candidates.cat(found) for relation, found in parts.items()}

    def _examples(self, trainer: L.Trainer, pl_module: L.LightningModule, data: DataModule, split: str) -> Iterator[Example]:
        """Each relation of each example that this rank's loader gives."""
        with uncompiled(pl_module), trainer.precision_plugin.forward_context():
            for batch in data.loader(split, shuffle=False, limit=self.limit):
                batch = batch.to(pl_module.device)
                relations = data.relations(batch)
                if relations is None:
                    continue
                layout, layers = of_layers(pl_module, batch)
                if layout.num_units != len(relations.among) or layout.leading:
                    raise ValueError(
                        f"the units of {type(pl_module.encoder).__name__} are not those whose relations are known"
                    )
                among, firsts = relations.among.split(layout.lengths), layout.offsets.tolist()
                symbols = None if batch.symbols is None else batch.symbols.split(layout.lengths)
                for relation, pairs in relations.pairs.items():
                    pairs = pairs[:, [2, 3, 0, 1]] if self.backward else pairs
                    example = layout.example[pairs[:, 0]]
                    for b in example.unique().tolist():
                        own = None if symbols is None else symbols[b]
                        yield relation, [layer[b] for layer in layers], among[b], pairs[example == b] - firsts[b], own
