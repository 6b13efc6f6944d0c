"""The quickstart's own part: every configuration is run once, in order, and all ends in one page."""

import json

import pytest

from lit_pretrain import quickstart


@pytest.fixture
def commands(tmp_path, monkeypatch) -> list[list[str]]:
    """The commands that quickstart gives; each leaves what the real one leaves."""
    given: list[list[str]] = []

    def run(words: list[str]) -> int:
        given.append(words)
        if words[0] == "fit":
            folder = tmp_path / "quick" / words[-1].rpartition("/")[2]
            folder.mkdir(parents=True)
            (folder / "report.html").write_text('<p>curves & "maps"</p>')
        else:
            row = {"row": "fine-tuned", "labels": "all", "metric": "accuracy", "mean": 0.5, "std": 0.1, "n": 1}
            names = [name.rpartition("/")[2] for name in words[words.index("--ckpt") + 1 :]]
            rows = [{"checkpoint": name} | row for name in names]
            (tmp_path / "quick/results.json").write_text(json.dumps(rows))
        return 0

    configs = tmp_path / "conf/quickstart"
    configs.mkdir(parents=True)
    for name in ("first", "second"):
        (configs / f"{name}.yaml").touch()
    monkeypatch.setattr(quickstart.cli, "main", run)
    monkeypatch.setattr(quickstart, "packaged", lambda: tmp_path / "conf")
    return given


def test_every_file_becomes_a_run_and_rows_of_the_table(commands, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(quickstart, "finished", lambda run: run.exists())
    folder = tmp_path / "quick"
    assert quickstart.main(["--run_dir", str(folder)]) == 0
    assert [words[0] for words in commands] == ["fit", "fit", "evaluate"]
    assert commands[-1][-2:] == [str(folder / "first"), str(folder / "second")]
    page = (folder / "report.html").read_text()
    assert "second: fine-tuned" in page and page.count("<iframe") == 2 and "curves &amp; &quot;maps&quot;" in page
    assert [row["checkpoint"] for row in json.loads((folder / "second/results.json").read_text())] == ["second"]
    assert quickstart.main(["--run_dir", str(folder)]) == 0  # again: nothing is trained, the table comes again
    assert [words[0] for words in commands[3:]] == ["evaluate"]
    assert "start anew" in capsys.readouterr().out


def test_a_failed_command_ends_it(commands, monkeypatch, tmp_path):
    monkeypatch.setattr(quickstart.cli, "main", lambda words: commands.append(words) or 3)
    assert quickstart.main(["--run_dir", str(tmp_path / "quick")]) == 3
    assert len(commands) == 1
