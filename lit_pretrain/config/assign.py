"""Overrides, laid into the tree with the class signatures at hand."""

import re
from copy import deepcopy
from functools import reduce
from operator import or_
from typing import Any

from omegaconf import OmegaConf

from lit_pretrain.config.mistake import Mistake, nearest
from lit_pretrain.config.schema import (
    REQUIRED,
    Schema,
    child,
    classes,
    fits,
    is_class,
    items,
    keys_at,
    locate,
    misfit,
    schema,
    signature,
    written_out,
)
from lit_pretrain.config.tree import Path, Tree, class_paths, merge
from lit_pretrain.config.words import COMMAND_LINE, Override
from lit_pretrain.part import spec, trust

CONSTANTS = ("null", "true", "false")  # these are never names of classes


def assign(tree: Tree, overrides: list[Override], root: Schema) -> None:
    """Lay all overrides over the tree; those that choose a class come before those that set its arguments."""
    keys = [override.key for override in overrides]

    def chooses(override: Override) -> bool:
        size = len(override.key)
        return not override.append and any(len(key) > size and key[:size] == override.key for key in keys)

    for override in sorted(overrides, key=lambda o: not chooses(o)):
        _assign(tree, override, root)


def _assign(tree: Tree, override: Override, root: Schema) -> None:
    node, annotation, path = tree.root, root, ()
    for i, key in enumerate(override.key):
        node, annotation, path = _enter(tree, node, annotation, path, override)
        keys = schema(node, annotation)
        if keys and not keys.open and key not in keys.arguments:
            raise Mistake(f"{_flag(override)}: {keys.owner} has no {key!r}{nearest(key, keys.arguments)}"
                          f" ({override.origin})")  # fmt: skip
        kind, path = child(node, annotation, key), (*path, key)
        if i == len(override.key) - 1:
            break
        if key not in node or node[key] is None:
            default = keys.arguments[key].default if keys and key in keys.arguments else None
            node[key] = _beginning(kind, default)
        # What has arguments is a class, also where plain text may stand.
        node[key] = written_out(tree, path, node[key], reduce(or_, classes(kind)) if classes(kind) else kind)
        node, annotation = node[key], kind
    value = _value(tree, path, override, kind)
    if override.append:
        old = node.get(key)
        old = [] if old is None else old if isinstance(old, list) else [old]
        value = [*old, *(value if isinstance(value, list) else [value])]
    elif isinstance(value, dict) and "class_path" in value:
        tree.mark(path, value, override.origin)
        keys_at(tree, path, value, kind)
        value = _with_kept_arguments(node.get(key), value)
    elif isinstance(value, dict) and class_paths(node.get(key)):
        value = merge(node[key], value if "init_args" in value else {"init_args": value})
    node[key] = value
    tree.mark(path, value, override.origin)


def _enter(tree: Tree, node: Any, annotation: Any, path: Path, override: Override) -> tuple[dict, Any, Path]:
    """The dict that holds the arguments: of a list its last item, of a class its init_args."""
    if isinstance(node, list) and node:
        node, annotation, path = node[-1], items(annotation), (*path, len(node) - 1)
    if isinstance(node, dict) and "class_path" in node:
        keys_at(tree, path, node, annotation)
        annotation = child(node, annotation, "init_args")
        node, path = node.setdefault("init_args", {}), (*path, "init_args")
    if isinstance(node, dict) and (not classes(annotation) or schema(node, annotation)):
        return node, annotation, path
    names = ".".join(str(name) for name in path if name != "init_args")
    choose = f"; choose its class first: --{names} CLASS" if classes(annotation) else f": {names} is {node!r}"
    raise Mistake(f"{_flag(override)} reaches nothing{choose} ({override.origin})")


def _beginning(annotation: Any, default: Any) -> Any:
    """What stands at a key that no file names when an override goes below it."""
    plain = {} if default is REQUIRED or default is None else spec(default)
    if not plain and len(classes(annotation)) == 1 and not classes(annotation)[0].__subclasses__():
        only = classes(annotation)[0]
        return {"class_path": f"{only.__module__}.{only.__qualname__}"}
    return plain


def _value(tree: Tree, path: Path, override: Override, annotation: Any) -> Any:
    """The text as YAML, or as it stands where only that has the right type."""
    kind = items(annotation) if override.append and not classes(annotation) else annotation
    if is_class(override.text, kind) and re.fullmatch(r"[\w.]+", override.text) and override.text not in CONSTANTS:
        tree.mark(path, override.text, override.origin)
        named = written_out(tree, path, override.text, kind)
        _trust_typed(named, override)
        return named
    value = _parsed(override.text)
    _trust_typed(value, override)
    if class_paths(value) or "${" in override.text or fits(value, annotation if isinstance(value, list) else kind):
        return value
    if fits(override.text, kind):
        return override.text
    raise Mistake(f"{_flag(override)}: {misfit(override.text, kind)} ({override.origin})")


def _trust_typed(value: Any, override: Override) -> None:
    """Who types a class path trusts it; a file or a variable that names it does not."""
    if override.origin == COMMAND_LINE:
        trust(class_paths(value))


def _parsed(text: str) -> Any:
    if not text:
        return text  # to YAML nothing is null
    try:
        return OmegaConf.to_container(OmegaConf.from_dotlist([f"value={text}"]), resolve=False)["value"]
    except Exception:  # PyYAML also raises what int(), dates and nesting without end do
        return text


def _with_kept_arguments(old: Any, new: dict[str, Any]) -> dict[str, Any]:
    """A new class keeps those of the old arguments that it also takes, so that a method can be swapped alone."""
    if not isinstance(old, dict) or "class_path" not in old or old["class_path"] == new["class_path"]:
        return merge(old, new)
    taken = signature(locate(new["class_path"]))
    kept = {k: v for k, v in old.get("init_args", {}).items() if k in taken.arguments}
    return merge({"class_path": new["class_path"], "init_args": deepcopy(kept)}, new)


def _flag(override: Override) -> str:
    key = ".".join(override.key)
    return f"--{key}" if override.origin == COMMAND_LINE else key
