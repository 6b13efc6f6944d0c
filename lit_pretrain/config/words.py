"""What was said on the command line and in environment variables, before anyone knows what it means."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lit_pretrain.config.files import SUFFIXES
from lit_pretrain.config.mistake import Mistake

COMMAND_LINE = "the command line"
GROUPS = ("model", "data", "trainer", "optim")  # each may also be given as a file of its own
PREFIX = "LIT_PRETRAIN"


@dataclass(frozen=True)
class Override:
    """One `--key value`, or `--key+=value` where `append`; `key` is without the `init_args` between names."""

    key: tuple[str, ...]
    text: str
    append: bool
    origin: str


@dataclass
class Words:
    """A command taken apart.

    Attributes:
        files: (group or None, file), in order.
        trust: packages named by --trust.
        asks: what jsonargparse answers itself, such as --help and --print_config.
    """

    files: list[tuple[str | None, str]] = field(default_factory=list)
    overrides: list[Override] = field(default_factory=list)
    trust: list[str] = field(default_factory=list)
    asks: list[str] = field(default_factory=list)

    def add(self, key: str, text: str, append: bool, origin: str) -> None:
        if key == "config":
            self.files.append((None, text))
        elif key in GROUPS and text.endswith(SUFFIXES):
            self.files.append((key, text))
        else:
            names = tuple(name for name in key.split(".") if name != "init_args")
            if len(names) > 1 and names[-1] == "class_path":
                names = names[:-1]
            self.overrides.append(Override(names, text, append, origin))


def environment(verb: str, variables: Mapping[str, str]) -> Words:
    """LIT_PRETRAIN_FIT__TRAINER__MAX_STEPS=5 and LIT_PRETRAIN_FIT__CONFIG=file, as jsonargparse names them."""
    words = Words()
    for name, text in sorted(variables.items()):
        if name.startswith(start := f"{PREFIX}_{verb.upper()}__"):
            key = name.removeprefix(start).lower().replace("__", ".")
            words.add(key, text, False, f"environment variable {name}")
    return words


def command_line(arguments: Sequence[str]) -> Words:
    words = Words()
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        option = re.fullmatch(r"(--?[A-Za-z_][\w.\-]*?)(\+?)(?:=(.*))?", word, re.DOTALL)
        if option is None:
            raise Mistake(f"{word!r} is out of place: options are written --key value or --key=value")
        name, plus, text = option.groups()
        if name in ("-h", "--help", "--print_config") or name.endswith(".help"):
            if name.endswith(".help") and text is None and rest and not rest[0].startswith("--"):
                word += f"={rest.pop(0)}"
            words.asks.append(word)
            continue
        if text is None:
            if not rest or rest[0].startswith("--"):
                raise Mistake(f"{word} needs a value")
            text = rest.pop(0)
        if name == "--trust":
            words.trust.append(text)
        elif name.startswith("--") or name == "-c":
            words.add("config" if name == "-c" else name[2:], text, bool(plus), COMMAND_LINE)
        else:
            raise Mistake(f"{name!r} is no option; options begin with --")
    return words
