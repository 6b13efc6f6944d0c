"""Merging and origins."""

import pytest

from lit_pretrain.config.run_folder import flat, identity
from lit_pretrain.config.tree import Tree, merge


@pytest.mark.parametrize(("old", "new", "merged"), [
    ({"a": {"b": 1, "c": 2}}, {"a": {"c": 3}}, {"a": {"b": 1, "c": 3}}),
    ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
    ({"a": {"b": 1}}, {"a": None}, {"a": None}),
    ({"class_path": "x.A", "init_args": {"p": 1}}, {"init_args": {"q": 2}},
     {"class_path": "x.A", "init_args": {"p": 1, "q": 2}}),
    ({"class_path": "x.A", "init_args": {"p": 1}}, {"class_path": "x.A", "init_args": {"q": 2}},
     {"class_path": "x.A", "init_args": {"p": 1, "q": 2}}),
    ({"class_path": "x.A", "init_args": {"p": 1}}, {"class_path": "x.B", "init_args": {"q": 2}},
     {"class_path": "x.B", "init_args": {"q": 2}}),
    ({"init_args": {"p": 1}}, {"class_path": "x.B"}, {"class_path": "x.B", "init_args": {"p": 1}}),
    ("x.A", {"init_args": {"q": 2}}, {"class_path": "x.A", "init_args": {"q": 2}}),
])  # fmt: skip
def test_merge(old, new, merged):
    assert merge(old, new) == merged


def test_merging_copies():
    layer = {"a": {"b": [1]}}
    tree = Tree()
    tree.lay(layer, "file")
    tree.root["a"]["b"].append(2)
    assert layer == {"a": {"b": [1]}}


def test_origin_of_the_node_or_what_is_above_it():
    tree = Tree()
    tree.lay({"a": {"b": 1, "c": 2}}, "first")
    tree.lay({"a": {"c": [3]}}, "second")
    assert [tree.where(p) for p in [("a", "b"), ("a", "c", 0), ("a", "b", "x"), ("z",)]] == [
        " (first)", " (second)", " (first)", ""]  # fmt: skip


def test_identity_leaves_out_length_and_looks():
    config = {"model": {"p": 1}, "trainer": {"max_steps": 3, "precision": 32}, "run_dir": "x"}
    other = {"model": {"p": 1}, "trainer": {"max_steps": 9, "precision": 32}, "run_dir": "y"}
    assert identity(config) == identity(other)
    assert flat({"a": [{"b": 1}, []], "c": None}) == {"a.0.b": 1, "a.1": [], "c": None}
