"""A fine-tuned model that exists already, named in a configuration by where it lies."""

from lit_pretrain.downstream.finetune import FineTune
from lit_pretrain.io.checkpoint import load


class Taught(FineTune):
    """Gives the model that a run of `FineTune` left at `path`, itself and not a wrapper of it.

    A checkpoint of what uses it therefore needs `path` no more.

    Args:
        path: a checkpoint file or a run folder.

    Raises:
        ValueError: nothing whole is there, or it is no fine-tuned model.
    """

    def __new__(cls, path: str) -> FineTune:
        found = load(path)
        if not isinstance(found, FineTune):
            raise ValueError(f"{path} holds a {type(found).__name__}, and a teacher needs a head: fine-tune it first by"
                             " lit_pretrain.downstream.finetune.FineTune")  # fmt: skip
        return found

    def __init__(self, path: str):  # never run, since __new__ gives another class; it is the schema of configurations
        raise AssertionError(path)
