"""What a command line composes of files, includes, groups, variables, overrides and references; by --print_config."""

import pytest
import yaml

BASE = "fit --config c.yaml --trust user_file "


@pytest.fixture
def printed(command):
    def run(line: str) -> dict:
        code, out, err = command(line + " --print_config")
        assert code == 0, err
        return yaml.safe_load(out)

    return run


def encoder(config: dict) -> dict:
    return config["model"]["init_args"]["encoder"]["init_args"]


def test_default_of_the_class_named(printed):
    assert encoder(printed(BASE))["dim"] == 8


@pytest.mark.parametrize("line", [
    BASE + "--data.dim 5",
    BASE + "--data.init_args.dim=5",
    "fit --data.dim 5 --config c.yaml --trust user_file",
    "--data.dim=5 --config c.yaml --trust user_file fit",
    "--config c.yaml fit --trust=user_file --data.init_args.dim 5",
    BASE + "--data user_file.Data --data.dim 5",
    BASE + "--data.dim 5 --data user_file.Data",
    BASE + "--model.scale 5 --data.dim ${model.init_args.scale}",
    BASE + "--config b.yaml",
    BASE + "--data data.yaml",
    BASE + "--data whole.yaml",
])  # fmt: skip
def test_references_follow_overrides(line, printed, here):
    (here / "b.yaml").write_text("data: {init_args: {dim: 5}}")
    (here / "data.yaml").write_text("class_path: user_file.Data\ninit_args: {dim: 5}")
    (here / "whole.yaml").write_text("data: {init_args: {dim: 5}}")
    config = printed(line)
    assert config["data"]["init_args"]["dim"] == encoder(config)["dim"] == 5


def test_references_follow_variables(printed, monkeypatch):
    monkeypatch.setenv("LIT_PRETRAIN_FIT__DATA__DIM", "6")
    monkeypatch.setenv("LIT_PRETRAIN_FIT__TRAINER__MAX_STEPS", "7")
    monkeypatch.setenv("LIT_PRETRAIN_DATA", "/nowhere")
    monkeypatch.setenv("LIT_PRETRAIN_CACHE", "/nowhere")
    config = printed(BASE)
    assert encoder(config)["dim"] == 6 and config["trainer"]["max_steps"] == 7
    assert encoder(printed(BASE + "--data.dim 5"))["dim"] == 5, "the command line wins over variables"


def test_includes_are_relative_and_fall_back_to_the_installed(printed, here):
    (here / "sub").mkdir()
    (here / "sub/low.yaml").write_text("data: {init_args: {dim: 3, name: low}}")
    (here / "sub/top.yaml").write_text("include: [../c.yaml, low.yaml]\ndata: {init_args: {name: top}}")
    config = printed("fit --config sub/top.yaml --trust user_file")
    assert (encoder(config)["dim"], config["data"]["init_args"]["name"]) == (3, "top")
    (here / "sub/ours.yaml").write_text("include: [../trainer/smoke.yaml]\ntrainer: {callbacks: null}")
    assert printed(BASE + "--config sub/ours.yaml")["trainer"]["max_steps"] == 4
    assert printed(BASE + "--config trainer/smoke --trainer.callbacks null")["trainer"]["max_steps"] == 4


def test_another_class_in_a_file_drops_the_arguments(printed, here):
    (here / "b.yaml").write_text("model: {class_path: user_file.Other, init_args: {encoder: user_file.Tiny}}")
    config = printed(BASE + "--model.scale 2 --config c.yaml")
    assert config["model"]["init_args"]["scale"] == 2
    config = printed(BASE + "--config b.yaml --data.dim 3")
    assert config["model"]["class_path"] == "user_file.Other"
    assert config["model"]["init_args"].keys() == {"encoder", "width"}
    assert encoder(config)["dim"] == 8, "the reference went with the old arguments"


def test_another_class_on_the_command_line_keeps_what_it_takes(printed, here):
    (here / "b.yaml").write_text("model: {init_args: {scale: 2}}")
    config = printed(BASE + "--config b.yaml --model user_file.Other --data.dim 3")
    assert config["model"]["init_args"].keys() == {"encoder", "width"}
    assert encoder(config)["dim"] == 3


def test_lists_replace_and_append(printed, here):
    (here / "b.yaml").write_text("trainer: {callbacks: [lightning.pytorch.callbacks.DeviceStatsMonitor]}")
    line = BASE + "--config b.yaml --trainer.callbacks+=LearningRateMonitor --trainer.callbacks.logging_interval step"
    callbacks = printed(line)["trainer"]["callbacks"]
    assert [c["class_path"].rpartition(".")[2] for c in callbacks] == ["DeviceStatsMonitor", "LearningRateMonitor"]
    assert callbacks[1]["init_args"]["logging_interval"] == "step"
    (here / "d.yaml").write_text("trainer: {callbacks: [lightning.pytorch.callbacks.ModelSummary]}")
    assert len(printed(BASE + "--config b.yaml --config d.yaml")["trainer"]["callbacks"]) == 1


def test_text_that_looks_like_a_number(printed):
    for text in ("123", "true", "null_", "2020-01-01"):
        assert printed(BASE + f"--data.name {text}")["data"]["init_args"]["name"] == text


def test_optimiser(printed):
    config = printed(BASE + "--optim.lr 1e-3 --optim lit_pretrain.optim.recipe.AdamW --optim.schedule.warmup 3")
    assert config["optim"]["init_args"]["lr"] == 0.001
    assert config["optim"]["init_args"]["schedule"]["init_args"]["warmup"] == 3


def test_printed_configuration_is_a_configuration(printed, here):
    first = printed(BASE + "--data.dim 5 --trainer.callbacks+=LearningRateMonitor")
    (here / "again.yaml").write_text(yaml.safe_dump(first))
    assert printed("fit --config again.yaml --trust user_file") == first


def test_help_of_a_command_and_a_class(command):
    code, out, _ = command("fit --help")
    assert code == 0 and "--run_dir" in out and "--optim" in out
    code, out, _ = command("fit --model.help user_file.Objective")
    assert code == 0 and "--model.init_args.scale" in out.replace("--model.scale", "--model.init_args.scale")
