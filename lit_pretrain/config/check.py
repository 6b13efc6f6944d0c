"""Every key and value of the tree, held against the signatures, so that a mistake is named where it was made."""

from typing import Any

from lit_pretrain.config.mistake import Mistake, nearest
from lit_pretrain.config.schema import (
    REQUIRED,
    Group,
    Schema,
    child,
    classes,
    fits,
    is_class,
    keys_at,
    locate,
    misfit,
    written_out,
)
from lit_pretrain.config.tree import Path, Tree, class_paths, dotted


def check(tree: Tree, root: Schema) -> None:
    """Also writes out class paths that were given as plain text."""
    tree.root = _checked(tree, tree.root, root, ())


def _checked(tree: Tree, node: Any, annotation: Any, path: Path) -> Any:
    node = written_out(tree, path, node, annotation)
    keys = keys_at(tree, path, node, annotation)
    if isinstance(node, dict) and keys:
        _check_keys(tree, node, keys, path)
        if "class_path" in node:
            _check_kind(tree, node["class_path"], annotation, path)
            node.setdefault("init_args", {})
        return {k: _checked(tree, v, child(node, annotation, k), (*path, k)) for k, v in node.items()}
    if isinstance(node, dict) and (class_paths(node) or classes(child(node, annotation, ""))):
        return {k: _checked(tree, v, child(node, annotation, k), (*path, k)) for k, v in node.items()}
    if isinstance(node, list) and (class_paths(node) or any(is_class(v, child(node, annotation, 0)) for v in node)):
        return [_checked(tree, v, child(node, annotation, i), (*path, i)) for i, v in enumerate(node)]
    if isinstance(annotation, (Group, Schema)):
        raise Mistake(f"{dotted(path)}: expected keys and values, got {node!r}{tree.where(path)}")
    if isinstance(node, dict) and classes(annotation) and not fits(node, annotation):
        wanted = " or ".join(t.__name__ for t in classes(annotation))
        raise Mistake(f"{dotted(path)}: no class_path says which {wanted} this is{tree.where(path)}")
    if not fits(node, annotation):
        raise Mistake(f"{dotted(path)}: {misfit(node, annotation)}{tree.where(path)}")
    return node


def _check_keys(tree: Tree, node: dict[str, Any], keys: Schema, path: Path) -> None:
    for key in node:
        if not keys.open and key not in keys.arguments:
            prefix, near = f"{dotted(path)}: " if path else "", nearest(key, keys.arguments)
            raise Mistake(f"{prefix}{keys.owner} has no {key!r}{near}{tree.where((*path, key))}")
    for key, argument in keys.arguments.items():
        if argument.default is REQUIRED and key not in node:
            if not path:
                raise Mistake(f"no {key}: give --{key} CLASS, or a --config that names one")
            raise Mistake(f"{dotted(path)}: {keys.owner} needs {key!r}{tree.where(path)}")


def _check_kind(tree: Tree, class_path: str, annotation: Any, path: Path) -> None:
    found, wanted = locate(class_path), classes(annotation)
    if not isinstance(found, type) or any(getattr(kind, "_is_protocol", False) for kind in wanted):
        return  # what a function returns, and what a protocol asks for, is left to jsonargparse
    if wanted and not issubclass(found, wanted):
        raise Mistake(f"{dotted(path)}: {class_path} is no {' or '.join(w.__name__ for w in wanted)}"
                      f"{tree.where((*path, 'class_path'))}")  # fmt: skip
