"""Every mistake ends in one line on stderr that names key, value, origin and the nearest right name."""

import pytest

BASE = "fit --config c.yaml --trust user_file "

MISTAKES = {
    "unknown command": ("fitt", "", ["'fitt'", "nearest: fit"]),
    "no model": ("fit", "", ["no model", "--model"]),
    "missing file": ("fit --config conf/trainer/smok.yaml", "", ["smok", "nearest: trainer/smoke.yaml"]),
    "missing include": (BASE + "--config b.yaml", "include: [nope.yaml]", ["nope.yaml", "included by b.yaml"]),
    "include of itself": (BASE + "--config b.yaml", "include: [b.yaml]", ["includes itself"]),
    "broken yaml": (BASE + "--config b.yaml", "model: {a: 1\nb: 2", ["b.yaml, line 2"]),
    "unknown top key": (BASE + "--config b.yaml", "modle: 3", ["'modle'", "nearest: model", "b.yaml"]),
    "unknown key": (BASE + "--config b.yaml", "model: {init_args: {scael: 2}}",
                    ["'scael'", "nearest: scale", "b.yaml"]),
    "wrong type": (BASE + "--config b.yaml", "trainer: {max_steps: many}",
                   ["trainer.max_steps", "'many' is not int", "b.yaml"]),
    "not a group": (BASE + "--config b.yaml", "trainer: 3", ["trainer: expected keys and values"]),
    "misspelt class": (BASE + "--config b.yaml", "trainer: {callbacks: [lightning.pytorch.callbacks.EarlyStoping]}",
                       ["trainer.callbacks.0", "nearest: EarlyStopping", "b.yaml"]),
    "misspelt module": (BASE + "--model lit_pretrain.objectives.bse.PretrainModule", "",
                        ["lit_pretrain.objectives has no 'bse'", "nearest: base"]),
    "wrong kind of class": (BASE + "--config b.yaml", "model: {init_args: {encoder: user_file.Data}}",
                            ["model.init_args.encoder", "user_file.Data is no Tiny", "b.yaml"]),
    "reference to nothing": (BASE + "--config b.yaml", "model: {init_args: {scale: '${data.init_args.dmi}'}}",
                             ["model.init_args.scale", "data.init_args has no 'dmi'", "nearest: dim", "b.yaml"]),
    "reference to no variable": (BASE + "--config b.yaml", "data: {init_args: {name: '${oc.env:LIT_NOPE}'}}",
                                 ["data.init_args.name", "LIT_NOPE", "b.yaml"]),
    "untrusted class": (BASE + "--config b.yaml", "model: os.system",
                        ["model", "'os.system' is not trusted", "--trust os", "b.yaml"]),
    "trust in a file": (BASE + "--config b.yaml", "trust: [os]", ["--trust", "b.yaml"]),
    "missing argument": (BASE + "--trainer.callbacks+=EarlyStopping", "", ["EarlyStopping needs 'monitor'"]),
    "unknown option": (BASE + "--trainer.max_stps 3", "", ["--trainer.max_stps", "nearest: max_steps"]),
    "unknown nested option": (BASE + "--model.encoder.dmi 3", "", ["Tiny has no 'dmi'", "nearest: dim"]),
    "wrong option type": (BASE + "--trainer.max_steps x", "", ["--trainer.max_steps: 'x' is not int"]),
    "unknown choice": (BASE + "--trainer.precision bf17", "", ["'bf17'", "nearest: bf16"]),
    "option below a number": (BASE + "--data.dim.x 3", "", ["--data.dim.x reaches nothing"]),
    "option before its class": (BASE + "--optim.lr 3", "", ["choose its class first: --optim CLASS"]),
    "option without value": (BASE + "--trainer.max_steps", "", ["--trainer.max_steps needs a value"]),
    "stray word": (BASE + "stray", "", ["'stray'"]),
    "misspelt typed class": (BASE + "--model user_file.Objectiv", "",
                             ["user_file has no 'Objectiv'", "nearest: Objective"]),
    "misspelt short class": (BASE + "--optim AdamWW", "", ["'AdamWW'", "nearest: AdamW"]),
    "refused by the constructor": (BASE + "--data.dim 0", "", ["dim=0 must be at least 1"]),
    "refused by Lightning": (BASE + "--trainer.accelerator foo", "", ["foo"]),
    "show of nothing": ("show KNNProb", "", ["'KNNProb'", "nearest: KNNProbe"]),
    "list of nothing": ("list objectivs_", "", ["objectivs_"]),
}  # fmt: skip


@pytest.mark.parametrize("case", MISTAKES)
def test_one_line(case, command, here):
    line, file, expected = MISTAKES[case]
    (here / "b.yaml").write_text(file)
    code, out, err = command(line)
    assert code == 2
    assert out == ""
    assert err.startswith("lit-pretrain: ") and err.count("\n") == 1, err
    for words in expected:
        assert words in err, err
    assert not (here / "runs").exists()


def test_variable_is_named(command, monkeypatch):
    monkeypatch.setenv("LIT_PRETRAIN_FIT__TRAINER__MAX_STPES", "3")
    code, _, err = command(BASE)
    assert code == 2 and "nearest: max_steps" in err and "environment variable LIT_PRETRAIN_FIT__TRAINER__MAX_STPES" in err


@pytest.mark.parametrize("where", ["model: side_effect.X", "trainer: {callbacks: [side_effect.X]}",
                                   "model: {init_args: {encoder: {class_path: side_effect.X}}}"])  # fmt: skip
def test_untrusted_module_is_not_imported(where, command, here, monkeypatch):
    (here / "side_effect.py").write_text("open('imported', 'w').close()\nclass X: pass\n")
    (here / "b.yaml").write_text(where)
    monkeypatch.syspath_prepend(here)
    code, _, err = command(BASE + "--config b.yaml")
    assert code == 2 and "--trust side_effect" in err
    assert not (here / "imported").exists()
    monkeypatch.setenv("LIT_PRETRAIN_FIT__MODEL", "side_effect.X")
    assert command(BASE)[0] == 2
    assert not (here / "imported").exists()


def test_traceback_on_request(command, monkeypatch):
    from lit_pretrain.config.mistake import Mistake

    monkeypatch.setenv("LIT_PRETRAIN_TRACEBACK", "1")
    with pytest.raises(Mistake):
        command(BASE + "--data.dim 0")
