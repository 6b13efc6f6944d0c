"""The command `lit-pretrain`. Torch is imported only by the commands that compute."""

import os
import sys
from collections.abc import Sequence
from importlib import import_module

from lit_pretrain.config.chatter import hush
from lit_pretrain.config.mistake import Mistake, nearest

HELP = """usage: lit-pretrain COMMAND [options]

  fit         pretrain: lit-pretrain fit --config conf/text/mlm.yaml
  validate    the validation loss of a run's newest checkpoint
  test        the test loss of a run's newest checkpoint
  predict     write the representations of the test split: predictions.pt in the run folder
  evaluate    the protocol table: probes and fine-tuning, pretrained against random
  embed       vectors with their ids, in shards: lit-pretrain embed --ckpt runs/NAME --out FOLDER --format parquet
  bench       what a step costs: lit-pretrain bench --config conf/text/mlm.yaml --config conf/text/clm.yaml
  report      one page about runs and tables: lit-pretrain report runs/a runs/b runs/table --out report.html
  units       discrete units for HuBERT and its like: lit-pretrain units --data FILE --features mfcc --out FOLDER
  export      take the encoder away: lit-pretrain export runs/NAME --to FOLDER
  view        samples.html, what a model would see: the first training batch; takes the options of fit
  list        objectives, encoders, blocks, sources, callbacks, ...: lit-pretrain list [WHAT]
  show        the card of a class and its configuration: lit-pretrain show NAME
  quickstart  the whole path on embedded data, in minutes

fit, validate, test and predict take
  --config FILE          may be repeated, later files win; a file's `include:` names files that come before it
  --KEY VALUE            any key: --trainer.max_steps 100, --data.batch_size 8, --model my_file.MyObjective,
                         --trainer.callbacks+=lightning.pytorch.callbacks.EarlyStopping; these win over files
  --run_dir FOLDER       the same command in the same folder resumes; --fresh true starts a new folder
  --trust PACKAGE        let files name classes of this package; may be repeated
  --print_config         the resolved configuration; --help lists every key, --model.help CLASS those of a class
Environment variables such as LIT_PRETRAIN_FIT__TRAINER__MAX_STEPS=5 win over files. Values may refer to others:
${data.init_args.vocab_size}. LIT_PRETRAIN_TRACEBACK=1 shows the traceback of a mistake.
"""

RUNS = ("fit", "validate", "test", "predict")
VIEW = ("--trainer.callbacks", "lit_pretrain.callbacks.sample_viewer.SampleViewer", "--trainer.callbacks.then_stop", "true",
        "--trainer.fast_dev_run", "true")  # fmt: skip
HANDED = {
    "evaluate": "lit_pretrain.downstream.protocol",
    "embed": "lit_pretrain.downstream.embed",
    "report": "lit_pretrain.downstream.report",
    "bench": "lit_pretrain.bench.command",
    "units": "lit_pretrain.downstream.units",
    "export": "lit_pretrain.io.export",
    "view": "lit_pretrain.run",  # a fit that stops before its first step
    "quickstart": "lit_pretrain.quickstart",
    "list": "lit_pretrain.catalogue",
    "show": "lit_pretrain.catalogue",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command. Returns the exit code: 0, or 2 after a mistake of the user's, which one line has named."""
    words = list(sys.argv[1:] if argv is None else argv)
    hush()
    try:
        return _dispatch(words) or 0
    except Mistake as mistake:
        if os.environ.get("LIT_PRETRAIN_TRACEBACK") == "1":
            raise
        print(f"lit-pretrain: {mistake}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader, such as `head`, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it flushes at its end
        return 0
    except SystemExit as end:  # --help and --print_config end so
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
            return 1
        return end.code or 0


def _dispatch(words: list[str]) -> int | None:
    place = next((i for i in range(len(words)) if _is_verb(words, i)), None)
    if place is None:
        if not words or words[0] in ("-h", "--help", "help"):
            print(HELP, end="")
            return 0
        raise Mistake(f"there is no command {words[0]!r}{nearest(words[0], (*RUNS, *HANDED))};"
                      " lit-pretrain --help lists all")  # fmt: skip
    verb = words.pop(place)
    if verb == "view":
        verb, words = "fit", [*words, *VIEW]
    if verb in RUNS:
        return import_module("lit_pretrain.run").run(verb, words)
    module = import_module(HANDED[verb])
    return module.show(words) if verb == "show" else module.list_all(words) if verb == "list" else module.main(words)


def _is_verb(words: list[str], i: int) -> bool:
    """A command may follow options: a word that is not the value of the option before it."""
    follows_option = i > 0 and words[i - 1].startswith("-") and "=" not in words[i - 1]
    return words[i] in (*RUNS, *HANDED) and not follows_option


if __name__ == "__main__":
    sys.exit(main())
