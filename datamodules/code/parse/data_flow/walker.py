"""A program's data flow: "where the value comes from" (GraphCodeBERT, arXiv 2009.08366)."""

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from lit_pretrain.datamodules.code.parse.data_flow.reaching import Change, Fork, Reaching
from lit_pretrain.datamodules.code.parse.node import Node

Steps = Iterable[Node]
Parameters = list[tuple[Node, list[int]]]  # leaves that name them, with the reads of their defaults
Again = Steps | Callable[[], Steps]  # steps that run more than once


@dataclass
class Exits:
    """Where `break` and `continue` lead, and with what was written until then."""

    label: str | None
    start: Fork
    is_loop: bool
    breaks: list[Change] = field(default_factory=list)
    continues: list[Change] = field(default_factory=list)


class Walker:
    """Walks a tree in the order in which the program runs. Subclasses know a language.

    A method named after a kind of node (with `_` at the end where that is a word of Python) says in which order the node's
    children run and what it writes: it yields them. A node without a method runs its children in the order of the text.
    Nothing calls itself, so trees may be of any depth.

    - An occurrence of a variable is a leaf that is one of `reads`: names of variables and parameters. Names of attributes,
      fields, methods of a class, types, labels, modules and keyword arguments are none.
    - A read takes its value from the last writes that reach it. Branches join; a loop's body is walked twice, so that writes
      of the round before reach it; whatever a `try` writes may or may not have happened when it is caught. At most `MOST`
      writes reach a read.
    - A write takes its value from all reads on its right-hand side; element by element where both sides are lists of equal
      length. `x += y` is one occurrence that comes from the `x` before and from `y`. So is the `x` of `x[i] = y`, for it
      changes x.
    - A parameter comes from the reads of its default, a loop's variable from those of what is looped over.
    - A function's name is written where it is defined; its body is walked there, too, with the writes that reach the
      definition. What it writes around itself may have happened from then on. What is made of a function, such as the `g`
      of `g = lambda: x`, does not come from the reads in its body.
    - A free name is an occurrence without a source; a free name of `builtins` is none at all.
    - `goto` is not followed, and a `break` leaves without the writes of a `finally` that it runs.

    Attributes:
        reads: kinds of leaves that are occurrences.
        builtins: names that the language knows of itself.
    """

    reads: ClassVar[frozenset[str]] = frozenset({"identifier"})
    builtins: ClassVar[frozenset[str]] = frozenset()
    _handlers: ClassVar[dict[str, Callable[["Walker", Node], Steps]]]

    def __init_subclass__(cls) -> None:
        methods = {name: getattr(cls, name) for name in dir(cls) if not name.startswith("_")}
        cls._handlers = {name.rstrip("_"): method for name, method in methods.items() if callable(method)}

    def __init__(self) -> None:
        self._flow = Reaching()
        self._exits: list[Exits] = []
        self._label: str | None = None
        self._walked: set[Node] = set()
        self._finals = 0  # that are walked now

    def edges(self, root: Node) -> tuple[np.ndarray, np.ndarray]:
        """The leaves (W,) that are occurrences, and the pairs (E, 2) of their numbers, as `Parsed` has them."""
        self._walk(root)
        flow = self._flow
        unknown = self.builtins - flow.written
        variables = sorted(leaf for leaf, name in flow.names.items() if name not in unknown)
        number = {leaf: i for i, leaf in enumerate(variables)}
        pairs = [(i, number[j]) for i, leaf in enumerate(variables) for j in sorted(flow.sources[leaf]) if j in number]
        return np.array(variables, np.int32), np.array(pairs, np.int32).reshape(-1, 2)

    def break_statement(self, node: Node) -> Steps:
        label = next((part.text for part in node.parts), None)
        self._jump(is_break=node.kind == "break_statement", label=label)
        return ()

    continue_statement = break_statement

    def return_statement(self, node: Node) -> Steps:
        yield from node.children
        self._flow.alive = False

    def _walk(self, root: Node) -> None:
        running = [iter((root,))]
        while running:
            for node in running[-1]:
                if node.leaf >= 0:
                    if node.kind in self.reads:
                        self._flow.read(node.text, node.leaf)
                    continue
                handler = self._handlers.get(node.kind)
                running.append(iter(node.children if handler is None else handler(self, node)))
                break
            else:
                running.pop()

    def _reads(self, *nodes: Node) -> Generator[Node, None, list[int]]:
        """Runs nodes. Returns the occurrences that were read."""
        first = len(self._flow.reads)
        yield from nodes
        return self._flow.reads[first:]

    def _function(self, parameters: Parameters, body: Steps) -> Steps:
        """Runs a function's body."""
        flow = self._flow
        start, outer = flow.fork(), (self._exits, self._label)
        self._exits, self._label, flow.alive = [], None, True
        flow.open("function")
        for leaf, default in parameters:
            flow.declare(leaf.text)
            flow.write(leaf.text, leaf.leaf, default)
        first = len(flow.reads)
        yield from body
        del flow.reads[first:]  # what is made of the function does not come from what it reads when it runs
        flow.close()
        flow.leave_function(start)
        self._exits, self._label = outer

    def _loop(self, node: Node, head: Again = (), bind: Again = (), body: Again = (), step: Again = (),
              otherwise: Steps = (), endless: bool = False, body_first: bool = False) -> Steps:  # fmt: skip
        """Runs head, bind, body, step, head, ... The loop ends after `head`, and runs `otherwise` unless by a break.

        Args:
            node: the loop.
            head: looked at before each round, or after it where `body_first`.
            bind: runs if there is another round.
            step: runs after the body or a `continue`.
            endless: only a break ends it.
        """
        flow = self._flow
        exits = self._enter(is_loop=True)
        start, ended, again = exits.start, None, None
        # Once in a loop that was walked before: the loop around it is in its second round, and all that flows from one
        # round to the next in here was found in the first. So nesting costs depth, not 2^depth.
        rounds = 1 if node in self._walked else 2
        self._walked.add(node)
        for _ in range(rounds):
            flow.join({}, again)
            if not body_first:
                yield from _fresh(head)
                ended = flow.changes(start)
            yield from _fresh(bind)
            yield from _fresh(body)
            flow.meet(start, flow.changes(start), *exits.continues)
            yield from _fresh(step)
            if body_first:
                yield from _fresh(head)
                ended = flow.changes(start)
            again = flow.back(start)
        self._exits.pop()
        flow.join(*(() if endless else (ended, again)))
        yield from otherwise
        flow.meet(start, flow.changes(start), *exits.breaks)

    def _enter(self, is_loop: bool) -> Exits:
        self._exits.append(Exits(self._label, self._flow.fork(), is_loop))
        self._label = None
        return self._exits[-1]

    def _jump(self, is_break: bool, label: str | None = None) -> None:
        """A break or continue."""
        for exits in reversed(self._exits):
            if exits.label == label if label else exits.is_loop or is_break:
                (exits.breaks if is_break else exits.continues).append(self._flow.changes(exits.start))
                self._flow.alive = False
                return

    def _branch(self, *ways: Steps) -> Steps:
        """One of several ways runs."""
        flow = self._flow
        start, ends = self._flow.fork(), []
        for way in ways:
            yield from way
            ends.append(flow.back(start))
        flow.join(*ends)

    def _try(self, body: Steps, handlers: Iterable[Steps], otherwise: Steps = (), final: Steps = ()) -> Steps:
        """Runs a body, then `otherwise` or, from any point of the body, a handler; `final` in any case."""
        flow = self._flow
        start = flow.fork()
        yield from body
        tried = flow.fork()
        yield from otherwise
        ends = [flow.back(start)]
        for handler in handlers:
            flow.join({}, flow.any_of(start, tried))
            yield from handler
            ends.append(flow.back(start))
        flow.join(*ends)
        if not final:
            return
        normal = flow.back(start)
        # First as after an exception, which it reads from but which does not go on; then as without one.
        flow.join({}, flow.any_of(start))
        self._finals += 1
        yield from final
        if self._finals <= 3:  # deeper, one in the other, what an exception leaves goes on: 2^depth walks would not end
            flow.meet(start, normal)
            yield from final
        self._finals -= 1
        flow.meet(start, flow.changes(start) if normal is not None else None)


def _fresh(steps: Again) -> Steps:
    return steps() if callable(steps) else steps
