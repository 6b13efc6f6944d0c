"""Which folder a run writes to, and whether what lies there belongs to it."""

import fcntl
import hashlib
import json
import os
import socket
from pathlib import Path
from typing import IO, Any

import yaml
from lightning.pytorch.utilities import rank_zero_only

from lit_pretrain.config.mistake import Mistake, one_line

PARTS = ("seed_everything", "model", "data", "optim", "compile", "trainer")  # what makes two runs the same
# A run may be made longer and go on with other devices, and the rest changes nothing in it.
FREE = ("max_steps", "max_epochs", "max_time", "default_root_dir", "enable_progress_bar", "enable_model_summary", "devices",
        "num_nodes")  # fmt: skip
CONFIG = "config.yaml"
LOCK = ".lock"
_held: list[IO[str]] = []  # by this process


def identity(config: dict[str, Any]) -> dict[str, Any]:
    """The part of a configuration that says which run it is."""
    parts = {key: config.get(key) for key in PARTS}
    parts["trainer"] = {k: v for k, v in (parts["trainer"] or {}).items() if k not in FREE}
    return parts


def run_folder(config: dict[str, Any], given: str | None, fresh: bool) -> Path:
    """The folder of a configuration: as given, or named by its model and content; a new one where `fresh`."""
    if given is None:
        name = config["model"]["class_path"].rpartition(".")[2].lower()
        text = json.dumps(identity(config), sort_keys=True, default=str)
        given = f"runs/{name}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    folder, number = Path(given), 2
    while fresh and folder.exists():
        folder, number = Path(f"{given}-{number}"), number + 1
    return folder


def refuse_another(folder: Path, config: dict[str, Any]) -> None:
    """Raises:
    Mistake: the folder holds a run of another configuration.
    """
    if not (folder / CONFIG).is_file():
        return
    try:
        there = flat(identity(yaml.safe_load((folder / CONFIG).read_text(encoding="utf-8"))))
    except Exception as error:  # damaged files are no YAML, or nothing that a run writes
        raise Mistake(f"{folder / CONFIG} is damaged ({one_line(error)}): choose another --run_dir, or --fresh true for a"
                      " new folder beside it") from error  # fmt: skip
    here = flat(identity(config))
    nothing = object()
    keys = [k for k in sorted(there.keys() | here.keys()) if there.get(k, nothing) != here.get(k, nothing)]
    if keys:
        changes = [f"{key} ({there.get(key, 'absent')} there, {here.get(key, 'absent')} here)" for key in keys[:3]]
        more = f" and {len(keys) - 3} more" if len(keys) > 3 else ""
        raise Mistake(f"{folder} holds a run of another configuration: {', '.join(changes)}{more};"
                      " choose another --run_dir, or --fresh true for a new folder beside it")  # fmt: skip


def hold(folder: Path) -> None:
    """Keep other processes out of a folder until `release`, or until this process ends, however it ends.

    Raises:
        Mistake: another process writes this folder.
    """
    if rank_zero_only.rank:
        return  # one holds it for all ranks
    folder.mkdir(parents=True, exist_ok=True)
    lock = open(folder / LOCK, "a+")  # noqa: SIM115
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.seek(0)
        owner = lock.read().strip() or "another process"
        lock.close()
        raise Mistake(f"{folder} is being written by {owner}: wait for it, or choose another --run_dir, or --fresh true for"
                      " a new folder beside it") from None  # fmt: skip
    lock.truncate(0)
    lock.write(f"process {os.getpid()} on {socket.gethostname()}")
    lock.flush()
    _held.append(lock)


def release() -> None:
    """Let others into the folders that this process holds."""
    while _held:
        _held.pop().close()


def flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """Dotted key -> plain value."""
    if not isinstance(value, (dict, list)) or not value:
        return {prefix: value}
    children = value.items() if isinstance(value, dict) else enumerate(value)
    pairs = (flat(child, f"{prefix}.{key}" if prefix else str(key)) for key, child in children)
    return {key: leaf for pair in pairs for key, leaf in pair.items()}
