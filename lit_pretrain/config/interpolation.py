"""`${data.init_args.vocab_size}`: references, resolved against the tree with all overrides in it."""

import re
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from lit_pretrain.config.mistake import Mistake, nearest, one_line
from lit_pretrain.config.schema import REQUIRED, Schema, child, is_class, keys_at, written_out
from lit_pretrain.config.tree import Path, Tree, dotted, paths
from lit_pretrain.part import spec

# ${a.b} from the root, ${.b} from the node that holds it, ${..b} from the one above; ${name:...} is a resolver.
REFERENCE = re.compile(r"\$\{(\.*)([\w\-.\[\]]+)\}")


def resolve(tree: Tree, root: Schema) -> None:
    """Replace all references in place; a key that is written nowhere has the default of its class."""
    for path in list(paths(tree.root)):
        text = _at(tree.root, path)
        for dots, key in REFERENCE.findall(text) if isinstance(text, str) else ():
            start = path[: len(path) - len(dots)] if dots else ()
            steps = re.sub(r"\[(\w+)\]", r".\1", key).strip(".").split(".")
            _supply(tree, root, (*start, *(int(s) if s.isdigit() else s for s in steps)), path)
    try:
        tree.root = OmegaConf.to_container(OmegaConf.create(tree.root), resolve=True)
    except OmegaConfBaseException as error:
        path = tuple(int(s) if s.isdigit() else s for s in re.split(r"\.|\[|\]\.?", error.full_key or "") if s)
        reason = one_line(str(error).split("full_key")[0])
        raise Mistake(f"{dotted(path)}: {reason}{tree.where(path)}") from error


def _supply(tree: Tree, root: Schema, target: Path, holder: Path) -> None:
    """Write the default of each missing step to `target`, or say that it leads nowhere."""
    node, annotation = tree.root, root
    for i, step in enumerate(target):
        if isinstance(node, str) and "${" in node:
            return  # behind another reference: OmegaConf follows it
        if is_class(node, annotation):
            node = written_out(tree, target[:i], node, annotation)
            _at(tree.root, target[: i - 1])[target[i - 1]] = node
        keys = keys_at(tree, target[:i], node, annotation)
        if not _has(node, step):
            default = keys.arguments[step].default if keys and step in keys.arguments else REQUIRED
            if default is REQUIRED or not isinstance(node, dict):
                known = [*(keys.arguments if keys else ()), *(node if isinstance(node, dict) else ())]
                owner = dotted(target[:i]) or "the top"
                raise Mistake(f"{dotted(holder)}: ${{{dotted(target)}}} refers to nothing: {owner} has no {step!r}"
                              f"{nearest(str(step), known)}{tree.where(holder)}")  # fmt: skip
            node[step] = spec(default)
        node, annotation = node[step], child(node, annotation, step)


def _has(node: Any, step: str | int) -> bool:
    if isinstance(node, list):
        return isinstance(step, int) and step < len(node)
    return isinstance(node, dict) and step in node


def _at(node: Any, path: Path) -> Any:
    for step in path:
        node = node[step]
    return node
