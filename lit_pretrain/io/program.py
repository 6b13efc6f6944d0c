"""An encoder as a function of one tensor, and as a program that needs none of its code.

Legend: U units of the example, D width.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lit_pretrain.types import Batch, Encoder, ImageBatch, SpeechBatch, TextBatch

TORCH, ONNX = "encoder.pt2", "encoder.onnx"
OUTPUTS = ("pooled", "units")


class Example(NamedTuple):
    """One example as a tensor.

    Attributes:
        name: what the tensor is: "images" (1, C, H, W), "tokens" (U,) or "waveforms" (samples,).
        values: the tensor; where one is not all that an encoder sees (as of graphs), the whole batch, called "batch".
        batch: makes a batch of such a tensor.
    """

    name: str
    values: Tensor | Batch
    batch: Callable[[Tensor], Batch]


def example_of(batch: Batch) -> Example:
    """The first example of a batch, without its labels."""
    if isinstance(batch, ImageBatch):
        return Example("images", batch.images[:1], ImageBatch)
    if isinstance(batch, SpeechBatch):
        rate = batch.sample_rate
        return Example("waveforms", batch.waveforms[: batch.lengths[0]], lambda x: SpeechBatch(x, (len(x),), rate))
    if isinstance(batch, TextBatch):
        return Example("tokens", batch.tokens[: batch.lengths[0]], lambda x: TextBatch(x, (len(x),)))
    return Example("batch", batch, lambda whole: whole)


class Program(nn.Module):
    """The tensor of an example -> its pooled vector (1, D) and units (U, D)."""

    def __init__(self, encoder: Encoder, batch: Callable[[Tensor], Batch]):
        super().__init__()
        self.encoder, self.batch = encoder, batch

    def forward(self, values: Tensor) -> tuple[Tensor, Tensor]:
        encoded = self.encoder(self.batch(values))
        return encoded.pooled, encoded.units


def save_torch_export(encoder: Encoder, folder: str | Path, example: Example) -> Path:
    """Write a program of `torch.export`, for one example of the very shape of this one: packing divides the units by their
    numbers while it is traced, so that each length is a program of its own.

    Raises:
        ValueError: torch cannot trace the encoder.
    """
    program, path = _traced(encoder, example), Path(folder) / TORCH
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.export.save(program, path)
    return path


def save_onnx(encoder: Encoder, folder: str | Path, example: Example) -> Path:
    """Likewise for ONNX runtimes.

    Raises:
        ValueError: the packages of the extra `onnx` are missing, or torch cannot trace the encoder.
    """
    try:
        import onnxscript  # noqa: F401  torch writes with it
    except ImportError as error:
        raise ValueError("format onnx needs the extra: pip install lit_pretrain[onnx]") from error
    path = Path(folder) / ONNX
    path.parent.mkdir(parents=True, exist_ok=True)
    program = torch.onnx.export(_traced(encoder, example), input_names=[example.name], output_names=OUTPUTS, verbose=False)
    program.save(path)
    return path


def load_torch_export(path: Path) -> Callable[[Tensor], Sequence[Tensor]]:
    """The function that was written."""
    return torch.export.load(path).module()


def load_onnx(path: Path) -> Callable[[Tensor], Sequence[Tensor]]:
    """The function that was written, run by onnxruntime."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path)
    (given,) = session.get_inputs()
    return lambda values: [torch.from_numpy(found) for found in session.run(None, {given.name: values.numpy()})]


def _traced(encoder: Encoder, example: Example) -> torch.export.ExportedProgram:
    if isinstance(example.values, Batch):
        kind = type(example.values).__name__
        raise ValueError("only encoders of images, recordings and tokens are functions of one tensor; a program of a"
                         f" {kind} would hold for it alone: choose the format safetensors")  # fmt: skip
    try:
        with torch.no_grad():
            return torch.export.export(Program(encoder, example.batch).eval(), (example.values,))
    except Exception as error:  # of many kinds, each of torch's own
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ValueError(f"{type(encoder).__name__} cannot be traced by torch.export: {reason}") from error
