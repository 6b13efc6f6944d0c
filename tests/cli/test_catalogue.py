"""`list` and `show` read the folders, so that a new file appears by itself."""

import os
import subprocess
import sys

import pytest

from lit_pretrain import catalogue
from lit_pretrain.cli import main

ADDED = '''
from lit_pretrain.part import Part as Piece


class Shape(Piece):
    """What newcomers share."""

    def __init__(self, width: int, *, depth: int = 3):
        """."""


class Newcomer(Shape):
    """Arrived today.

    With a longer card.
    """


class _Hidden(Shape):
    """Not for configurations."""


class Plain:
    """No part."""
'''


@pytest.fixture
def added(tmp_path, monkeypatch):
    """A package `added` beside ours, and a configuration for its class."""
    (tmp_path / "added/gadgets").mkdir(parents=True)
    (tmp_path / "added/__init__.py").touch()
    (tmp_path / "added/gadgets/newcomer.py").write_text(ADDED)
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/__init__.py").touch()
    (tmp_path / "conf/newcomer.yaml").write_text("# The first\nmodel:\n  class_path: added.gadgets.newcomer.Newcomer\n")
    (tmp_path / "conf/part.yaml").write_text(
        "model:\n  init_args:\n    x:\n      class_path: added.gadgets.newcomer.Newcomer\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(catalogue, "PACKAGES", (*catalogue.PACKAGES, "added"))
    monkeypatch.setattr(catalogue, "CONF", "conf")


def test_lists_what_is_there(capsys):
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    for path in ("lit_pretrain.optim.recipe.AdamW", "lit_pretrain.callbacks.checkpoint.Checkpoint",
                 "lit_pretrain.objectives.text.mlm.MLM", "conf/trainer/smoke.yaml"):  # fmt: skip
        assert path in out
    assert "lit_pretrain.optim.recipe.Optim " not in out, "an abstract class cannot be configured"


def test_lists_a_new_file(added, capsys):
    assert main(["list", "gadgets"]) == 0
    out = capsys.readouterr().out
    assert "added.gadgets.newcomer.Newcomer  Arrived today." in out
    assert "_Hidden" not in out and "Plain" not in out
    main(["list", "configs"])
    assert "conf/newcomer.yaml  The first" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["Newcomer", "newcomer", "added.gadgets.newcomer.Newcomer", "NEWCOMER"])
def test_shows_card_signature_and_configurations(name, added, capsys):
    assert main(["show", name]) == 0
    out = capsys.readouterr().out
    assert "With a longer card." in out
    assert "width: int,\n    *,\n    depth: int = 3," in out, "the signature is its parent's"
    assert "# The first" in out and "conf/part.yaml" in out and "init_args" not in out


def test_shows_a_configuration(capsys):
    assert main(["show", "trainer/smoke"]) == 0
    assert "max_steps" in capsys.readouterr().out


def test_a_broken_file_hides_no_other(added, tmp_path, capsys):
    (tmp_path / "added/gadgets/broken.py").write_text("class (:")
    assert main(["list", "newcomer"]) == 0
    captured = capsys.readouterr()
    assert "Newcomer" in captured.out and "broken.py:1" in captured.err


def test_a_reader_that_has_enough_is_no_mistake():
    """As in `lit-pretrain list | head -1`; the pipe has no reader from the start, so that no luck is needed."""
    reading, writing = os.pipe()
    os.close(reading)
    words = [sys.executable, "-c", "import sys; from lit_pretrain.cli import main; sys.exit(main(['list']))"]
    run = subprocess.run(words, stdout=writing, stderr=subprocess.PIPE, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    os.close(writing)
    assert run.stderr == b"" and run.returncode == 0
