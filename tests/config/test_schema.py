"""Signatures as schemas."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pytest
from lightning import Callback, Trainer

from lit_pretrain.config import schema
from lit_pretrain.config.mistake import Mistake
from lit_pretrain.config.words import command_line, environment


class Parent:
    def __init__(self, low: int, shared: str = "parent"):
        pass


class Passing(Parent):
    def __init__(self, high: float = 1.0, shared: str = "child", **kwargs):
        super().__init__(**kwargs)


class Open(dict):
    def __init__(self, high: float = 1.0, **kwargs):
        super().__init__(**kwargs)


def test_keyword_arguments_reach_the_parent():
    keys = schema.signature(Passing)
    assert list(keys.arguments) == ["high", "shared", "low"] and not keys.open
    assert keys.arguments["shared"].default == "child" and keys.arguments["low"].default is schema.REQUIRED
    assert schema.signature(Open).open
    assert "max_steps" in schema.signature(Trainer).arguments


@pytest.mark.parametrize(("annotation", "expected"), [
    (Callback | None, (Callback,)), (int | str, ()), (list[Callback], ()), (Path, ()), (Any, ()),
])  # fmt: skip
def test_classes_among_the_alternatives(annotation, expected):
    assert schema.classes(annotation) == expected


@pytest.mark.parametrize(("annotation", "expected"), [
    (list[Callback] | Callback | None, Callback), (Sequence[int], int), (dict[str, float], float), (int, Any),
])  # fmt: skip
def test_items(annotation, expected):
    assert schema.items(annotation) is expected


@pytest.mark.parametrize(("value", "annotation", "fits"), [
    (3, int, True), ("3.5", int, False), (3, float, True), (3, str, False), (None, int | None, True), (1, bool, False),
    ("a", Literal["a", "b"], True), ("c", Literal["a", "b"], False), ([1, 2], tuple[float, float], True),
    ("x", Any, True),
])  # fmt: skip
def test_fits(value, annotation, fits):
    assert schema.fits(value, annotation) is fits


def test_misfit_names_the_nearest_choice():
    assert schema.misfit("men", Literal["mean", "last"]) == "'men' is not 'mean' or 'last'; nearest: mean"


def test_modules_are_no_classes():
    with pytest.raises(Mistake, match="is a module"):
        schema.locate("lit_pretrain.optim.recipe")


def test_words():
    line = ("--config=a.yaml -c b.yaml --data d.yml --trainer.max_steps=-1 --trust p --x.init_args.y a=b"
            " --model.class_path m.M --l+=3 --print_config")  # fmt: skip
    words = command_line(line.split())
    assert words.files == [(None, "a.yaml"), (None, "b.yaml"), ("data", "d.yml")]
    assert words.trust == ["p"] and words.asks == ["--print_config"]
    assert [(".".join(o.key), o.text, o.append) for o in words.overrides] == [
        ("trainer.max_steps", "-1", False),
        ("x.y", "a=b", False),
        ("model", "m.M", False),
        ("l", "3", True),
    ]


def test_only_this_commands_variables():
    words = environment("fit", {"LIT_PRETRAIN_FIT__CONFIG": "a.yaml", "LIT_PRETRAIN_FIT__DATA__DIM": "3",
                                "LIT_PRETRAIN_DATA": "/d", "LIT_PRETRAIN_TEST__DATA__DIM": "4"})  # fmt: skip
    assert words.files == [(None, "a.yaml")]
    assert [(o.key, o.text) for o in words.overrides] == [(("data", "dim"), "3")]
