"""A causal network of sequences that reads graphs.

Legend: G graphs, U tokens of all graphs end to end, D width, V vocabulary.
"""

from dataclasses import replace

import torch
from torch import Tensor, nn

from lit_pretrain.nn.generate import generate
from lit_pretrain.nn.graph_tokenizer.sequence import GraphSequence
from lit_pretrain.nn.head.base import Head
from lit_pretrain.nn.pooling.base import Pooling
from lit_pretrain.nn.pooling.mean import Mean
from lit_pretrain.types import Encoded, Encoder, GraphBatch, Layout, TextBatch


class GraphTokens(Encoder):
    """Each graph is told as a sequence of tokens and read by a network of such.

    Its units are tokens: those of the nodes, then those of the edges, with three markers (see `GraphSequence`); a graph of n
    nodes and m edges has 2 n + 2 m + 3 of them, or 2 n + 3 m + 3 where edges have types. In training, each pass tells graphs
    in a new order, drawn from torch's global generator; in evaluation, nodes are told as the data number them.

    Args:
        sequence: how graphs are told.
        model: reads tokens, such as GPT2.
        pooling: one vector a graph, of its units.

    Raises:
        ValueError: the model knows another number of tokens.
    """

    def __init__(self, sequence: GraphSequence, model: Encoder, pooling: Pooling = Mean()):
        super().__init__()
        size, known = sequence.vocabulary.size, len(model.token_table())
        if known != size:
            raise ValueError(f"the model knows {known} tokens and graphs are told in {size}: set its vocab_size to {size}")
        self.sequence, self.model, self.pooling = sequence, model, pooling
        self.dim, self.num_layers = model.dim, model.num_layers

    @property
    def blocks(self) -> nn.ModuleList:
        return self.model.blocks

    def forward(
        self,
        inputs: GraphBatch | TextBatch,
        *,
        keep: Tensor | None = None,
        mask: Tensor | None = None,
        layers: bool = False,
    ) -> Encoded:
        """
        Args:
            inputs: graphs, or their tokens.
            keep, mask, layers: see `Encoder`.
        """
        encoded = self.model(self.tell(inputs), keep=keep, mask=mask, layers=layers)
        return replace(encoded, pooled=self.pooling(encoded.units, encoded.layout))

    def tell(self, inputs: GraphBatch | TextBatch) -> TextBatch:
        """The tokens of graphs; tokens as they are."""
        return inputs if isinstance(inputs, TextBatch) else self.sequence(inputs, shuffle=self.training)

    def layout(self, inputs: GraphBatch | TextBatch) -> Layout:
        return self.model.layout(self.tell(inputs))

    def token_table(self) -> Tensor:
        return self.model.token_table()

    def generate(
        self,
        head: Head,
        count: int,
        *,
        max_length: int,
        temperature: float = 1.0,
        top_k: int | None = None,
        generator: torch.Generator | None = None,
    ) -> GraphBatch:
        """New graphs, token by token.

        Args:
            head: units -> logits (U, V).
            count: G.
            max_length: the most tokens of a graph; a longer one is not finished.
            temperature, top_k, generator: see `generate`.

        Returns:
            Graphs on the model's device; one without nodes for each sequence that is no graph.
        """
        vocabulary, device = self.sequence.vocabulary, self.token_table().device
        prompt = TextBatch(torch.full((count,), vocabulary.need("bos"), device=device), (1,) * count)
        written = generate(self.model, head, prompt, max_new_tokens=max_length - 1, temperature=temperature, top_k=top_k,
                           stop=vocabulary.eos, generator=generator)  # fmt: skip
        tokens = [part for new in written for part in (prompt.tokens[:1], new)]
        return self.sequence.decode(TextBatch(torch.cat(tokens), tuple(1 + len(new) for new in written)))
