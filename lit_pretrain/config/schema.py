"""What a node of the tree may hold, read from the signature of the class it names."""

import collections.abc
import dataclasses
import importlib
import inspect
import pkgutil
from collections.abc import Callable
from functools import cache
from pathlib import PurePath
from types import ModuleType, UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from jsonargparse import ArgumentParser

from lit_pretrain.config.mistake import Mistake, nearest, one_line
from lit_pretrain.config.tree import Path, Tree, dotted
from lit_pretrain.part import TRUSTED

REQUIRED = inspect.Parameter.empty


class Argument(NamedTuple):
    """One argument; `default` is REQUIRED where there is none."""

    type: Any
    default: Any = REQUIRED


class Group(NamedTuple):
    """The type of a node whose keys are the arguments of `owner` themselves, without class_path and init_args."""

    owner: Callable


class Schema(NamedTuple):
    """The keys of a node; `open`: further keys are accepted and left to jsonargparse."""

    owner: str
    arguments: dict[str, Argument]
    open: bool = False


def locate(path: str) -> Callable:
    """The class (or function that makes one) at a dotted path; nothing of an untrusted package is imported."""
    package = str(path).split(".")[0]
    if package not in TRUSTED:
        raise Mistake(f"class path {path!r} is not trusted, so it was not imported; add --trust {package}"
                      f"{nearest(package, TRUSTED)}")  # fmt: skip
    names = path.split(".")
    for length in range(len(names), 0, -1):
        module_name = ".".join(names[:length])
        try:
            found: Any = importlib.import_module(module_name)
            break
        except ModuleNotFoundError as error:
            if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
                raise Mistake(f"class path {path!r} cannot be imported: {one_line(error)}") from error
        except Exception as error:
            raise Mistake(f"importing {module_name} for class path {path!r} failed: "
                          f"{type(error).__name__}: {one_line(error)}") from error  # fmt: skip
    else:
        raise Mistake(f"class path {path!r}: there is no package or file {package!r}")
    for name in names[length:]:
        if not hasattr(found, name):
            owner = found.__name__
            raise Mistake(f"class path {path!r}: {owner} has no {name!r}{nearest(name, _names(found))}")
        found = getattr(found, name)
    if isinstance(found, ModuleType):
        raise Mistake(f"class path {path!r} is a module; add the name of one of its classes: "
                      f"{', '.join(k for k, v in vars(found).items() if inspect.isclass(v))}")  # fmt: skip
    return found


def _names(owner: Any) -> list[str]:
    modules = [m.name for m in pkgutil.iter_modules(getattr(owner, "__path__", []))]
    return modules + [name for name in dir(owner) if not name.startswith("_")]


def expand(name: str, types: tuple[type, ...]) -> str:
    """The class path that `name` stands for; a name without dots is looked for among the known subclasses."""
    if "." in name:
        return name
    known: dict[str, type] = {}
    waiting = list(types)
    while waiting:
        cls = waiting.pop()
        known.setdefault(cls.__name__, cls)
        waiting += cls.__subclasses__()
    if name not in known:
        raise Mistake(f"{name!r} is no class path (like package.module.{name}) and no known"
                      f" {' or '.join(t.__name__ for t in types)}{nearest(name, known)}")  # fmt: skip
    return f"{known[name].__module__}.{known[name].__qualname__}"


@cache
def signature(owner: Callable) -> Schema:
    """The arguments of a class, including those that its parents take where it passes **kwargs on."""
    functions = [base.__dict__.get("__init__") for base in owner.__mro__[:-1]] if inspect.isclass(owner) else [owner]
    arguments: dict[str, Argument] = {}
    for function in filter(None, functions):
        try:
            parameters = list(inspect.signature(function).parameters.values())
        except (ValueError, TypeError):  # written in C
            return Schema(owner.__name__, arguments, open=True)
        try:
            hints = get_type_hints(function)
        except (NameError, TypeError, AttributeError):  # types that exist only for type checkers
            hints = {}
        for parameter in parameters[1:] if inspect.isclass(owner) else parameters:
            if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                argument = Argument(hints.get(parameter.name, Any), parameter.default)
                arguments.setdefault(parameter.name, argument)
        if not any(p.kind == p.VAR_KEYWORD for p in parameters):
            return Schema(owner.__name__, arguments)
    return Schema(owner.__name__, arguments, open=bool(arguments) or not inspect.isclass(owner))


def schema(node: Any, annotation: Any) -> Schema | None:
    """The keys of a node; None: a plain value."""
    if isinstance(annotation, Schema):
        return annotation
    if isinstance(annotation, Group):
        return signature(annotation.owner)
    if isinstance(node, dict) and "class_path" in node:
        inner = Argument(Group(locate(node["class_path"])), {})
        plain = {"class_path": Argument(str), "dict_kwargs": Argument(dict, {})}
        return Schema(str(node["class_path"]), {**plain, "init_args": inner})
    if isinstance(node, dict):
        for member in members(annotation):
            if dataclasses.is_dataclass(member):
                return signature(member)
    return None


def keys_at(tree: Tree, path: Path, node: Any, annotation: Any) -> Schema | None:
    """The same for the node at `path`; a mistake in its class path says where it was written."""
    try:
        return schema(node, annotation)
    except Mistake as mistake:
        raise Mistake(f"{dotted(path)}: {mistake}{tree.where((*path, 'class_path'))}") from mistake


def written_out(tree: Tree, path: Path, node: Any, annotation: Any) -> Any:
    """A class given as plain text as a node with a class_path; all else as it is."""
    if not is_class(node, annotation):
        return node
    try:
        named = {"class_path": expand(node, classes(annotation))}
    except Mistake as mistake:
        raise Mistake(f"{dotted(path)}: {mistake}{tree.where(path)}") from mistake
    tree.mark(path, named, tree.origin.get(path, ""))
    return named


def members(annotation: Any) -> tuple[Any, ...]:
    """The alternatives of a union, or the type alone."""
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)


def classes(annotation: Any) -> tuple[type, ...]:
    """The types among the alternatives that are configured by a class path."""
    return tuple(
        m for m in members(annotation)
        if isinstance(m, type) and get_origin(m) is None and m.__module__ not in ("builtins", "typing", "datetime")
        and not issubclass(m, PurePath) and not dataclasses.is_dataclass(m) and not hasattr(m, "__members__")
    )  # fmt: skip


def is_class(value: Any, annotation: Any) -> bool:
    """Whether `value` is the name of a class, because a class and no plain text is expected here."""
    return isinstance(value, str) and "${" not in value and bool(classes(annotation)) and str not in members(annotation)


def items(annotation: Any) -> Any:
    """The type of the items of a list or the values of a dict."""
    for member in members(annotation):
        origin = get_origin(member)
        if origin in (list, tuple, set, collections.abc.Sequence, collections.abc.Iterable):
            return get_args(member)[0] if get_args(member) else Any
        if origin in (dict, collections.abc.Mapping):
            return get_args(member)[1]
    return Any


def child(node: Any, annotation: Any, key: str | int) -> Any:
    """The type of a node's child."""
    keys = schema(node, annotation)
    if keys is None:
        return items(annotation)
    return keys.arguments[key].type if key in keys.arguments else Any


def fits(value: Any, annotation: Any) -> bool:
    """Whether jsonargparse takes this plain value for this type."""
    if annotation is Any:
        return True
    parser = ArgumentParser(exit_on_error=False)
    try:
        parser.add_argument("--value", type=annotation)
    except ValueError:  # a type that jsonargparse does not check either
        return True
    try:
        parser.parse_object({"value": value})
    except Exception:  # its error types differ between versions
        return False
    return True


def misfit(value: Any, annotation: Any) -> str:
    """That a value has the wrong type, and the nearest choice where there are some."""
    choices = [c for member in members(annotation) if get_origin(member) is Literal for c in get_args(member)]
    return f"{value!r} is not {shown(annotation)}{nearest(str(value), map(str, choices))}"


def shown(annotation: Any) -> str:
    """A type as a reader would say it."""
    names = []
    for member in members(annotation):
        if get_origin(member) is Literal:
            names += [repr(choice) for choice in get_args(member)]
        elif member is type(None):
            names.append("null")
        else:
            plain = isinstance(member, type) and get_origin(member) is None
            names.append(member.__name__ if plain else str(member).replace("typing.", ""))
    return " or ".join(names)
