"""Two walks from one node find the same surroundings. Legend: R roots, Q queue, D width."""

from torch import Tensor, nn

from lit_pretrain.corruptions.graph.restart_walks import RestartWalks
from lit_pretrain.corruptions.graph.subgraphs import draw_roots
from lit_pretrain.losses.info_nce import info_nce
from lit_pretrain.nn.ema import EMA
from lit_pretrain.nn.queue import Queue
from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.types import Encoder, GraphBatch, Losses, Term


class GCC(PretrainModule):
    """Graph contrastive coding (arXiv 2006.09963): which two ego nets were drawn around the same node?

    Two random walks with restart from one root give two subgraphs, of which nothing but the edges and the root is known.
    With q and k their vectors,

        loss = -mean over roots of log( exp(cos(q, k+) / t) / sum over k of exp(cos(q, k) / t) )

    where k runs over the roots of the batch (E2E), or, with a queue, over k+ and the keys of earlier batches, all by a
    moving average of the encoder (MoCo). Only structure is seen, so the encoder transfers to graphs of other features.
    Base setting: GIN of 5 layers, 64 wide, `EgoFeatures`, Adam at 0.005; E2E with 1024 roots, or MoCo with 32 and Q 16384.
    The paper draws roots by the 3/4th power of their degree from several large graphs; here all have the same chance.

    Args:
        encoder: of ego nets, `encoders.ego_nets.EgoNets`.
        walks: that draw the two ego nets of a root.
        roots: the most of a batch: of the examples where nodes are, else a random node of each graph; None: all of them.
        queue: of vectors as wide as the encoder's; None: E2E.
        momentum: of the moving average, with a queue.
        temperature: t.
    """

    def __init__(
        self,
        encoder: Encoder,
        *,
        walks: RestartWalks = RestartWalks(),
        roots: int | None = 1024,
        queue: Queue | None = None,
        momentum: float = 0.999,
        temperature: float = 0.07,
    ):
        super().__init__()
        if temperature <= 0 or (roots is not None and roots < 2):
            raise ValueError(f"temperature={temperature} must be above 0 and roots={roots} at least 2")
        self.encoder, self.walks, self.roots, self.queue = encoder, walks, roots, queue
        self.temperature = temperature
        self.teacher = None if queue is None else EMA(encoder, momentum, batch_statistics=True)
        self._new: list[Tensor] = []

    def loss(self, batch: GraphBatch) -> Losses:
        roots = draw_roots(batch, self.roots, self.generator)
        first, second = (self.walks(batch, roots, self.generator) for _ in range(2))
        queries = self.encoder(first).pooled  # (R, D)
        if self.queue is None:
            nll = info_nce(queries, self.encoder(second).pooled, self.temperature)
        else:
            keys = nn.functional.normalize(self.teacher(second).pooled.float(), dim=1)
            nll = info_nce(queries, keys, self.temperature, self.queue())
            if self.training:
                self._new.append(keys)
        return {"gcc": Term(nll * len(roots), len(roots))}

    def after_step(self) -> None:
        if self.queue is not None:
            self.teacher.update(self.encoder, self.progress)
            for keys in self._new:
                self.queue.push(keys)
            self._new = []
