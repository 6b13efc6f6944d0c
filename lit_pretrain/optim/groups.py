"""Parameter groups: no decay on norms, biases and embeddings; a smaller rate for lower layers on request."""

from torch import nn

NO_DECAY = (nn.Embedding, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.modules.batchnorm._NormBase)


def parameter_groups(module: nn.Module, lr: float, weight_decay: float, layer_decay: float = 1.0) -> list[dict]:
    """Groups for a torch optimiser.

    Args:
        module: trainable parameters are taken from here; `module.encoder`, where there is one, gives the depths.
        lr: rate of the parameters above the encoder's last block.
        weight_decay: decay of matrices; vectors, norms and embeddings get none.
        layer_decay: factor on `lr` for each block further down (arXiv 2003.10555); 1: one rate for all.
    """
    depth = _depths(module) if layer_decay != 1.0 else {}
    top = max(depth.values(), default=0)
    groups: dict[tuple[float, float], dict] = {}
    seen: set[int] = set()
    for owner in module.modules():
        for parameter in owner.parameters(recurse=False):
            if not parameter.requires_grad or id(parameter) in seen:
                continue
            seen.add(id(parameter))
            decays = parameter.ndim >= 2 and not isinstance(owner, NO_DECAY)
            key = (lr * layer_decay ** (top - depth.get(id(parameter), top)), weight_decay if decays else 0.0)
            groups.setdefault(key, {"params": [], "lr": key[0], "weight_decay": key[1]})["params"].append(parameter)
    return list(groups.values())


def _depths(module: nn.Module) -> dict[int, int]:
    """Parameter id -> 0 for the embedding, i + 1 for block i, number of blocks + 1 for all that is above."""
    encoder = getattr(module, "encoder", module)
    depth = {id(p): 0 for p in encoder.parameters()}
    for i, block in enumerate(encoder.blocks):
        depth |= {id(p): i + 1 for p in block.parameters()}
    above = len(encoder.blocks) + 1
    for name in ("final_norm", "pooling"):
        depth |= {id(p): above for p in getattr(getattr(encoder, name, None), "parameters", list)()}
    return {id(p): above for p in module.parameters()} | depth
