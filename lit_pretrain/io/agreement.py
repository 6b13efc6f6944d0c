"""Does what was written compute what the encoder computes? Legend: U units, D width."""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
import transformers
from torch import Tensor
from transformers import PreTrainedModel

from lit_pretrain.io.program import Example, Program
from lit_pretrain.types import Encoder

TOLERANCE = 1e-3  # of the largest number of an output


@torch.no_grad()
def disagreement(encoder: Encoder, example: Example, written: Callable[[Tensor], Sequence[Tensor]]) -> float:
    """The largest difference of outputs, as a share of the largest number in them, over two examples of one shape: a program
    that has kept values of the example that it was traced with is found out by the second.

    Args:
        written: tensor -> pooled (1, D) and units (U, D), or one of both; each is compared with that of its shape.

    Raises:
        ValueError: it exceeds 0.001, or the shapes differ.
    """
    worst = 0.0
    for values in (example.values, example.values.flip(-1)) if isinstance(example.values, Tensor) else (example.values,):
        ours = Program(encoder, example.batch).eval()(values)
        for theirs in written(values):
            fitting = [own for own in ours if own.shape == theirs.shape]
            if not fitting:
                shapes = " and ".join(str(tuple(own.shape)) for own in ours)
                raise ValueError(f"an output has the shape {tuple(theirs.shape)}, and those of the encoder {shapes}")
            worst = max(worst, min(float((own - theirs).abs().max() / own.abs().max().clamp(min=1e-6)) for own in fitting))
    if not worst <= TOLERANCE:
        raise ValueError(f"what was written differs from the encoder by {worst:.2g} of the largest number: do not use it")
    return worst


def units_of_transformers(
    folder: str | Path, reader: str, encoder: Encoder, example: Example
) -> Callable[[Tensor], list[Tensor]]:
    """The units (U, D) of what transformers reads from a folder. What its preprocessors do to a waveform is done here."""
    model: PreTrainedModel = getattr(transformers, reader).from_pretrained(folder).eval()
    model.config.mask_ratio = 0.0  # of ViTMAE

    def run(values: Tensor) -> list[Tensor]:
        if example.name == "tokens":
            return [model(input_ids=values[None]).last_hidden_state[0]]
        if example.name == "waveforms":
            standardise = encoder._init_args.get("normalise", False)
            values = F.layer_norm(values, values.shape, eps=1e-7) if standardise else values
            return [model(values[None]).last_hidden_state[0]]
        noise = {}
        if model.config.model_type == "vit_mae":  # which shuffles patches by noise, even where it hides none
            noise = {"noise": torch.arange(float((values.shape[-1] // model.config.patch_size) ** 2))[None]}
        return [model(pixel_values=values, **noise).last_hidden_state[0]]

    return run
