"""lit_pretrain: pretrain an encoder, watch probes rise, fine-tune it, take the weights away.

Names are imported when first used, so that `lit-pretrain --help` does not wait for torch.
"""

from importlib import import_module
from typing import Any

_HOME = {
    "load": "lit_pretrain.io.checkpoint",
    "load_encoder": "lit_pretrain.io.checkpoint",
    "from_pretrained": "lit_pretrain.io.pretrained",
    "save_pretrained": "lit_pretrain.io.pretrained",
    "trust": "lit_pretrain.part",
    "PretrainModule": "lit_pretrain.objectives.base",
}

__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'lit_pretrain' has no attribute {name!r}; it offers {', '.join(_HOME)}")
    return getattr(import_module(_HOME[name]), name)
