"""`lit-pretrain list` and `show`: what there is, read from the source without importing it."""

import ast
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

from lit_pretrain.config.mistake import Mistake, nearest

# A class that derives from one of these, however far, can be named by a configuration.
ROOTS = {"Part", "Recorded", "LightningModule", "LightningDataModule", "Callback", "Checkpoint"}
PACKAGES = ("lit_pretrain", "lit_pretrain.datamodules", "lit_pretrain.callbacks")
CONF = "lit_pretrain.conf"


@dataclass(frozen=True)
class Entry:
    """A class in the source.

    Attributes:
        group: the folder it stands in, such as `nn/mixer`.
        path: its dotted class path.
        bases: names of its parents, as they are called where they come from.
    """

    group: str
    path: str
    node: ast.ClassDef
    bases: frozenset[str]

    @property
    def name(self) -> str:
        return self.node.name

    @cached_property
    def card(self) -> str:
        return ast.get_docstring(self.node) or ""

    @property
    def is_abstract(self) -> bool:
        return any("abstractmethod" in ast.unparse(d) for n in self.node.body for d in getattr(n, "decorator_list", ()))

    @property
    def init(self) -> ast.FunctionDef | None:
        return next((n for n in self.node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None)


def scan() -> list[Entry]:
    """All classes of lit_pretrain and of installed plug-ins."""
    return [entry for package in _packages() for entry in _entries(package)]


def configurable(found: Sequence[Entry]) -> list[Entry]:
    """Those that a configuration can name."""
    parts = set(ROOTS)
    while grown := {entry.name for entry in found if entry.bases & parts} - parts:
        parts |= grown
    named = (e for e in found if e.bases & parts and e.group and not e.name.startswith("_") and not e.is_abstract)
    return sorted(named, key=lambda entry: (entry.group, entry.path))


def configurations() -> list[Path]:
    return sorted(_folder(CONF).rglob("*.yaml"))


def list_all(words: Sequence[str]) -> None:
    """Print one line each, by folder; with words, those whose folder or path contains one of them."""
    lines: dict[str, list[tuple[str, str]]] = {}
    for entry in configurable(scan()):
        lines.setdefault(entry.group, []).append((entry.path, entry.card.split("\n")[0]))
    for path in configurations():
        relative = path.relative_to(_folder(CONF))
        group = "configs" if len(relative.parts) == 1 else f"configs/{relative.parts[0]}"
        lines.setdefault(group, []).append((f"conf/{relative}", _header(path)))
    wanted = [word.lower().removesuffix("s") for word in words]
    shown = {
        group: kept for group, rows in lines.items()
        if (kept := [r for r in rows if not wanted or any(w in group.lower() or w in r[0].lower() for w in wanted)])
    }  # fmt: skip
    if not shown:
        raise Mistake(f"list: nothing is called {' '.join(words)!r}{nearest(words[0], [*lines, *_last_names(lines)])}")
    width = max(len(path) for rows in shown.values() for path, _ in rows)
    for group, rows in shown.items():
        print(f"\n{group}")
        for path, line in rows:
            print(f"  {path:<{width}}  {line}".rstrip())


def show(words: Sequence[str]) -> None:
    """Print card, signature and configurations of what the one word names, in upper or lower case."""
    if len(words) != 1:
        raise Mistake("show needs one name: lit-pretrain show NAME")
    wanted, found = words[0].lower(), scan()
    entries = configurable(found)
    matches = [e for e in entries if wanted in (e.name.lower(), e.path.lower(), e.path.split(".")[-2].lower())]
    if not matches:
        files = [p for p in configurations() if wanted.removeprefix("conf/").removesuffix(".yaml")
                 in (p.stem, str(p.relative_to(_folder(CONF)).with_suffix("")))]  # fmt: skip
        if not files:
            names = [*(e.name for e in entries), *(p.stem for p in configurations())]
            raise Mistake(f"show: there is no {words[0]!r}{nearest(words[0], names)}; lit-pretrain list shows all")
        for path in files:
            print(f"conf/{path.relative_to(_folder(CONF))}\n\n{path.read_text()}")
    for entry in matches:
        print(f"{entry.path}\n\n{entry.card}\n\n{_signature(entry, found)}\n")
        _print_configurations(entry)


def _signature(entry: Entry, found: Sequence[Entry]) -> str:
    """`Name(argument: type = default, ...)`, of the nearest parent that has an `__init__`."""
    by_name = {e.name: e for e in found}
    owner: Entry | None = entry
    while owner is not None and owner.init is None:
        owner = next((by_name[base] for base in owner.bases if base in by_name and by_name[base] is not owner), None)
    if owner is None:
        return f"{entry.name}()"
    arguments = owner.init.args
    plain = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(plain) - len(arguments.defaults)) + arguments.defaults
    rows = [_row(a, d) for a, d in list(zip(plain, defaults, strict=True))[1:]]
    if arguments.kwonlyargs:
        rows.append("*")
    rows += [_row(a, d) for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]
    return f"{entry.name}(\n" + "".join(f"    {row},\n" for row in rows) + ")"


def _row(argument: ast.arg, default: ast.expr | None) -> str:
    kind = f": {ast.unparse(argument.annotation)}" if argument.annotation else ""
    return f"{argument.arg}{kind}" + (f" = {ast.unparse(default)}" if default is not None else "")


def _print_configurations(entry: Entry) -> None:
    """The file that configures this class as its model in full; of the others only the names."""
    naming = [p for p in configurations() if f"class_path: {entry.path}\n" in p.read_text() + "\n"]
    for path in naming:
        is_model = f"\nmodel:\n  class_path: {entry.path}\n" in path.read_text()
        print(f"conf/{path.relative_to(_folder(CONF))}" + (f"\n\n{path.read_text()}" if is_model else ""))


def _packages() -> list[str]:
    plugins = {point.module.split(".")[0] for point in entry_points(group="lit_pretrain.plugins")}
    return [*PACKAGES, *sorted(plugins)]


def _folder(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise Mistake(f"package {package} is not installed")
    return Path(next(iter(spec.submodule_search_locations)))


def _entries(package: str) -> list[Entry]:
    folder, found = _folder(package), []
    for path in sorted(folder.rglob("*.py")):
        relative = path.relative_to(folder).with_suffix("")
        module = ".".join((package, *relative.parts))
        top = [] if package == "lit_pretrain" else [package.removeprefix("lit_pretrain.")]
        group = "/".join([*top, *relative.parts[:-1]])
        try:
            tree = ast.parse(path.read_text())
        except SyntaxError as error:  # a file that is being edited must not hide all others
            print(f"{path}:{error.lineno}: {error.msg}", file=sys.stderr)
            continue
        imports = [alias for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names]
        aliases = {alias.asname: alias.name for alias in imports if alias.asname}
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                bases = [ast.unparse(base).split("[")[0].rpartition(".")[2] for base in node.bases]
                bases = frozenset(aliases.get(base, base) for base in bases)
                found.append(Entry(group, f"{module}.{node.name}", node, bases))
    return found


def _header(path: Path) -> str:
    first = path.read_text().split("\n", 1)[0]
    return first.removeprefix("#").strip() if first.startswith("#") else ""


def _last_names(lines: dict[str, list[tuple[str, str]]]) -> list[str]:
    return [path.rpartition(".")[2] for rows in lines.values() for path, _ in rows]
