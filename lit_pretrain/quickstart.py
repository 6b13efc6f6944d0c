"""`lit-pretrain quickstart`: every run of conf/quickstart, then one table of all of them.

A modality joins by its file in conf/quickstart, which is a configuration of `fit` like any other.
"""

import time
from argparse import ArgumentParser
from pathlib import Path

from lit_pretrain import cli, conf
from lit_pretrain.downstream import protocol
from lit_pretrain.io.checkpoint import KEY, latest, read

CONF = Path(conf.__file__).parent


def main(argv: list[str]) -> int:
    """The exit code: that of the first command that failed, or 0."""
    parser = ArgumentParser(prog="lit-pretrain quickstart", description=__doc__.splitlines()[0])
    parser.add_argument("--run_dir", type=Path, default=Path("runs/quickstart"), help="where everything is written")
    folder, began = parser.parse_args(argv).run_dir, time.monotonic()
    runs = {config: folder / config.stem for config in sorted((CONF / "quickstart").glob("*.yaml"))}
    for config, run in runs.items():
        if not finished(run) and (code := cli.main(["fit", "--config", str(config), "--run_dir", str(run)])):
            return code
    budget = CONF / "downstream/quickstart.yaml"
    checkpoints = [str(run) for run in runs.values()]
    if code := protocol.main(["--config", str(budget), "--out", str(folder), "--ckpt", *checkpoints]):
        return code
    return 0


def finished(run: Path) -> bool:
    """Whether pretraining in this folder has come to its end."""
    return latest(run) is not None and read(run)[KEY]["finished"]
