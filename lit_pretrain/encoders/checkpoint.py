"""An encoder that exists already, named in a configuration by where it lies."""

from pathlib import Path

from lit_pretrain.io.checkpoint import SUFFIX, checkpoints, load_encoder
from lit_pretrain.io.pretrained import from_pretrained
from lit_pretrain.types import Encoder


class FromCheckpoint(Encoder):
    """Gives the encoder that is stored at `path`, itself and not a wrapper of it.

    What is built is therefore an ordinary encoder of its own class: its blocks, its weight names and its spec are
    unchanged, and a checkpoint of the run that uses it needs `path` no more.

    Args:
        path: a checkpoint file or a run folder of lit_pretrain, or a folder that `lit-pretrain export` or
            transformers' `save_pretrained` wrote (or a name on the hub).

    Raises:
        ValueError: nothing whole is there, or the weights do not fit.
    """

    def __new__(cls, path: str) -> Encoder:
        if Path(path).suffix == SUFFIX or checkpoints(path):
            return load_encoder(path)
        return from_pretrained(path)

    def __init__(self, path: str):  # never run, since __new__ gives another class; it is the schema of configurations
        super().__init__()
