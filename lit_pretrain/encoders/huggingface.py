"""Any text encoder of `transformers`, unchanged.

Legend: B examples, L longest of them, U tokens of all examples end to end, D width.
"""

import inspect
from typing import Any

import torch
from torch import Tensor, nn

from lit_pretrain.io import automodel
from lit_pretrain.nn.pooling.base import Pooling
from lit_pretrain.nn.pooling.mean import Mean
from lit_pretrain.types import Encoded, Encoder, Layout, TextBatch


class HuggingFaceEncoder(Encoder):
    """What `AutoModel` gives for a name or folder, under the weight names of transformers (after `model.`).

    Examples are padded inside and the padding is dropped again. Of an encoder-decoder the encoder is taken. A
    checkpoint keeps the model's configuration, so it needs neither name nor folder again.

    Args:
        name_or_folder: of the model.
        pretrained: load its weights; false: only its architecture, with fresh weights.
        pooling: one vector an example.
        config: in place of the folder's config.json.

    Raises:
        ValueError: no such model, weights are missing from its files, or its blocks cannot be found.
    """

    def __init__(
        self,
        name_or_folder: str,
        pretrained: bool = True,
        pooling: Pooling = Mean(),
        config: dict[str, Any] | None = None,
    ):
        super().__init__()
        self.pooling = pooling
        self.model = automodel.load(name_or_folder) if pretrained else automodel.fresh(name_or_folder, config)
        self.whole = not self.model.config.is_encoder_decoder  # half a model cannot be written as one
        if not self.whole:
            self.model = self.model.get_encoder()
        self.dim = self.model.config.hidden_size
        self.num_layers = self.model.config.num_hidden_layers
        if self._find_blocks() is None:
            raise ValueError(f"{name_or_folder}: {type(self.model).__name__} has no list of {self.num_layers} blocks"
                             " that a strategy could shard one by one")  # fmt: skip
        self._parameters_of_call = set(inspect.signature(self.model.forward).parameters)
        # A rebuilt encoder gets its weights from the checkpoint, so only the architecture is recorded.
        self._init_args |= {"pretrained": False, "config": automodel.config_of(self.model)}

    @property
    def blocks(self) -> nn.ModuleList:
        # Not an attribute: the weights would stand twice in the state, and not only under transformers' names.
        return self._find_blocks()

    def forward(
        self, inputs: TextBatch, *, keep: Tensor | None = None, mask: Tensor | None = None, layers: bool = False
    ) -> Encoded:
        if mask is not None:
            raise ValueError(f"{type(self.model).__name__} has no vector for masked units; replace tokens by the"
                             " tokenizer's [MASK] instead, or use an encoder built with maskable=true")  # fmt: skip
        tokens, layout = inputs.tokens, inputs.layout
        if keep is not None:
            tokens, layout = tokens[keep], layout.keep(keep)
        lengths = torch.tensor(layout.lengths, device=tokens.device)
        valid = torch.arange(layout.max_length, device=tokens.device) < lengths[:, None]  # (B, L) bool
        padded = tokens.new_full(valid.shape, self.model.config.pad_token_id or 0)
        padded[valid] = tokens
        call = {"input_ids": padded, "attention_mask": valid.long(), "output_hidden_states": layers}
        if not layout.contiguous:
            call["position_ids"] = self._positions(layout, valid)
        out = self.model(**call)
        units = out.last_hidden_state[valid]  # (B, L, D) -> (U, D)
        names = ["embedding", *(f"block{i:02d}" for i in range(self.num_layers))]
        named = {name: x[valid] for name, x in zip(names, out.hidden_states, strict=True)} if layers else {}
        return Encoded(self.pooling(units, layout), units, layout, named)

    def token_table(self) -> Tensor:
        return self.model.get_input_embeddings().weight

    def _find_blocks(self) -> nn.ModuleList | None:
        lists = (m for m in self.model.modules() if isinstance(m, nn.ModuleList) and len(m) == self.num_layers)
        return next(lists, None)

    def _positions(self, layout: Layout, valid: Tensor) -> Tensor:
        """(B, L) where the kept units stand."""
        relative = getattr(self.model.config, "relative_attention", False)
        if "position_ids" not in self._parameters_of_call or relative:
            raise ValueError(f"{type(self.model).__name__} cannot be told the positions of its units, so none can be"
                             " left out (keep)")  # fmt: skip
        # RoBERTa and its kin count from the row after that of the padding id.
        tables = (m for n, m in self.model.named_modules() if n.endswith("position_embeddings"))
        padding = getattr(next(tables, None), "padding_idx", None)
        positions = layout.position.new_zeros(valid.shape)
        positions[valid] = layout.position + (0 if padding is None else padding + 1)
        return positions
