"""Every key and value of the tree, held against the signatures, so that a mistake is named where it was made."""

from typing import Any

from lit_pretrain.config.mistake import Mistake, nearest
from lit_pretrain.config.schema import (
    REQUIRED,
    Group,
    Schema,
    child,
    classes,
    expand,
    fits,
    is_class,
    locate,
    schema,
    shown,
)
from lit_pretrain.config.tree import Path, Tree, dotted, names_class


def check(tree: Tree, root: Schema) -> None:
    """Also writes out class paths that were given as plain text."""
    tree.root = _checked(tree, tree.root, root, ())


def _checked(tree: Tree, node: Any, annotation: Any, path: Path) -> Any:
    try:
        if is_class(node, annotation):
            node = {"class_path": expand(node, classes(annotation))}
        keys = schema(node, annotation)
    except Mistake as mistake:
        raise Mistake(f"{dotted(path)}: {mistake}{tree.where((*path, 'class_path'))}") from mistake
    if isinstance(node, dict) and keys:
        _check_keys(tree, node, keys, path)
        if "class_path" in node:
            _check_kind(tree, node["class_path"], annotation, path)
            node.setdefault("init_args", {})
        return {k: _checked(tree, v, child(node, annotation, k), (*path, k)) for k, v in node.items()}
    if isinstance(node, dict) and (names_class(node) or classes(child(node, annotation, ""))):
        return {k: _checked(tree, v, child(node, annotation, k), (*path, k)) for k, v in node.items()}
    if isinstance(node, list) and (names_class(node) or any(is_class(v, child(node, annotation, 0)) for v in node)):
        return [_checked(tree, v, child(node, annotation, i), (*path, i)) for i, v in enumerate(node)]
    if isinstance(annotation, (Group, Schema)):
        raise Mistake(f"{dotted(path)}: expected keys and values, got {node!r}{tree.where(path)}")
    if isinstance(node, dict) and classes(annotation) and not fits(node, annotation):
        wanted = " or ".join(t.__name__ for t in classes(annotation))
        raise Mistake(f"{dotted(path)}: no class_path says which {wanted} this is{tree.where(path)}")
    if not fits(node, annotation):
        raise Mistake(f"{dotted(path)}: {node!r} is not {shown(annotation)}{nearest(str(node), _choices(annotation))}"
                      f"{tree.where(path)}")  # fmt: skip
    return node


def _check_keys(tree: Tree, node: dict[str, Any], keys: Schema, path: Path) -> None:
    for key in node:
        if not keys.open and key not in keys.arguments:
            prefix = f"{dotted(path)}: " if path else ""
            raise Mistake(f"{prefix}{keys.owner} has no {key!r}{nearest(key, keys.arguments)}{tree.where((*path, key))}")
    for key, argument in keys.arguments.items():
        if argument.default is REQUIRED and key not in node:
            if not path:
                raise Mistake(f"no {key}: give --{key} CLASS, or a --config that names one")
            raise Mistake(f"{dotted(path)}: {keys.owner} needs {key!r}{tree.where(path)}")


def _check_kind(tree: Tree, class_path: str, annotation: Any, path: Path) -> None:
    found, wanted = locate(class_path), classes(annotation)
    if isinstance(found, type) and wanted and not any(getattr(w, "_is_protocol", False) or issubclass(found, w) for w in wanted):
        raise Mistake(f"{dotted(path)}: {class_path} is no {' or '.join(w.__name__ for w in wanted)}"
                      f"{tree.where((*path, 'class_path'))}")  # fmt: skip


def _choices(annotation: Any) -> list[str]:
    return [word.strip("'") for word in shown(annotation).split(" or ")]
