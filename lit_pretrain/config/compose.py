"""From words to one checked tree: files, then environment variables, then the command line, wherever each was given."""

from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from typing import Any

from jsonargparse import set_parsing_settings

from lit_pretrain.config.assign import assign
from lit_pretrain.config.check import check
from lit_pretrain.config.files import find, layers
from lit_pretrain.config.interpolation import resolve
from lit_pretrain.config.mistake import Mistake
from lit_pretrain.config.schema import Schema
from lit_pretrain.config.tree import Tree
from lit_pretrain.config.words import command_line, environment
from lit_pretrain.part import TRUSTED, trust

PLUGINS = "lit_pretrain.plugins"  # the entry-point group of installed plug-in packages


def compose(
    verb: str, arguments: Sequence[str], variables: Mapping[str, str], root: Schema
) -> tuple[dict[str, Any], list[str]]:
    """The resolved configuration of a command, and the words that jsonargparse answers itself.

    Args:
        verb: the command, such as fit.
        arguments: what follows it.
        variables: the environment.
        root: the top-level keys.

    Raises:
        Mistake: whatever the user did wrong, in one line.
    """
    variable_words, typed = environment(verb, variables), command_line(arguments)
    trust([*typed.trust, *(point.module for point in entry_points(group=PLUGINS))])
    restrict_imports()
    tree = Tree()
    for group, name in (*variable_words.files, *typed.files):
        for origin, layer in layers(find(name)):
            layer = layer.get(verb, layer)  # Lightning's form with the command on top
            if group and group not in layer:
                layer = {group: layer}
            tree.lay(layer if group is None else {group: layer[group]}, origin)
    if "trust" in tree.root:
        raise Mistake(f"trust cannot be given in a file; use --trust PACKAGE{tree.where(('trust',))}")
    assign(tree, [*variable_words.overrides, *typed.overrides], root)
    restrict_imports()
    if not typed.asks or any(word.startswith("--print_config") for word in typed.asks):
        resolve(tree, root)
        check(tree, root)
    return tree.root, typed.asks


def restrict_imports() -> None:
    """jsonargparse, too, imports classes of trusted packages only."""
    set_parsing_settings(import_path_denylist=["*"], import_path_allowlist=sorted(TRUSTED))
