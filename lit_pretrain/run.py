"""fit, validate, test and predict: LightningCLI, given one checked configuration, in a folder that can be resumed."""

import json
import logging
import os
import sys
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import lightning as L
import torch
from lightning.pytorch.cli import ArgsType, LightningArgumentParser, LightningCLI, SaveConfigCallback
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only
from lightning.pytorch.utilities.exceptions import MisconfigurationException

from lit_pretrain.callbacks.agreement import Agreement
from lit_pretrain.callbacks.checkpoint import Checkpoint
from lit_pretrain.callbacks.instability_guard import Diverged
from lit_pretrain.callbacks.lost_ranks import LostRanks
from lit_pretrain.callbacks.patient_loggers import PatientLoggers
from lit_pretrain.callbacks.signals import Stopped
from lit_pretrain.config.compose import compose
from lit_pretrain.config.defaults import know_parts
from lit_pretrain.config.mistake import Mistake, one_line
from lit_pretrain.config.run_folder import CONFIG, hold, refuse_another, release, run_folder
from lit_pretrain.config.schema import Argument, Group, Schema, signature
from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.datamodules.lost import DataLost
from lit_pretrain.io.checkpoint import artifacts, latest, step_of
from lit_pretrain.optim.recipe import Optim
from lit_pretrain.strategies.compile import compile_blocks

VERBS = ("fit", "validate", "test", "predict")
SEED = 1
OURS = {  # top-level keys beside Lightning's
    "optim": Argument(Optim | None, None),
    "compile": Argument(bool, False),
    "run_dir": Argument(str | None, None),
    "fresh": Argument(bool, False),
    "accept_changed_data": Argument(bool, False),
}
HELP = {
    "optim": "how the module is optimised; null: its own recipe",
    "compile": "compile the encoder block by block",
    "run_dir": "folder of the run; the same command in the same folder resumes (default: runs/<model>-<hash>)",
    "fresh": "start anew in a numbered folder beside the old one",
    "accept_changed_data": "resume although the training data are no longer what they were",
}


def root_schema(verb: str) -> Schema:
    """The top-level keys of a command."""
    method = signature(getattr(L.Trainer, verb)).arguments
    handed = LightningCLI.subcommands()[verb] | {"self"}
    return Schema(verb, {
        "seed_everything": Argument(bool | int, SEED),
        "trainer": Argument(Group(L.Trainer), {}),
        "model": Argument(L.LightningModule),
        "data": Argument(L.LightningDataModule),
        **OURS,
        **{name: argument for name, argument in method.items() if name not in handed},
    })  # fmt: skip


class Parser(LightningArgumentParser):
    """Mistakes that only jsonargparse sees end in one line, too."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        raise Mistake(one_line(message)) from ex


class SaveConfig(SaveConfigCallback):
    """Writes the resolved configuration into the run folder."""

    def save_config(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        if stage != "fit":
            return
        config = self.config.clone()
        config.run_dir, config.fresh, config.accept_changed_data, config.ckpt_path = None, False, False, None
        folder = Path(trainer.default_root_dir)
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / f".{CONFIG}.partial"  # a run that is killed here must find nothing, or the whole file
        self.parser.save(config, partial, skip_none=False, overwrite=True, multifile=False)
        os.replace(partial, folder / CONFIG)


class Run(LightningCLI):
    """One command, run by being constructed."""

    def __init__(self, args: list[str]):
        super().__init__(
            L.LightningModule,
            L.LightningDataModule,
            subclass_mode_model=True,
            subclass_mode_data=True,
            parser_class=Parser,
            save_config_callback=SaveConfig,
            save_config_kwargs={"save_to_log_dir": False},
            trainer_defaults={"enable_model_summary": False},
            seed_everything_default=SEED,
            auto_configure_optimizers=False,
            load_from_checkpoint_support=False,  # our checkpoints say themselves how they were made
            args=args,
        )

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        for name, argument in OURS.items():
            parser.add_argument(f"--{name}", type=argument.type, default=argument.default, help=HELP[name])

    def parse_arguments(self, parser: LightningArgumentParser, args: ArgsType) -> None:
        self.config = parser.parse_args(args)  # without Lightning's warning that sys.argv is not read

    def _parse_ckpt_path(self) -> None:
        """Lightning would read hyper-parameters from the checkpoint; the configuration has them."""

    def before_instantiate_classes(self) -> None:
        self._dump_config()
        config = self.config_dump
        given = config["run_dir"] or config["trainer"]["default_root_dir"]
        fit = self.subcommand == "fit"
        self.folder = run_folder(config, given, config["fresh"] and fit)
        self.resumed_from = config["ckpt_path"]
        self.kept = bool(fit and not config["trainer"]["fast_dev_run"])
        if self.kept:
            refuse_another(self.folder, config)
        if self.resumed_from is None and (self.kept or not fit):
            found = latest(self.folder)
            self.resumed_from = None if found is None else str(found)
        if self.kept and self.resumed_from and 0 < (config["trainer"]["max_steps"] or -1) <= step_of(self.resumed_from):
            _say(f"{self.folder} is finished ({self.resumed_from}); raise --trainer.max_steps to go on,"
                 " or start anew with --fresh true")  # fmt: skip
            raise SystemExit(0)

    def instantiate_classes(self) -> None:
        try:
            super().instantiate_classes()
        except (ValueError, MisconfigurationException) as error:
            source = _source(error)
            if not isinstance(source, (ValueError, MisconfigurationException)):
                raise  # a fault in the code, not in what it was given
            raise Mistake(one_line(str(source))) from error

    def instantiate_trainer(self, **kwargs: Any) -> L.Trainer:
        given = self._get(self.config_init, "trainer")
        kwargs["default_root_dir"] = str(self.folder)
        if self.kept:
            if given["logger"] in (None, True):
                start = step_of(self.resumed_from) if self.resumed_from else 0
                # CSVLogger deletes what it finds, so a resumed run writes beside the rows it goes on from.
                kwargs["logger"] = [
                    TensorBoardLogger(self.folder, name="", version="tensorboard"),
                    CSVLogger(self.folder, name="csv", version=f"from_step_{start}"),
                ]
            callbacks = [Agreement(self.config_dump), LostRanks(), PatientLoggers(), *_as_list(given["callbacks"])]
            rebuildable = hasattr(self.model, "encoder") and hasattr(self.model, "optim")
            wanted = given["enable_checkpointing"] is not False and rebuildable
            if wanted and not any(isinstance(callback, Checkpoint) for callback in callbacks):
                callbacks.append(Checkpoint())
            kwargs["callbacks"] = callbacks
        elif given["logger"] is None:
            kwargs["logger"] = False  # evaluation prints its table
        return super().instantiate_trainer(**kwargs)

    def after_instantiate_classes(self) -> None:
        if self.kept:
            hold(self.folder)
        accepted = self._get(self.config_init, "accept_changed_data") and self.resumed_from
        if accepted and isinstance(self.datamodule, DataModule):
            self.datamodule.accept_changes = True
            self.datamodule.restore(artifacts(self.resumed_from))  # such as a tokenizer, which new data would make anew
        optim = self._get(self.config_init, "optim")
        if optim is not None:
            if not hasattr(self.model, "optim"):
                raise Mistake(f"optim is given, but {type(self.model).__name__} has no attribute optim to take it")
            self.model.optim = optim
        if self._get(self.config_init, "compile"):
            compile_blocks(self.model)
        size = sum(p.numel() for p in self.model.parameters())
        weights = f"weights of {self.resumed_from}" if self.resumed_from else "new weights"
        _say(f"{self.subcommand} {type(self.model).__name__}, {size:,} parameters, {weights}, folder {self.folder}")

    def predict(self, **kwargs: Any) -> None:
        """Write `predictions.pt`, what `predict_step` gave for each batch; of several ranks each writes its own."""
        predictions = self.trainer.predict(**kwargs)
        rank = f"-{self.trainer.global_rank}" if self.trainer.world_size > 1 else ""
        self.folder.mkdir(parents=True, exist_ok=True)
        torch.save(predictions, self.folder / f"predictions{rank}.pt")
        _say(f"{self.folder}/predictions{rank}.pt: {len(predictions)} batches")

    def _prepare_subcommand_kwargs(self, subcommand: str) -> dict[str, Any]:
        return super()._prepare_subcommand_kwargs(subcommand) | {"ckpt_path": self.resumed_from}


def run(verb: str, arguments: Sequence[str]) -> int:
    """Compose, check and run a command; the exit code: 0, 3 after it diverged, 75 without data, 128 + a signal's number."""
    try:
        cli = start(verb, arguments)
    except (DataLost, Diverged, Stopped) as end:
        again = "; the same command goes on from the newest checkpoint" if isinstance(end, DataLost) else ""
        print(f"lit-pretrain: {end}{again}", file=sys.stderr)
        return end.code
    finally:
        release()
    return 143 if cli.trainer.received_sigterm else 0  # without our checkpoints Lightning ends it as if it were finished


def start(verb: str, arguments: Sequence[str], kind: type[Run] = Run) -> Run:
    """Compose and check a command, and construct `kind` with it."""
    _be_quiet()
    know_parts()
    torch.set_float32_matmul_precision("high")
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())  # at the end: a file of the user's never hides an installed package
    tree, asks = compose(verb, arguments, os.environ, root_schema(verb))
    if any(word in ("-h", "--help") or ".help" in word for word in asks):
        kind([verb, *asks])
    try:
        return kind([verb, "--config", json.dumps(tree), *asks])  # JSON: text that looks like a number stays text
    except (ValueError, MisconfigurationException) as error:
        if isinstance(error, ValueError) and not _is_ours(error):
            raise
        raise Mistake(one_line(str(error))) from error


def _is_ours(error: ValueError) -> bool:
    """Whether lit_pretrain itself raised it, which it does for the user's mistakes alone."""
    return _raised_in(error).startswith("lit_pretrain.")


def _source(error: BaseException) -> BaseException:
    """What a constructor raised, under the layers that jsonargparse puts around it."""
    while _raised_in(error).startswith("jsonargparse.") and (error.__cause__ or error.__context__):
        error = error.__cause__ or error.__context__
    return error


def _raised_in(error: BaseException) -> str:
    """The name of the module that raised it."""
    return list(traceback.walk_tb(error.__traceback__))[-1][0].f_globals.get("__name__", "")


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


@rank_zero_only
def _say(line: str) -> None:
    print(line, flush=True)


def _be_quiet() -> None:
    """Lightning's advice and its dependencies' deprecations are not the user's business; its other warnings are."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("lightning.fabric.strategies.launchers.subprocess_script").setLevel(logging.INFO)  # why it kills ranks
    for message in ("does not have many workers", "No seed found", "GPU available but not used", "in eval mode",
                    "smaller than the logging interval", "callbacks used to create the checkpoint"):  # fmt: skip
        warnings.filterwarnings("ignore", f".*{message}")
