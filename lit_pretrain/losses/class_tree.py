"""Classes that are kinds of other classes. Legend: C classes, K levels."""

from lit_pretrain.part import Recorded


class ClassTree(Recorded):
    """Which level each class stands on, and its ancestor on every level above.

    Args:
        classes: names in the order of the data's labels; inner nodes of the tree may be among them, or only stand in
            `parents`.
        parents: name -> the kind that it is one of; names without a parent are on the first level.

    Attributes:
        names: all nodes; the data's classes first.
        path: of each of the data's classes, its ancestors from the first level down to itself, as numbers of nodes.
        levels: the nodes of each level.

    Raises:
        ValueError: a class is its own ancestor, or `parents` names a class that leads nowhere.
    """

    def __init__(self, classes: list[str], parents: dict[str, str]):
        self.names = list(dict.fromkeys([*classes, *parents, *parents.values()]))
        number = {name: i for i, name in enumerate(self.names)}
        paths = [_path(name, parents) for name in self.names]
        used = {name for path in paths[: len(classes)] for name in path}
        if unused := [name for name in self.names if name not in used]:
            raise ValueError(f"parents: {unused[:5]} are no class and no kind of a class; classes are {classes[:20]}")
        self.path = [[number[name] for name in path] for path in paths[: len(classes)]]
        depth = [len(path) - 1 for path in paths]
        self.levels = [[i for i, d in enumerate(depth) if d == level] for level in range(max(depth) + 1)]


def _path(name: str, parents: dict[str, str]) -> list[str]:
    path = [name]
    while path[0] in parents:
        above = parents[path[0]]
        if above in path:
            raise ValueError(f"parents: {above!r} is its own ancestor")
        path.insert(0, above)
    return path
