"""DGI on a generated graph of a million nodes and ten million links: memory, speed, and what is learned.

    python experiments/graph/large/run.py

The figures stand in README.md.
"""

import argparse
import resource
import time
from itertools import islice

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback

from lit_pretrain.datamodules.graph.datamodule import GraphDataModule
from lit_pretrain.datamodules.graph.sampling.neighbours import Neighbours
from lit_pretrain.datamodules.graph.source.stochastic_block import StochasticBlocks
from lit_pretrain.encoders.torch_geometric import PyGEncoder
from lit_pretrain.nn.nodes.raw import Raw
from lit_pretrain.objectives.graph.dgi import DGI
from lit_pretrain.optim.recipe import AdamW
from lit_pretrain.probes.logistic import LogisticProbe

BLOCKS, FEATURES, TESTED, BATCHES = 100, 32, 5000, 50
INSIDE, OUTSIDE = 12, 8  # links that a node has on average, in its block and to others


class Clock(Callback):
    """Seconds since the first steps, which warm up, on the wall and of this process alone."""

    def __init__(self, warm_up: int):
        self.warm_up, self.seconds = warm_up, (0.0, 0.0)
        self._begin = (0.0, 0.0)

    def on_train_batch_end(self, trainer: L.Trainer, *_: object) -> None:
        now = time.perf_counter(), time.process_time()
        if trainer.global_step == self.warm_up:
            self._begin = now
        self.seconds = now[0] - self._begin[0], now[1] - self._begin[1]


def peak() -> str:
    """The most memory that this process has held."""
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB"


@torch.no_grad()
def probed(encoder: PyGEncoder, data: GraphDataModule) -> float:
    """Accuracy of a linear probe of test nodes, in percent."""
    found = {}
    for split, limit in (("train", None), ("test", TESTED)):
        batches = list(data.loader(split, shuffle=False, labelled=True, limit=limit))
        vectors = torch.cat([encoder(batch).pooled for batch in batches])
        found[split] = vectors, torch.cat([batch.labels for batch in batches])
    probe = LogisticProbe(l2=(1e-1,)).fit(*found["train"])
    vectors, labels = found["test"]
    return 100 * (probe.predict(vectors) == labels).float().mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=1_000_000)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 10], help="neighbours of each hop")
    parser.add_argument("--batch_size", type=int, default=512)
    parser.add_argument("--workers", type=int, default=0)
    arguments = parser.parse_args()
    L.seed_everything(0, verbose=False)
    size = arguments.nodes // BLOCKS
    chances = INSIDE / size, OUTSIDE / (arguments.nodes - size)
    sampling = Neighbours(arguments.sizes, arguments.batch_size)
    source = StochasticBlocks([size] * BLOCKS, *chances, features=FEATURES)
    data = GraphDataModule(source, sampling=sampling, labelled_sampling=sampling, num_workers=arguments.workers)
    begin = time.process_time()
    graph = data.graph()
    seconds = time.process_time() - begin
    print(f"{graph.num_nodes:,} nodes, {len(graph.edges) // 2:,} links, made in {seconds:.0f} s; peak {peak()}")
    batches = iter(data.loader("train", shuffle=True))
    first, begin = next(batches), time.process_time()
    for _ in islice(batches, BATCHES):
        pass
    seconds = (time.process_time() - begin) / BATCHES
    print(f"a batch: {first.num_nodes:,} nodes, {len(first.edges):,} edges, {1000 * seconds:.0f} ms")
    layers = len(arguments.sizes)
    encoder = PyGEncoder(Raw(FEATURES), model="GraphSAGE", dim=128, num_layers=layers, options={"act": "prelu"})
    before = probed(encoder.eval(), data)
    model, clock = DGI(encoder.train()), Clock(min(20, arguments.steps // 2))
    model.optim = AdamW(1e-3, weight_decay=0.0)
    trainer = L.Trainer(max_steps=arguments.steps, accelerator="cpu", callbacks=[clock], limit_val_batches=0, logger=False,
                        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False)  # fmt: skip
    trainer.fit(model, data)
    wall, computing = ((arguments.steps - clock.warm_up) / seconds for seconds in clock.seconds)
    print(f"{arguments.steps} steps: {wall:.1f} a second, {computing:.1f} a second of computing; peak {peak()}")
    print(f"linear probe: {before:.1f} % before, {probed(encoder.eval(), data):.1f} % after, {100 / BLOCKS:.0f} % by chance")


if __name__ == "__main__":
    main()
