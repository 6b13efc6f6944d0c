"""Who may import whom: down only. Read from the source; nothing is imported."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOP = {"datamodules": "lit_pretrain.datamodules", "callbacks": "lit_pretrain.callbacks", "lit_pretrain": "lit_pretrain"}

# A file's layer is its longest prefix here; it may import its own layer and those listed.
GROUND = ["lit_pretrain.part", "lit_pretrain.types"]
BRICKS = [*GROUND, "lit_pretrain.kernels", "lit_pretrain.nn", "lit_pretrain.losses", "lit_pretrain.corruptions",
          "lit_pretrain.optim"]  # fmt: skip
PARTS = [*BRICKS, "lit_pretrain.encoders", "lit_pretrain.probes", "lit_pretrain.io"]
ALLOWED = {
    "lit_pretrain.part": [],
    "lit_pretrain.types": ["lit_pretrain.part"],
    "lit_pretrain.kernels": GROUND,
    "lit_pretrain.nn": [*GROUND, "lit_pretrain.kernels"],
    "lit_pretrain.losses": BRICKS,
    "lit_pretrain.corruptions": GROUND,
    "lit_pretrain.optim": GROUND,
    "lit_pretrain.probes": GROUND,
    "lit_pretrain.io": [*BRICKS, "lit_pretrain.encoders"],
    "lit_pretrain.io.checkpoint": [*GROUND, "lit_pretrain.io.untrusted"],
    "lit_pretrain.encoders": [*BRICKS, "lit_pretrain.io"],
    "lit_pretrain.objectives": [*BRICKS, "lit_pretrain.objectives.base"],
    "lit_pretrain.datamodules": GROUND,
    "lit_pretrain.callbacks": [*GROUND, "lit_pretrain.kernels", "lit_pretrain.probes", "lit_pretrain.io.checkpoint",
                               "lit_pretrain.optim", "lit_pretrain.datamodules.base"],
    "lit_pretrain.downstream": [*PARTS, "lit_pretrain.objectives.base", "lit_pretrain.datamodules",
                                "lit_pretrain.callbacks", "lit_pretrain.config"],
    "lit_pretrain.adapt": [*PARTS, "lit_pretrain.objectives.base", "lit_pretrain.datamodules", "lit_pretrain.downstream"],
    "lit_pretrain.strategies": GROUND,
    "lit_pretrain.bench": ["lit_pretrain"],
    "lit_pretrain.catalogue": ["lit_pretrain"],
    "lit_pretrain.run": ["lit_pretrain"],
    "lit_pretrain.config": GROUND,
    "lit_pretrain.cli": ["lit_pretrain"],
    "lit_pretrain.quickstart": ["lit_pretrain"],
    "lit_pretrain": [],
}  # fmt: skip
# Plug-ins: none imports a sibling, only the bases beside it.
SEALED = ("lit_pretrain.objectives",)

FILES = [path for top in TOP for path in sorted((ROOT / top).rglob("*.py"))]


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    name = ".".join((TOP[parts[0]], *parts[1:]))
    return name.removesuffix(".__init__")


def below(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix + ".")


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            found.add(node.module)
    return found


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_imports_point_down(path):
    name = module_of(path)
    home = max((prefix for prefix in ALLOWED if below(name, prefix)), key=len)
    sealed = any(below(name, s) for s in SEALED)
    for imported in imports(path):
        assert imported.split(".")[0] not in ("datamodules", "callbacks", "conf", "experiments", "tests"), imported
        if not below(imported, "lit_pretrain"):
            continue
        if not sealed and below(imported, home) and home != "lit_pretrain":
            continue
        assert any(below(imported, prefix) for prefix in ALLOWED[home]), f"{name} must not import {imported}"


@pytest.mark.parametrize(
    "folder", ["lit_pretrain/probes", "lit_pretrain/downstream", "lit_pretrain/strategies", "callbacks"]
)
def test_shared_code_names_no_modality(folder):
    words = {"text", "token", "tokens", "image", "images", "speech", "audio", "graph", "mlm", "electra", "waveform"}
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            name = getattr(node, "id", None) or getattr(node, "attr", None) or getattr(node, "arg", None)
            if isinstance(name, str) and not path.name.startswith("report"):
                assert not words & set(name.lower().split("_")), f"{path}:{node.lineno} names a modality: {name}"


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_house_style(path):
    source = path.read_text()
    tree = ast.parse(source)
    assert path.name not in ("utils.py", "misc.py", "common.py", "helpers.py")
    if source.strip():
        assert ast.get_docstring(tree), f"{path} says nothing about itself"
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") != "zip":
            for keyword in node.keywords:
                loose = keyword.arg == "strict" and isinstance(keyword.value, ast.Constant) and not keyword.value.value
                assert not loose, f"{path}:{node.lineno}: strict=False"
        if isinstance(node, ast.Name):
            assert node.id != "NotImplementedError", f"{path}:{node.lineno}"
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{path}: class {node.name} has no docstring"
