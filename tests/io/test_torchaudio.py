"""torchaudio's weights in our blocks: the same outputs."""

from typing import Any

import pytest
import torch
import torchaudio
from torchaudio.pipelines._wav2vec2.utils import _extend_model

from lit_pretrain.io.torchaudio import from_torchaudio
from lit_pretrain.types import SpeechBatch

torch.set_num_threads(1)
LENGTHS = (500, 1203, 90)
BASE = {"extractor_mode": "group_norm", "extractor_conv_layer_config": [(6, 10, 5), (5, 3, 2), (4, 2, 2)],
        "extractor_conv_bias": False, "encoder_embed_dim": 16, "encoder_projection_dropout": 0.1,
        "encoder_pos_conv_kernel": 6, "encoder_pos_conv_groups": 4, "encoder_num_layers": 2, "encoder_num_heads": 4,
        "encoder_attention_dropout": 0.1, "encoder_ff_interm_features": 24, "encoder_ff_interm_dropout": 0.1,
        "encoder_dropout": 0.2, "encoder_layer_norm_first": False, "encoder_layer_drop": 0.1,
        "aux_num_out": 5}  # fmt: skip
FORMS = {
    "base": BASE,
    "large": BASE | {"extractor_mode": "layer_norm", "extractor_conv_bias": True, "encoder_layer_norm_first": True},
    "mixed": BASE | {"extractor_mode": "layer_norm", "encoder_pos_conv_kernel": 5, "aux_num_out": None},
}


def random_model(options: dict[str, Any]) -> torchaudio.models.Wav2Vec2Model:
    """All weights far from their initial zeros and ones, so that none can be mixed up unnoticed."""
    torch.manual_seed(0)
    model = torchaudio.models.wav2vec2_model(**options).eval()
    for weight in model.parameters():
        weight.data.add_(torch.randn_like(weight), alpha=0.2)
    return model


def speech() -> SpeechBatch:
    return SpeechBatch(torch.randn(sum(LENGTHS), generator=torch.Generator().manual_seed(1)) * 0.1, LENGTHS, 16000)


def close(a: torch.Tensor, b: torch.Tensor) -> None:
    torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("form", FORMS)
@torch.no_grad()
def test_outputs_equal(form: str) -> None:
    model, batch = random_model(FORMS[form]), speech()
    encoder = from_torchaudio(model)
    assert not encoder.training and encoder.dropout.p == 0.2 and encoder.mask_vector is not None
    ours, model.aux = encoder(batch, layers=True), None
    waveforms = [waveform[None] for waveform in batch.waveforms.split(LENGTHS)]
    units = torch.cat([model(waveform)[0][0] for waveform in waveforms])
    assert units.std() > 0.1
    close(ours.units, units)
    outputs = [model.extract_features(waveform)[0] for waveform in waveforms]
    for i in range(2):
        close(ours.layers[f"block{i:02d}"], torch.cat([states[i][0] for states in outputs]))


@torch.no_grad()
def test_bundles_say_whether_to_normalise() -> None:
    model, recording = random_model(FORMS["large"]), SpeechBatch(torch.randn(900) * 3 + 1, (900,), 16000)
    wrapped = _extend_model(model, normalize_waveform=True)
    encoder = from_torchaudio(wrapped, maskable=False)
    assert encoder.embedding.normalise and encoder.mask_vector is None
    last = wrapped.extract_features(recording.waveforms[None])[0][-1][0]
    close(encoder(recording, layers=True).layers["block01"], last)
    assert not from_torchaudio(wrapped, normalise=False).embedding.normalise
    assert from_torchaudio(model, sample_rate=8000).embedding.sample_rate == 8000


def test_what_our_blocks_do_not_compute_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no WavLMSelfAttention; TorchaudioEncoder runs"):
        from_torchaudio(torchaudio.models.wavlm_model(**BASE, encoder_num_buckets=8, encoder_max_distance=20))
    with pytest.raises(ValueError, match="Linear is no Wav2Vec2Model"):
        from_torchaudio(torch.nn.Linear(2, 2))
    model = random_model(BASE)
    model.adapter = torch.nn.Linear(2, 2)
    with pytest.raises(ValueError, match=r"unexpected \['adapter.weight', 'adapter.bias'\]"):
        from_torchaudio(model)
