"""The edges of random programs against those seen in many random runs of them."""

import random
import re
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from lit_pretrain.datamodules.code.parse.parser import parse

NAMES = "abc"
RUNS = 3000
SHORT = 30  # lines; some ways through longer programs are not seen in so many runs


class Raised(Exception):
    """An exception of the program."""


class Jumped(Exception):
    """A break, continue or return."""


@dataclass
class Program:
    """A program and the edges seen in its runs. An occurrence is its line, and how many names stand before it there."""

    draw: random.Random
    lines: list[str] = field(default_factory=lambda: [f"def f({', '.join(NAMES)}):"])
    edges: set[tuple[tuple[int, int], tuple[int, int]]] = field(default_factory=set)

    def run(self, body) -> None:
        self.last = {name: (1, 1 + i) for i, name in enumerate(NAMES)}  # f is the first name
        self.budget = 60  # rounds of loops
        self.rate = self.draw.choice([0.1, 0.3, 0.5])  # of exceptions and jumps; each way is likely at one of these
        with suppress(Raised, Jumped):
            body()

    def block(self, depth: int, loop: bool, tries: bool):
        statements = [self.statement(depth, loop, tries) for _ in range(self.draw.randint(1 if depth else 3, 3))]

        def run() -> None:
            for statement in statements:
                if tries and self.draw.random() < self.rate:
                    raise Raised
                statement()

        return run

    def statement(self, depth: int, loop: bool, tries: bool):
        kind = self.draw.choice(["set", "set", "add", "jump", "if", "while", "for", "try"] if depth < 2 else ["set", "add"])
        make = {"jump": self.jump, "if": self.branch, "while": self.loop, "for": self.loop, "try": self.attempt}.get(kind)
        if make:
            return make(depth, loop, tries, kind)
        target, *reads = self.draw.choices(NAMES, k=3 if kind == "set" else 2)
        line = self.add(depth, f"{target} = {' + '.join(reads)}" if kind == "set" else f"{target} += {reads[0]}")

        def run() -> None:
            sources = [self.read(name, line, 1 + i) for i, name in enumerate(reads)]
            if kind == "add":
                self.read(target, line, 0)
            self.write(target, line, 0, sources)

        return run

    def jump(self, depth: int, loop: bool, tries: bool, kind: str):
        name, word = self.draw.choice(NAMES), self.draw.choice(["break", "continue", "return"] if loop else ["return"])
        line = self.add(depth, f"if {name}: {word}")

        def run() -> None:
            self.read(name, line, 0)
            if self.draw.random() < self.rate:
                raise Jumped(word)

        return run

    def branch(self, depth: int, loop: bool, tries: bool, kind: str):
        name = self.draw.choice(NAMES)
        line = self.add(depth, f"if {name}:")
        then = self.block(depth + 1, loop, tries)
        self.add(depth, "else:")
        other = self.block(depth + 1, loop, tries)

        def run() -> None:
            self.read(name, line, 0)
            (then if self.draw.random() < 0.5 else other)()

        return run

    def loop(self, depth: int, loop: bool, tries: bool, kind: str):
        target, name = self.draw.choices(NAMES, k=2)
        line = self.add(depth, f"while {name}:" if kind == "while" else f"for {target} in {name}:")
        body = self.block(depth + 1, True, tries)
        self.add(depth, "else:")
        otherwise = self.block(depth + 1, loop, tries)

        def run() -> None:
            source = None if kind == "while" else self.read(name, line, 1)
            while True:
                if kind == "while":
                    self.read(name, line, 0)
                self.budget -= 1
                if self.budget < 0 or self.draw.random() < 0.4:
                    break
                if kind == "for":
                    self.write(target, line, 0, [source])
                try:
                    body()
                except Jumped as jump:
                    if jump.args == ("return",):
                        raise
                    if jump.args == ("break",):
                        return
            otherwise()

        return run

    def attempt(self, depth: int, loop: bool, tries: bool, kind: str):
        self.add(depth, "try:")
        body = self.block(depth + 1, False, True)
        self.add(depth, "except E:")
        handler = self.block(depth + 1, False, True)
        self.add(depth, "finally:")
        final = self.block(depth + 1, False, tries)

        def run() -> None:
            try:
                try:
                    body()
                    if self.draw.random() < self.rate:
                        raise Raised
                except Raised:
                    if self.draw.random() < self.rate:
                        raise
                    handler()
                    if self.draw.random() < self.rate:
                        raise
            finally:
                final()

        return run

    def add(self, depth: int, line: str) -> int:
        self.lines.append("    " * (depth + 1) + line)
        return len(self.lines)

    def read(self, name: str, line: int, place: int) -> tuple[int, int]:
        self.edges.add(((line, place), self.last[name]))
        return line, place

    def write(self, name: str, line: int, place: int, sources: list[tuple[int, int]]) -> None:
        self.edges |= {((line, place), source) for source in sources}
        self.last[name] = (line, place)


@pytest.mark.parametrize("seed", range(24))
def test_edges_are_those_of_all_runs(seed):
    program = Program(random.Random(seed))
    body = program.block(0, False, False)
    for _ in range(RUNS):
        program.run(body)
    code = "\n".join(program.lines)
    parsed = parse(code, "python")
    at = []
    for start, _ in parsed.spans[parsed.variables].tolist():
        line = code[:start].split("\n")
        at.append((len(line), len(re.findall(r"\b[a-f]\b", line[-1]))))
    found = {(at[i], at[j]) for i, j in parsed.flow.tolist()}
    assert program.edges <= found, code
    assert len(program.lines) > SHORT or found == program.edges, code
