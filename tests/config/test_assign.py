"""Whatever stands on the command line becomes a value of the right type, or one line that says why not."""

from typing import Any, Literal

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lit_pretrain.config.assign import assign
from lit_pretrain.config.check import check
from lit_pretrain.config.interpolation import resolve
from lit_pretrain.config.mistake import Mistake
from lit_pretrain.config.schema import Argument, Schema
from lit_pretrain.config.tree import Tree
from lit_pretrain.config.words import command_line
from lit_pretrain.optim.recipe import Optim

ROOT = Schema("try", {
    "text": Argument(str, "none"), "count": Argument(int, 1), "rate": Argument(float, 0.5), "flag": Argument(bool, False),
    "maybe": Argument(int | None, None), "names": Argument(list[str], []), "table": Argument(dict[str, int], {}),
    "mode": Argument(Literal["a", "b"], "a"), "anything": Argument(Any, None), "optim": Argument(Optim | None, None),
})  # fmt: skip
KINDS = {"text": str, "count": int, "rate": (int, float), "flag": bool}
PLAIN = st.from_regex(r"[A-Za-z_][\w./ %+=-]*[\w/.]", fullmatch=True).filter(
    lambda text: isinstance(yaml.safe_load(text), str) and not text.isspace()
)
SIGNS = st.text(st.sampled_from("${}[]:,.&*!|>%@`'\"\\#-?~=<+ \n\t0123456789abe_"), max_size=25)
OPTIONS = st.sampled_from(["--text", "--names+", "-c", "--config", "--help", "--x.y=1"])
WORDS = st.lists(st.one_of(SIGNS, st.text(max_size=10), OPTIONS), max_size=5)


def composed(*words: str) -> dict[str, Any]:
    """What `compose` makes of words, without the files."""
    tree = Tree()
    assign(tree, command_line(words).overrides, ROOT)
    resolve(tree, ROOT)
    check(tree, ROOT)
    return tree.root


@given(PLAIN)
@example("größer als 1e3 Zeichen")
@example("")
def test_a_text_comes_back_as_it_is(text):
    assert composed("--text", text) == composed(f"--text={text}") == {"text": text}


@given(st.integers())
def test_an_integer_comes_back_as_it_is(number):
    assert composed("--count", str(number)) == {"count": number}
    assert composed("--text", str(number)) == {"text": str(number)}, "what looks like a number is text where text belongs"


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_comes_back_as_it_is(number):
    assert composed(f"--rate={number!r}") == {"rate": number}


@pytest.mark.parametrize("name", [*ROOT.arguments])
@settings(max_examples=10)
@given(text=st.one_of(SIGNS, st.text(max_size=30)))
@example(text="[" * 2000)
@example(text="9" * 5000)
@example(text="${" * 500)
@example(text="${text}")
@example(text="${oc.env:HOME}")
@example(text="!!python/object/apply:os.system [true]")
@example(text="\ud800")
@example(text="\x00")
@example(text="a: &x [*x]")
@example(text="2001-99-99")
@example(text="<<: 1")
def test_any_value_is_of_the_right_type_or_a_mistake_in_one_line(name, text):
    try:
        found = composed(f"--{name}={text}")[name]
    except Mistake as mistake:
        assert "\n" not in str(mistake) and name in str(mistake)
        return
    assert found is None or isinstance(found, KINDS.get(name, object)), "jsonargparse says what may not be null"


@given(WORDS)
def test_any_words_are_understood_or_a_mistake_in_one_line(words):
    try:
        composed(*words)
    except Mistake as mistake:
        assert str(mistake) and "\n" not in str(mistake)
