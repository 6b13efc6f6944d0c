"""The model card of an exported folder: README.md, as the hub shows it."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from lit_pretrain.part import import_class
from lit_pretrain.types import Encoder

CARD = "README.md"
WEIGHTS = (".safetensors", ".pt2", ".onnx", ".data", ".bin")


def write_card(
    folder: Path, encoder: Encoder, kept: Mapping[str, Any], run: Path, readers: Sequence[str], check: str
) -> None:
    """Method, data, configuration, metrics and hashes of what was exported.

    Args:
        folder: exported.
        encoder: what is in it.
        kept: content of the checkpoint (see `checkpoint.read`).
        run: the checkpoint, or the run folder, whose results.json becomes a table.
        readers: lines of Python that read the folder.
        check: what was compared with the encoder.
    """
    ours = kept["lit_pretrain"]
    module = ours.get("module") or {}
    name = module.get("class_path", "").rpartition(".")[2] or "pretraining"
    about = _docstring(module.get("class_path"))
    size = sum(parameter.numel() for parameter in encoder.parameters())
    facts = [
        f"- encoder: `{type(encoder).__name__}`, {size:,} parameters, width {encoder.dim}, {encoder.num_layers} layers",
        f"- method: `{module.get('class_path', 'unknown')}`",
        *(f"- source: https://arxiv.org/abs/{number}" for number in re.findall(r"arXiv (\d{4}\.\d{4,5})", about)),
        f"- trained for {kept.get('global_step', 0):,} steps, {kept.get('epoch', 0):,} epochs",
        f"- {check}",
    ]
    config = {key: ours.get(key) for key in ("module", "optim", "data") if ours.get(key)}
    parts = [
        f"---\nlibrary_name: lit_pretrain\ntags: [{name.lower()}]\n---\n\n# {type(encoder).__name__} by {name}\n",
        about + "\n",
        "\n".join(facts) + "\n",
        "## Use\n\n```python\n" + "\n".join(readers) + "\n```\n",
        _metrics(kept, run),
        "## Files\n\n| file | SHA-256 |\n|---|---|\n" + "\n".join(
            f"| {path.name} | `{_sha256(path)}` |" for path in sorted(folder.iterdir()) if path.suffix in WEIGHTS
        ) + "\n",
        "## Configuration\n\n```yaml\n" + yaml.safe_dump(config, sort_keys=False).strip() + "\n```\n",
    ]  # fmt: skip
    (folder / CARD).write_text("\n".join(part for part in parts if part.strip()), encoding="utf-8")


def _docstring(path: str | None) -> str:
    """Its first paragraph; nothing where the class is not importable here."""
    try:
        doc = import_class(path).__doc__ if path else None
    except ValueError:
        doc = None
    return " ".join((doc or "").split("\n\n")[0].split())


def _metrics(kept: Mapping[str, Any], run: Path) -> str:
    """The last numbers that the run's callbacks kept, and the rows of results.json."""
    last: dict[str, float] = {}
    for state in kept.get("callbacks", {}).values():
        curves = state.get("curves", {}) if isinstance(state, dict) else {}
        last |= {name: curve[-1][1] for name, curve in curves.items() if curve and name.startswith(("val/", "train/"))}
        history = state.get("history") if isinstance(state, dict) else None
        if history and isinstance(history, list):
            probe = str((state.get("protocol") or {}).get("probe", "probe"))
            last |= {f"{probe} {k}": v for k, v in history[-1].items() if k not in ("step", "epoch", "seconds")}
    lines = [f"| {name} | {value:.4g} |" for name, value in last.items() if isinstance(value, float)]
    text = "## Metrics\n\n| at the last step | |\n|---|---:|\n" + "\n".join(lines) + "\n" if lines else ""
    if (path := run / "results.json").is_file() and isinstance(rows := json.loads(path.read_text()), list):
        table = [f"| {r['row']} | {r['labels']} | {r['metric']} | {r['mean']:.4g} ± {r['std']:.2g} |" for r in rows]
        head = "| on the test split | labels | metric | mean ± deviation |\n|---|---|---|---:|\n"
        text += f"\n{'' if text else '## Metrics' + chr(10) + chr(10)}" + head + "\n".join(table) + "\n"
    return text


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
