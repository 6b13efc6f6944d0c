"""`lit-pretrain quickstart`: every run of conf/quickstart, then one table and one report of all of them.

A modality joins by its file in conf/quickstart, which is a configuration of `fit` like any other.
"""

import html
import json
import os
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from lit_pretrain import cli
from lit_pretrain.callbacks.report_page import page
from lit_pretrain.callbacks.report_sections import results
from lit_pretrain.config.files import packaged
from lit_pretrain.io.checkpoint import KEY, latest, read

PROTOCOL = "conf/downstream/quickstart.yaml"


def main(words: Sequence[str]) -> int:
    """The exit code: that of the first command that failed, or 0."""
    parser = ArgumentParser(prog="lit-pretrain quickstart", description=__doc__.splitlines()[0])
    parser.add_argument("--run_dir", default="runs/quickstart", help="folder of everything (default: %(default)s)")
    folder, began = Path(parser.parse_args(words).run_dir), time.monotonic()
    configs = sorted((packaged() / "quickstart").glob("*.yaml"))
    runs = [folder / config.stem for config in configs]
    for config, run in zip(configs, runs, strict=True):
        if finished(run):
            print(f"{run} is finished; delete {folder} to start anew")
        elif code := cli.main(["fit", "--config", str(config), "--run_dir", str(run)]):
            return code
    jobs = min(len(configs), os.cpu_count() or 1)
    words = ["--config", PROTOCOL, "--out", str(folder), "--jobs", str(jobs), "--ckpt", *map(str, runs)]
    if code := cli.main(["evaluate", *words]):
        return code
    write_report(folder, runs)
    print(f"{time.monotonic() - began:.0f} s; open {folder / 'report.html'} in a browser")
    print(f"take the encoder away: lit-pretrain export {runs[0]} --to my_encoder")
    return 0


def finished(run: Path) -> bool:
    """Whether pretraining in this folder has come to its end."""
    checkpoint = latest(run)
    return checkpoint is not None and read(checkpoint)[KEY]["finished"]


def write_report(folder: Path, runs: Sequence[Path]) -> None:
    """One page: the table of all runs, then each run's own report; and each run's rows beside its checkpoints."""
    rows = json.loads((folder / "results.json").read_text())
    frames = []
    for run in runs:
        own = [row for row in rows if row["checkpoint"] == run.name]
        (run / "results.json").write_text(json.dumps(own, indent=2))
        source = html.escape((run / "report.html").read_text(encoding="utf-8"))
        frames.append(f'<section><iframe title="{run.name}" srcdoc="{source}" style="width:100%;border:0"'
                      ' onload="this.style.height = this.contentDocument.documentElement.scrollHeight + \'px\'">'
                      "</iframe></section>")  # fmt: skip
    content = page("lit_pretrain quickstart", "", "", (), [results(folder / "results.json"), *frames])
    (folder / "report.html").write_text(content, encoding="utf-8")
