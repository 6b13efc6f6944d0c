"""Which writes reach a read, while a program is walked in the order in which it runs."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

# Of variables that were written in a part of the program, the writes whose value they may hold at its end. None: the part
# never ends, for it returns, raises or jumps.
Change = dict[int, tuple[int, ...]] | None
# Writes that reach one read, the last ones of the text: n ifs in a row that each write x would make n^2 edges.
MOST = 64


@dataclass
class Scope:
    """What one scope declares.

    Args:
        kind: a "block" is part of the function or class around it.
        own: name -> variable.
        hidden: name -> the variable that it stood for around the scope; None: for none.
        outward: names that stand for a variable around the scope though they are written here.
        free: (name, variable, occurrence, writes) of reads of what was not a function's own then.
    """

    kind: Literal["function", "class", "block"] = "function"
    own: dict[str, int] = field(default_factory=dict)
    hidden: dict[str, int | None] = field(default_factory=dict)
    outward: set[str] = field(default_factory=set)
    free: list[tuple[str, int, int, tuple[int, ...]]] = field(default_factory=list)


@dataclass(frozen=True)
class Fork:
    """A point that several ways through the program lead on from."""

    position: int
    alive: bool
    writes: int


class Reaching:
    """Variables, and the writes whose value they may hold here. An occurrence is the number of its leaf.

    Attributes:
        sources: occurrence -> occurrences that its value comes from.
        names: occurrence -> name.
        reads: occurrences that were read, in order; some are read more than once.
        writes: (variable, occurrence) of all writes, in order.
        written: names that were written at all.
        alive: whether the program can get here.
        scopes: the scopes open here, the widest first.
    """

    def __init__(self) -> None:
        self.sources: dict[int, set[int]] = {}
        self.names: dict[int, str] = {}
        self.reads: list[int] = []
        self.writes: list[tuple[int, int]] = []
        self.written: set[str] = set()
        self.alive = True
        self.scopes = [Scope()]
        self._functions = [0]  # which of the scopes are functions'
        self._variables: dict[str, int] = {}  # that a name stands for here
        self._depth: list[int] = []  # of the scope that declares a variable
        self._values: dict[int, tuple[int, ...]] = {}
        self._undo: list[tuple[int, tuple[int, ...]]] = []

    def read(self, name: str, leaf: int) -> None:
        """An occurrence takes its value from the writes that reach it."""
        self._occur(name, leaf)
        self.reads.append(leaf)
        variable = self._variables.get(name)
        if variable is not None and (values := self._values.get(variable)):
            self._settle(name, variable, leaf, values)

    def write(self, name: str, leaf: int, sources: Iterable[int] = ()) -> None:
        """An occurrence is what reads take their value from now on. An unknown name is the widest scope's."""
        self._occur(name, leaf)
        self.sources[leaf].update(sources)
        variable = self._variables.get(name)
        if variable is None:
            variable = self.declare(name, self.scopes[0])
        self.writes.append((variable, leaf))
        self.written.add(name)
        self._set(variable, (leaf,))

    def update(self, name: str, leaf: int, sources: Iterable[int] = ()) -> None:
        """An occurrence that is read and written, or whose object is changed."""
        self.read(name, leaf)
        self.write(name, leaf, sources)

    def forget(self, name: str) -> None:
        """A name loses its value."""
        if (variable := self._variables.get(name)) is not None:
            self._set(variable, ())

    def declare(self, name: str, scope: Scope | None = None) -> int:
        """In a scope (None: the innermost), a name stands for a new variable, unless it is the scope's own already."""
        scope = scope or self.scopes[-1]
        if name not in scope.own:
            scope.hidden.setdefault(name, self._variables.get(name))
            scope.own[name] = self._variables[name] = len(self._depth)
            self._depth.append(next(i for i in reversed(range(len(self.scopes))) if self.scopes[i] is scope))
        return scope.own[name]

    def outward(self, name: str, widest: bool) -> None:
        """In the innermost scope, a name stands for the variable around it; `widest`: for that of the widest scope."""
        scope = self.scopes[-1]
        scope.outward.add(name)
        if widest and len(self.scopes) > 1:
            around = self._variables.get(name)
            self._variables[name] = self.declare(name, self.scopes[0])
            scope.hidden[name] = around

    def open(self, kind: Literal["function", "class", "block"] = "block") -> Scope:
        """A new innermost scope."""
        if kind == "function":
            self._functions.append(len(self.scopes))
        self.scopes.append(Scope(kind))
        return self.scopes[-1]

    def close(self) -> None:
        """The end of the innermost scope. A function's reads before the write that makes a name its own have no source."""
        scope = self.scopes.pop()
        if scope.kind == "function":
            self._functions.pop()
        self.swap(scope)
        for name, *read in scope.free:
            if name not in scope.own:
                self._settle(name, *read)

    def swap(self, scope: Scope) -> dict[str, int | None]:
        """Names stand for what they stood for around a scope. Returns what they stood for, as `hidden` has it."""
        inside = {name: self._variables.get(name) for name in scope.hidden}
        self.restore(scope.hidden)
        return inside

    def restore(self, variables: dict[str, int | None]) -> None:
        """Names stand for these variables; None: for none."""
        for name, variable in variables.items():
            if variable is None:
                self._variables.pop(name, None)
            else:
                self._variables[name] = variable

    def fork(self) -> Fork:
        """Here."""
        return Fork(len(self._undo), self.alive, len(self.writes))

    def changes(self, fork: Fork) -> Change:
        """What was written since a fork."""
        return {v: self._values[v] for v, _ in self._undo[fork.position :]} if self.alive else None

    def back(self, fork: Fork) -> Change:
        """Go back to a fork. Returns what was written since."""
        changes = self.changes(fork)
        while len(self._undo) > fork.position:
            variable, values = self._undo.pop()
            self._values[variable] = values
        self.alive = fork.alive
        return changes

    def join(self, *ways: Change) -> None:
        """Several ways from here meet."""
        live = [way for way in ways if way is not None]
        self.alive = self.alive and bool(live)
        for variable in dict.fromkeys(v for way in live for v in way):
            before = self._values.get(variable, ())
            reaching = {write for way in live for write in way.get(variable, before)}
            self._set(variable, tuple(sorted(reaching)[-MOST:]))

    def meet(self, fork: Fork, *ways: Change) -> None:
        """Several ways from a fork meet."""
        self.back(fork)
        self.join(*ways)

    def any_of(self, start: Fork, end: Fork | None = None) -> Change:
        """All that was written between two points (None: here), whether or not something overwrote it."""
        changes: dict[int, set[int]] = {}
        for variable, leaf in self.writes[start.writes : end.writes if end else None]:
            changes.setdefault(variable, set()).add(leaf)
        return {variable: tuple(writes) for variable, writes in changes.items()}

    def leave_function(self, start: Fork) -> None:
        """Go back to before the body of a function, which may run from now on: what it writes around itself may hold."""
        written = self.any_of(start)
        self.back(start)
        self.join({}, {v: writes for v, writes in written.items() if self._depth[v] < len(self.scopes)})

    def _occur(self, name: str, leaf: int) -> None:
        self.names[leaf] = name
        self.sources.setdefault(leaf, set())

    def _settle(self, name: str, variable: int, leaf: int, values: tuple[int, ...]) -> None:
        if self._functions[-1] > self._depth[variable]:
            self.scopes[self._functions[-1]].free.append((name, variable, leaf, values))
        else:
            self.sources[leaf].update(values)

    def _set(self, variable: int, values: tuple[int, ...]) -> None:
        self._undo.append((variable, self._values.get(variable, ())))
        self._values[variable] = values
