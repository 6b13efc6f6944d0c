"""Checkpoints that need nothing but themselves: found, verified, and turned back into modules.

A checkpoint is one file, written under a temporary name, fsynced and renamed; beside it stands a manifest with its
SHA-256. Inside, the key `lit_pretrain` holds how module, encoder, optimiser and data were made.
"""

import hashlib
import json
import os
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from lightning import LightningModule

from lit_pretrain.io.untrusted import load_object, load_strictly, load_values, named, plain_name
from lit_pretrain.part import build, trust
from lit_pretrain.types import Encoder

KEY = "lit_pretrain"  # where a checkpoint keeps what Lightning does not
SUFFIX = ".ckpt"


def write(checkpoint: dict[str, Any], path: Path, scores: dict[str, float] | None = None) -> None:
    """Write atomically: at every instant `path` is absent, the old file, or the whole new file.

    Args:
        scores: metric -> its value, which the manifest keeps for `score`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")  # beside the target: a rename is atomic there
    try:
        with open(partial, "wb") as file:
            torch.save(checkpoint, file)
            file.flush()
            os.fsync(file.fileno())
        digest = _sha256(partial)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    promise = {"file": path.name, "sha256": digest, "bytes": path.stat().st_size, "scores": scores or {}}
    _write_text(manifest(path), json.dumps(promise))
    _sync_folder(path.parent)


def remove(path: Path) -> None:
    """Delete a checkpoint; one whose deletion is cut short has no manifest, and is deleted with the next."""
    manifest(path).unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def score(path: Path, metric: str) -> float | None:
    """What a metric was when this checkpoint was written; None: it is not known."""
    try:
        scores = load_object(manifest(path)).get("scores")
    except (OSError, ValueError):
        return None
    value = scores.get(metric) if isinstance(scores, dict) else None
    return value if isinstance(value, float) else None


def manifest(path: Path) -> Path:
    return path.with_suffix(path.suffix + ".json")


def fault(path: Path) -> str | None:
    """Why this checkpoint cannot be trusted; None: it is whole."""
    if not path.is_file():
        return "there is no such file"
    if not manifest(path).is_file():
        return f"its manifest {manifest(path).name} is missing, so it was not written to its end"
    try:
        promised = load_object(manifest(path))
    except ValueError as error:
        return f"its manifest is damaged ({error})"
    if path.stat().st_size != promised.get("bytes"):
        return f"it has {path.stat().st_size} bytes instead of {promised.get('bytes')}"
    if _sha256(path) != promised.get("sha256"):
        return "its SHA-256 differs from the manifest's"
    return None


def checkpoints(run_dir: str | Path) -> list[Path]:
    """The checkpoint files of a run, oldest step first."""
    return sorted((Path(run_dir) / "checkpoints").glob(f"step-*{SUFFIX}"))


def step_of(path: str | Path) -> int:
    """The optimiser step in a checkpoint's name; 0 for names that are not ours."""
    digits = Path(path).stem.rpartition("-")[2]
    return int(digits) if digits.isdigit() else 0


def latest(run_dir: str | Path) -> Path | None:
    """The newest whole checkpoint of a run; damaged newer ones are named in a warning. None: there is none."""
    for path in reversed(checkpoints(run_dir)):
        reason = fault(path)
        if reason is None:
            return path
        warnings.warn(f"{path} is passed over: {reason}; the checkpoint before it is used", stacklevel=2)
    return None


def read(path: str | Path) -> dict[str, Any]:
    """The content of a checkpoint, or of the newest one of a run folder. Code inside it is never run.

    Raises:
        ValueError: there is none, it is damaged, or it was not written by lit_pretrain.
    """
    found = latest(path) if Path(path).is_dir() else Path(path)
    if found is None:
        raise ValueError(f"{path} holds no whole checkpoint (expected {path}/checkpoints/step-*{SUFFIX})")
    if reason := fault(found):
        raise ValueError(f"checkpoint {found} cannot be read: {reason}")
    checkpoint = load_values(found)
    if not isinstance(checkpoint, dict) or not isinstance(checkpoint.get(KEY), dict):
        raise ValueError(f"checkpoint {found} was not written by lit_pretrain: it lacks the key {KEY!r}")
    return checkpoint


def load(path: str | Path, *, trusted: Iterable[str] = ()) -> LightningModule:
    """The whole module (objective or fine-tuned model) of a checkpoint or run folder, with its weights, in eval mode.

    Args:
        path: a `.ckpt` file, or a run folder, whose newest whole checkpoint is taken.
        trusted: packages beyond lit_pretrain's own that the checkpoint may name (such as the file of your objective).

    Raises:
        ValueError: damaged, untrusted, or the weights do not fit the rebuilt module exactly.
    """
    trust(trusted)
    checkpoint = read(path)
    with named(path):
        module = build(checkpoint[KEY]["module"])
        load_strictly(module, checkpoint["state_dict"])
    return module.eval()


def load_encoder(path: str | Path, *, trusted: Iterable[str] = ()) -> Encoder:
    """Only the encoder, merged, which is what transfers; the class of the objective need not be importable."""
    trust(trusted)
    checkpoint = read(path)
    with named(path):
        encoder = build(checkpoint[KEY]["encoder"])
        weights = {k.removeprefix("encoder."): v for k, v in checkpoint["state_dict"].items() if k.startswith("encoder.")}
        load_strictly(encoder, weights)
        return encoder.merged().eval()


def load_data(path: str | Path, *, trusted: Iterable[str] = ()) -> Any:
    """The datamodule that a checkpoint was trained on, as it was configured, with its artifacts; None: none of ours."""
    trust(trusted)
    kept = read(path)[KEY]
    with named(path):
        data = build(kept["data"])
        if data is not None:
            data.restore(kept["artifacts"])
    return data


def artifacts(path: str | Path) -> dict[str, str]:
    """File name -> text of what is needed beside the weights, such as `tokenizer.json`."""
    kept = read(path)[KEY]
    with named(path):
        return {plain_name(name): text for name, text in kept["artifacts"].items()}


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_text(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with open(partial, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
