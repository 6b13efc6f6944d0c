"""Graphs written token by token.

Legend: G graphs, U tokens of all graphs end to end, N predicted tokens, D width, V vocabulary.
"""

import torch

from lit_pretrain.nn.graph_tokenizer.sequence import GraphSequence
from lit_pretrain.nn.graph_validity import GraphValidity
from lit_pretrain.nn.head.base import Head
from lit_pretrain.nn.weisfeiler_lehman import weisfeiler_lehman
from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.types import Encoder, GraphBatch, Losses, Term


class G2PT(PretrainModule):
    """Graph Generative Pre-trained Transformer (arXiv 2501.01073): after a graph's nodes come its edges; what comes next?

        s = sequence(graph), nodes numbered and edges ordered anew in each step
        loss = -mean over i of log p(s_i | s_<i)

    Drawing from p token by token makes new graphs. What is kept is a causal network whose last or mean vector stands for the
    graph. Base setting (of the authors' code): GPT-2 of 12 layers 768 wide, AdamW at 1e-4 with betas (0.9, 0.95). Their
    edges come by degree or breadth first, here by degree or at random; tokens that only separate are left out here (see
    `GraphSequence`), and sequences are laid end to end where theirs are filled up.

    Args:
        encoder: reads graphs as sequences, causally, such as GraphTokens.
        head: units (N, D) -> logits (N, V).
        validity: which generated graphs count as valid.
        max_length: the most tokens of a generated graph.
        temperature: of generated tokens.
    """

    def __init__(
        self,
        encoder: Encoder,
        head: Head,
        *,
        validity: GraphValidity = GraphValidity(),
        max_length: int = 512,
        temperature: float = 1.0,
    ):
        super().__init__()
        if not isinstance(getattr(encoder, "sequence", None), GraphSequence):
            raise ValueError(f"{type(encoder).__name__} does not read graphs as sequences; use GraphTokens as the encoder")
        if max_length < 2 or temperature < 0:
            raise ValueError(f"max_length={max_length} must be at least 2 and temperature={temperature} at least 0")
        self.encoder, self.head, self.validity = encoder, head, validity
        self.max_length, self.temperature = max_length, temperature

    def loss(self, batch: GraphBatch) -> Losses:
        told = self.encoder.sequence(batch, generator=self.generator)
        units, example = self.encoder(told).units, told.layout.example  # (U, D), (U,)
        has_next = example[:-1] == example[1:]  # (U - 1,) bool
        nll = self.head.cross_entropy(units[:-1][has_next], told.tokens[1:][has_next], self.encoder)
        return {"g2pt": Term(nll, has_next.sum())}

    def sample(self, count: int, generator: torch.Generator | None = None) -> GraphBatch:
        """`count` new graphs; one without nodes for each sequence that is no graph. Dropout should be off (`eval`)."""
        return self.encoder.generate(
            self.head, count, max_length=self.max_length, temperature=self.temperature, generator=generator
        )

    def describe_samples(self, samples: GraphBatch) -> tuple[list[bool], list[int]]:
        """Of each graph whether it is valid, and a number that isomorphic graphs share (see `weisfeiler_lehman`)."""
        nodes, edges = self.encoder.sequence.types(samples)
        keys = weisfeiler_lehman(nodes, samples.edges, samples.graphs, edges)
        return self.validity(samples).tolist(), keys.tolist()
