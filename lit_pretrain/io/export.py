"""`lit-pretrain export RUN_OR_CKPT --to FOLDER`: take the encoder of a checkpoint away."""

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from lit_pretrain.io import checkpoint
from lit_pretrain.io.pretrained import save_pretrained
from lit_pretrain.io.timm import save_timm
from lit_pretrain.part import trust


class _Parser(argparse.ArgumentParser):
    """Mistakes end in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Writes the folder and says how to read it. Returns the exit code: 0, or 2 after a mistake of the user's."""
    parser = _Parser(prog="lit-pretrain export", description="Write the encoder of a checkpoint to a folder.")
    parser.add_argument("run", help="a run folder, whose newest whole checkpoint is taken, or a .ckpt file")
    parser.add_argument("--to", required=True, metavar="FOLDER", help="where to write")
    parser.add_argument("--for", dest="reader", choices=("transformers", "timm"), default="transformers",
                        help="the library that shall read it beside lit_pretrain (where it has such a model; default),"
                             " or instead of it (timm)")  # fmt: skip
    parser.add_argument("--trust", action="append", default=[], metavar="PACKAGE",
                        help="a package of yours that the checkpoint names; may be repeated")  # fmt: skip
    arguments = parser.parse_args(argv)
    trust(arguments.trust)
    try:
        encoder = checkpoint.load_encoder(arguments.run)
        artifacts = checkpoint.artifacts(arguments.run)
        if arguments.reader == "timm":
            name = save_timm(encoder, arguments.to, artifacts=artifacts)
            readers = [f"timm.create_model({name!r}, pretrained=True)"]
        else:
            reader = save_pretrained(encoder, arguments.to, artifacts=artifacts)
            readers = [f"lit_pretrain.from_pretrained({arguments.to!r})"]
            readers += [] if reader is None else [f"transformers.{reader}.from_pretrained({arguments.to!r})"]
    except (ValueError, OSError) as error:
        print(f"lit-pretrain export: {error}", file=sys.stderr)
        return 2
    size = sum(p.numel() for p in encoder.parameters())
    with_files = f", with {', '.join(sorted(artifacts))}" if artifacts else ""
    print(f"{arguments.to}: {type(encoder).__name__} of {size:,} parameters{with_files}")
    print("\n".join(f"  {reader}" for reader in readers))
    return 0
