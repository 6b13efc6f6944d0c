"""Nodes of syntax trees."""


class Node:
    """A leaf or an inner node; small, for there are millions.

    Args:
        type: number of an inner node's type; -1: a leaf.
        leaf: number of a leaf; -1: an inner node.
        kind: the name that the grammar gives it.
        field: its role in its parent, such as "condition"; None: none.
        text: of an identifier, or of one character.
        sign: whether a leaf is a sign or word of the language, a comment, or something else without a value.
        children: of an inner node; leaves have none, and share the empty tuple.
    """

    __slots__ = ("children", "field", "kind", "leaf", "sign", "text", "type")

    def __init__(self, type: int, leaf: int = -1, kind: str = "", field: str | None = None, text: str = "",
                 sign: bool = False):  # fmt: skip
        self.type, self.leaf, self.kind, self.field, self.text, self.sign = type, leaf, kind, field, text, sign
        self.children: list[Node] | tuple[()] = [] if leaf < 0 else ()

    @property
    def parts(self) -> list["Node"]:
        """The children without signs, words of the language and comments."""
        return [child for child in self.children if not child.sign]

    def child(self, field: str) -> "Node | None":
        """The first child in a role."""
        for child in self.children:
            if child.field == field:
                return child
        return None

    def all(self, field: str) -> list["Node"]:
        """All children in a role."""
        return [child for child in self.children if child.field == field]

    def of(self, *kinds: str) -> list["Node"]:
        """All children of certain kinds."""
        return [child for child in self.children if child.kind in kinds]
