"""A visual tokenizer that exists already, named in a configuration by where it lies."""

from pathlib import Path

from lit_pretrain.io.checkpoint import load
from lit_pretrain.nn.quantizer.vector import VectorQuantizer
from lit_pretrain.nn.tokenizer.base import VisualTokenizer
from lit_pretrain.nn.tokenizer.vq import VQTokenizer


class TokenizerFromCheckpoint(VisualTokenizer):
    """Gives the `VQTokenizer` of the run at `path`, itself and not a wrapper of it.

    A checkpoint of the run that uses it needs `path` no more. Its images must be normalised as those of that run.

    Args:
        path: a checkpoint file or a run folder of an objective with a `VectorQuantizer` on its encoder, such as `VQGAN`.

    Raises:
        ValueError: nothing whole is there, or its objective has no such quantiser.
    """

    def __new__(cls, path: str) -> VisualTokenizer:
        if not Path(path).exists():
            raise ValueError(f"{path}: no run or checkpoint of a tokenizer is there")
        module = load(path)
        quantizer = getattr(module, "quantizer", None)
        if not isinstance(quantizer, VectorQuantizer):
            raise ValueError(f"{path} is a {type(module).__name__}, whose encoder has no quantiser; a run of VQGAN has one")
        return VQTokenizer(module.encoder, quantizer)

    def __init__(self, path: str):  # never run, since __new__ gives another class; it is the schema of configurations
        super().__init__()
