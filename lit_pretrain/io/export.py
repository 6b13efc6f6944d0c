"""`lit-pretrain export RUN_OR_CKPT --to FOLDER`: take the encoder of a checkpoint away."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

import timm
from torch import Tensor

from lit_pretrain.io import checkpoint, program
from lit_pretrain.io.agreement import disagreement, units_of_transformers
from lit_pretrain.io.card import write_card
from lit_pretrain.io.pretrained import from_pretrained, save_pretrained
from lit_pretrain.io.program import Example, Program
from lit_pretrain.io.timm import save_timm
from lit_pretrain.part import trust
from lit_pretrain.types import Encoder

FORMATS = {
    "safetensors": "lit_pretrain reads it, any encoder",
    "transformers": "transformers and lit_pretrain read it",
    "timm": "timm reads it",
    "torch_export": f"{program.TORCH} for torch.export.load: a program for examples of one shape",
    "onnx": f"{program.ONNX} for ONNX runtimes, likewise (extra: onnx)",
}
Written = Callable[[Tensor], Sequence[Tensor]]


class _Parser(argparse.ArgumentParser):
    """Mistakes end in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Writes the folder with a model card, compares what was written with the encoder and says how to read it. Returns the
    exit code: 0, or 2 after a mistake of the user's."""
    formats = "; ".join(f"{name}: {what}" for name, what in FORMATS.items())
    parser = _Parser(prog="lit-pretrain export", description="Write the encoder of a checkpoint to a folder.")
    parser.add_argument("run", help="a run folder, whose newest whole checkpoint is taken, or a .ckpt file")
    parser.add_argument("--to", required=True, metavar="FOLDER", help="where to write")
    default = "default: transformers where it has such a model, otherwise safetensors"
    parser.add_argument("--format", choices=FORMATS, metavar="FORMAT", help=f"{formats}; {default}")
    parser.add_argument("--trust", action="append", default=[], metavar="PACKAGE",
                        help="a package of yours that the checkpoint names; may be repeated")  # fmt: skip
    arguments = parser.parse_args(argv)
    trust(arguments.trust)
    folder = Path(arguments.to)
    try:
        encoder, artifacts = checkpoint.load_encoder(arguments.run), checkpoint.artifacts(arguments.run)
        example = _example(arguments.run, needed=arguments.format in ("torch_export", "onnx"))
        readers, written = write(encoder, folder, arguments.format, artifacts, example)
        if isinstance(example, str):
            check = f"not compared with the encoder: {example}"
        else:
            check = f"differs from the encoder by {disagreement(encoder, example, written()):.1e} of the largest number"
        write_card(folder, encoder, checkpoint.read(arguments.run), Path(arguments.run), readers, check)
    except (ValueError, OSError) as error:
        print(f"lit-pretrain export: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    size = sum(p.numel() for p in encoder.parameters())
    with_files = f", with {', '.join(sorted(artifacts))}" if artifacts else ""
    print(f"{arguments.to}: {type(encoder).__name__} of {size:,} parameters{with_files}; {check}")
    print("\n".join(f"  {reader}" for reader in readers))
    return 0


def write(
    encoder: Encoder, folder: Path, format: str | None, artifacts: dict[str, str], example: Example | str
) -> tuple[list[str], Callable[[], Written]]:
    """Gives lines of Python that read the folder, and what reads it here, for the comparison."""
    if format == "timm":
        name = save_timm(encoder, folder, artifacts=artifacts)
        return [f"timm.create_model({name!r}, pretrained=True)"], lambda: _timm(name)
    if format in ("torch_export", "onnx"):
        save, load, reader = {
            "torch_export": (program.save_torch_export, program.load_torch_export, "torch.export.load({!r}).module()"),
            "onnx": (program.save_onnx, program.load_onnx, "onnxruntime.InferenceSession({!r})"),
        }[format]
        path = save(encoder, folder, example)
        for name, text in artifacts.items():
            (folder / name).write_text(text, encoding="utf-8")
        shape = f"{example.name} {tuple(example.values.shape)} -> {', '.join(program.OUTPUTS)}"
        return [f"{reader.format(str(path))}  # {shape}"], lambda: load(path)
    theirs = {"safetensors": False, "transformers": True}.get(format)
    reader = save_pretrained(encoder, folder, artifacts=artifacts, theirs=theirs)
    readers = [f"lit_pretrain.from_pretrained({str(folder)!r})"]
    if reader is None:
        return readers, lambda: Program(from_pretrained(folder), example.batch)
    readers.append(f"transformers.{reader}.from_pretrained({str(folder)!r})")
    return readers, lambda: units_of_transformers(folder, reader, encoder, example)


def _timm(name: str) -> Written:
    model = timm.create_model(name, pretrained=True).eval()
    return lambda values: [model(values)]


def _example(run: str, needed: bool) -> Example | str:
    """The first validation example of the run's data; or why there is none.

    Raises:
        ValueError: there is none and it is `needed`.
    """
    try:
        if (data := checkpoint.load_data(run)) is None:
            raise ValueError("the checkpoint does not say which data it was trained on")
        data.prepare_data()
        data.setup("validate")
        return program.example_of(next(iter(data.loader("validation", shuffle=False))))
    except (ValueError, OSError, StopIteration) as error:
        if needed:
            raise ValueError(f"a program is traced with an example, and there is none: {error}") from error
        return str(error) or "the validation split of the run's data is empty"
