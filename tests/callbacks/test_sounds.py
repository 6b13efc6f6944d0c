"""Recordings of what a model makes: written, played on a page, and nothing of the run is changed by it."""

import lightning as L
import pytest
import soundfile
import torch
from torch import nn

from lit_pretrain.callbacks.sounds import Sounds
from lit_pretrain.datamodules.speech.datamodule import SpeechDataModule
from lit_pretrain.datamodules.speech.source.synthesiser import Synthesiser
from lit_pretrain.objectives.base import PretrainModule


class Gain(PretrainModule):
    """One number: how loud a recording is made."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Linear(1, 1, bias=False)

    def loss(self, batch):
        return {"loud": (self.encoder.weight[0, 0] * batch.waveforms * torch.rand(())).square().mean()}

    def sounds(self, batch):
        assert not self.training
        torch.rand(3)
        whole = list(batch.waveforms.split(batch.lengths))
        return {"original": whole, "louder": [self.encoder.weight[0, 0] * x for x in whole]}


def fit(folder, callbacks, module=None):
    torch.manual_seed(0)
    module = module or Gain()
    sizes = {"train": 12, "validation": 6, "test": 6}
    data = SpeechDataModule(Synthesiser(sizes=sizes), sample_rate=8000, max_seconds=1.0, seconds_per_batch=3.0)
    trainer = L.Trainer(max_steps=3, default_root_dir=folder, callbacks=callbacks, logger=False, accelerator="cpu",
                        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
                        limit_val_batches=0)  # fmt: skip
    trainer.fit(module, data)
    return module.encoder.weight.detach()


def test_files_and_a_page(tmp_path):
    weight = fit(tmp_path, [Sounds(every_n_steps=2, examples=2)])
    assert torch.equal(fit(tmp_path / "without", []), weight)
    assert sorted(p.name for p in (tmp_path / "sounds").iterdir()) == ["step-0000002", "step-0000003"]
    folder = tmp_path / "sounds" / "step-0000003"
    assert sorted(p.name for p in folder.glob("*.wav")) == [f"{i}_{x}.wav" for i in (0, 1) for x in ("louder", "original")]
    (original, rate), (louder, _) = (soundfile.read(folder / f"0_{x}.wav") for x in ("original", "louder"))
    assert rate == 8000
    torch.testing.assert_close(torch.tensor(louder), torch.tensor(original * float(weight)).clamp(-1, 1), atol=1e-3, rtol=0)
    html = (folder / "index.html").read_text()
    assert html.count("<audio") == 4 and 'src="1_louder.wav"' in html


def test_an_objective_without_sounds_is_told_and_trained(tmp_path):
    class Silent(Gain):
        sounds = None

    with pytest.warns(UserWarning, match="Silent offers none"):
        fit(tmp_path, [Sounds()], Silent())
