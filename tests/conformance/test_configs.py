"""The battery that every configuration under conf/ passes; a new YAML is found by itself.

Each runnable file (one with a model) is run for a few steps on its own data with the smoke overlay, and everything that
the contracts promise is checked on what it leaves behind.
"""

import functools
import re
import shutil
from pathlib import Path

import pytest
import torch
import yaml

import lit_pretrain
from lit_pretrain.cli import main
from lit_pretrain.config.files import layers
from lit_pretrain.io.checkpoint import artifacts, latest, load_data, load_encoder, read

CONF = Path(__file__).parents[2] / "conf"


def is_objective(path: Path) -> bool:
    """conf/downstream starts from runs that a test must make first."""
    model = (yaml.safe_load(path.read_text()) or {}).get("model") or {}
    return model.get("class_path", "").startswith("lit_pretrain.objectives.")


METHODS = sorted(path for path in CONF.rglob("*.yaml") if is_objective(path))
# In fp32, because bf16 products are compiled anew for each shape; that bf16 agrees is a test of its own.
SMOKE = ["--config", str(CONF / "trainer/smoke.yaml"), "--trainer.accelerator", "cpu", "--trainer.precision", "32-true",
         "--data.num_workers", "0"]  # fmt: skip

# Where a configuration has more of these, less is as good a test.
SMALL = {"data": {"tokens_per_batch": 1024}, "model.encoder": {"num_layers": 3}}

each_method = pytest.mark.parametrize("method", METHODS, ids=lambda p: str(p.relative_to(CONF)))


def fit(method: Path, folder: Path, *overrides: str) -> None:
    assert main(["fit", "--config", str(method), *SMOKE, *small(method), "--run_dir", str(folder), *overrides]) in (0, None)


def small(method: Path) -> list[str]:
    """Words of the command line that make batches and encoders small."""
    words = []
    for part, values in SMALL.items():
        given = {name: value for _, layer in layers(method) for name, value in arguments(layer, part).items()}
        for name, most in values.items():
            words += [f"--{part}.{name}", str(most)] if given.get(name, 0) > most else []
    return words


def arguments(tree: dict, part: str) -> dict:
    """What a file says of the arguments of a part, such as "model.encoder"."""
    for key in part.split("."):
        tree = tree.get(key, {}).get("init_args", {})
    return tree


@functools.cache
def short_run(method: Path, base: Path) -> Path:
    fit(method, folder := base / "_".join(method.relative_to(CONF).with_suffix("").parts))
    return folder


@pytest.fixture(params=METHODS, ids=lambda p: str(p.relative_to(CONF)))
def run(request, tmp_path_factory) -> tuple[Path, Path]:
    """A method's configuration and the folder of a short run of it."""
    return request.param, short_run(request.param, tmp_path_factory.getbasetemp())


@functools.cache
def batch_of(folder: Path):
    data = load_data(folder)
    data.prepare_data()
    data.setup("fit")
    return next(iter(data.loader("train", shuffle=False)))


def step(module, batch) -> torch.Tensor:
    """The loss as training weighs it, with the same draws each time."""
    module.generator.manual_seed(0)
    torch.manual_seed(0)
    return sum(t.weight * t.sum / max(1, int(t.count)) for t in module._terms(batch).values())


def test_a_run_leaves_what_it_promises(run):
    _, folder = run
    assert read(folder)["global_step"] == 4
    for name in ("config.yaml", "report.html"):
        assert (folder / name).stat().st_size > 0, name
    assert " object at 0x" not in (folder / "config.yaml").read_text(), "a default is not written as its class path"


def test_a_checkpoint_needs_nothing_else(run, tmp_path, monkeypatch):
    _, folder = run
    monkeypatch.chdir(tmp_path)
    module, batch = lit_pretrain.load(folder), batch_of(folder)
    with torch.no_grad():
        encoded = module.encode(batch, layers=True)
        alone = load_encoder(latest(folder))(batch)
    assert encoded.pooled.shape == (batch.num_examples, module.encoder.dim)
    assert len(encoded.units) == len(encoded.example_of_unit)
    assert {"embedding", f"block{module.encoder.num_layers - 1:02d}"} <= encoded.layers.keys()
    torch.testing.assert_close(alone.pooled, encoded.pooled)


def test_cut_and_resumed_equals_uncut(run, tmp_path):
    """The run is cut after two steps: what it left by then is all that is left of it."""
    method, folder = run
    shutil.copytree(folder / "checkpoints", tmp_path / "checkpoints")
    for path in latest(tmp_path).parent.glob(f"{latest(tmp_path).stem}*"):
        path.unlink()
    assert read(tmp_path)["global_step"] == 2
    fit(method, tmp_path)
    assert (tmp_path / "csv/from_step_2").is_dir(), "it went on, and did not begin anew"
    resumed, whole = read(tmp_path), read(folder)
    assert resumed["global_step"] == whole["global_step"] == 4
    for name, weight in whole["state_dict"].items():
        assert torch.equal(resumed["state_dict"][name], weight), name


def test_overfits_one_batch(run):
    _, folder = run
    module, batch = lit_pretrain.load(folder).train(), batch_of(folder)
    for part in module.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0
    optimizer = torch.optim.AdamW(module.parameters(), lr=2e-3)
    losses = []
    for _ in range(12):
        optimizer.zero_grad()
        loss = step(module, batch)
        loss.backward()
        optimizer.step()
        module.after_step()
        losses.append(float(loss))
        if losses[-1] < 0.9 * losses[0]:
            break
    assert min(losses) < 0.9 * losses[0], losses


def test_bf16_agrees_with_fp32(run):
    _, folder = run
    module, batch = lit_pretrain.load(folder), batch_of(folder)
    with torch.no_grad():
        full = step(module, batch)
        with torch.autocast("cpu", torch.bfloat16):
            half = step(module, batch)
    torch.testing.assert_close(half.float(), full, rtol=0.03, atol=0.03)


def test_exports_and_reads_back(run, tmp_path):
    _, folder = run
    encoder, batch = load_encoder(folder), batch_of(folder)
    lit_pretrain.save_pretrained(encoder, tmp_path, artifacts=artifacts(folder))
    again = lit_pretrain.from_pretrained(tmp_path).eval()
    with torch.no_grad():
        torch.testing.assert_close(again(batch).units, encoder(batch).units)
    assert set(artifacts(folder)) <= {p.name for p in tmp_path.iterdir()}


COMPILED: dict[frozenset[str], str] = {}  # kinds of blocks -> the first encoder that was compiled


def test_the_encoder_compiles(run):
    """Block by block, with the tracing half of the compiler (code generation is the same for all)."""
    _, folder = run
    encoder, batch = load_encoder(folder), batch_of(folder)
    blocks = {repr(block): block for block in encoder.blocks}
    kinds = frozenset(re.sub(r"\d+", "N", block) for block in blocks)  # blocks of other sizes compile alike
    if (first := COMPILED.setdefault(kinds, folder.name)) != folder.name:
        pytest.skip(f"its blocks differ from those of {first} in nothing but size")
    with torch.no_grad():
        expected = encoder(batch).units
        for block in blocks.values():
            block.compile(backend="aot_eager", dynamic=True)
        torch.testing.assert_close(encoder(batch).units, expected, rtol=1e-4, atol=1e-4)


@each_method
def test_the_header_says_what_it_is(method):
    """Paper and command stand in the first lines, and the class's card names its source."""
    text = method.read_text()
    header = [line for line in text.splitlines() if line.startswith("#")]
    assert any("lit-pretrain" in line for line in header), "the header names no command"
    path = yaml.safe_load(text)["model"]["class_path"]
    module_path, _, name = path.rpartition(".")
    source = (CONF.parent / (module_path.replace(".", "/") + ".py")).read_text()
    card = source[source.index(f"class {name}") :].split('"""')[1]
    assert re.search(r"(arXiv \d{4}\.\d{4,5})|NeurIPS|ICML|ICLR|GPT-2", card), f"{name}'s card names no source"


def test_every_objective_has_a_configuration():
    named = {yaml.safe_load(p.read_text())["model"]["class_path"].rsplit(".", 1)[0] for p in METHODS}
    folder = CONF.parent / "lit_pretrain/objectives"
    modules = {f"lit_pretrain.objectives.{p.parent.name}.{p.stem}" for p in folder.glob("*/*.py") if p.stem != "__init__"}
    assert modules <= named, f"without a configuration: {modules - named}"


def test_every_objective_has_a_test():
    folder = CONF.parent / "lit_pretrain/objectives"
    tests = Path(__file__).parents[1] / "objectives"
    for path in folder.glob("*/*.py"):
        if path.stem != "__init__":
            assert (tests / path.parent.name / f"test_{path.stem}.py").exists(), f"{path} has no test"
