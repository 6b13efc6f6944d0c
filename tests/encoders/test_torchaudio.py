"""TorchaudioEncoder: torchaudio's own numbers, whatever stands beside a recording."""

import copy
import json
from typing import Any

import pytest
import torch
import torchaudio

from lit_pretrain.encoders.torchaudio import BUNDLES, TorchaudioEncoder
from lit_pretrain.part import build, spec
from lit_pretrain.types import SpeechBatch

torch.set_num_threads(1)
LENGTHS = (500, 1203, 90, 500)
BASE = {"extractor_mode": "group_norm", "extractor_conv_layer_config": [[6, 10, 5], [5, 3, 2], [4, 2, 2]],
        "extractor_conv_bias": False, "encoder_embed_dim": 16, "encoder_projection_dropout": 0.0,
        "encoder_pos_conv_kernel": 6, "encoder_pos_conv_groups": 4, "encoder_num_layers": 2, "encoder_num_heads": 4,
        "encoder_attention_dropout": 0.0, "encoder_ff_interm_features": 24, "encoder_ff_interm_dropout": 0.0,
        "encoder_dropout": 0.0, "encoder_layer_norm_first": False}  # fmt: skip
LARGE = BASE | {"extractor_mode": "layer_norm", "extractor_conv_bias": True, "encoder_layer_norm_first": True}
BUCKETS = {"encoder_num_buckets": 8, "encoder_max_distance": 20}
HEAD = {"aux_num_out": None, "encoder_layer_drop": 0.0}

# name -> (factory, its options, whether recordings of several lengths are computed together)
CASES: dict[str, tuple[str, dict[str, Any], bool]] = {
    "base": ("wav2vec2_model", BASE, False),
    "large": ("wav2vec2_model", LARGE, True),
    "wavlm base": ("wavlm_model", BASE | BUCKETS, False),
    "wavlm large": ("wavlm_model", LARGE | BUCKETS, False),
}
each_case = pytest.mark.parametrize("name", CASES)


def pair(name: str, **arguments: Any) -> tuple[TorchaudioEncoder, torchaudio.models.Wav2Vec2Model]:
    """Ours and theirs, with all weights far from their initial zeros and ones."""
    factory, options, _ = CASES[name]
    torch.manual_seed(0)
    ours = TorchaudioEncoder(factory, options=options, **arguments).eval()
    for weight in ours.parameters():
        weight.data.add_(torch.randn_like(weight), alpha=0.2)
    theirs = getattr(torchaudio.models, factory)(**options, **HEAD).eval()
    theirs.load_state_dict(ours.model.state_dict())
    return ours, theirs


def speech(rate: int = 16000) -> SpeechBatch:
    return SpeechBatch(torch.randn(sum(LENGTHS), generator=torch.Generator().manual_seed(1)) * 0.1, LENGTHS, rate)


def close(a: torch.Tensor, b: torch.Tensor) -> None:
    torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)


@each_case
@torch.no_grad()
def test_equals_torchaudio_one_by_one(name: str) -> None:
    (ours, theirs), batch = pair(name), speech()
    assert ours.paddable == CASES[name][2]
    encoded = ours(batch, layers=True)
    waveforms = [waveform[None] for waveform in batch.waveforms.split(LENGTHS)]
    units = [theirs(waveform)[0][0] for waveform in waveforms]
    close(encoded.units, torch.cat(units))
    assert ours.layout(batch).lengths == encoded.layout.lengths == tuple(map(len, units))
    embedded = [theirs.encoder._preprocess(theirs.feature_extractor(waveform, None)[0])[0] for waveform in waveforms]
    close(encoded.layers["embedding"], torch.cat([theirs.encoder.transformer._preprocess(x)[0] for x in embedded]))
    outputs = [theirs.extract_features(waveform)[0] for waveform in waveforms]
    assert list(encoded.layers) == ["embedding", "block00", "block01"]
    for i in range(2):
        close(encoded.layers[f"block{i:02d}"], torch.cat([states[i][0] for states in outputs]))
    assert units[0].std() > 0.1 and torch.equal(ours(batch).units, encoded.units)
    close(encoded.pooled[2], units[2].mean(0))
    assert len(ours.blocks) == ours.num_layers == 2 and ours.dim == 16
    assert {key.removeprefix("model.") for key in ours.state_dict()} == theirs.state_dict().keys()


@torch.no_grad()
def test_a_padded_call_equals_torchaudio_with_lengths() -> None:
    (ours, theirs), batch = pair("large"), speech()
    units, counts = theirs(batch.padded(), torch.tensor(LENGTHS))
    close(ours(batch).units, torch.cat([x[:n] for x, n in zip(units, counts.tolist(), strict=True)]))


@torch.no_grad()
def test_padding_is_the_reason_for_runs() -> None:
    ours, _ = pair("base")
    expected = ours(speech()).units
    ours.paddable = True
    assert (ours(speech()).units - expected).abs().max() > 1e-3


@torch.no_grad()
def test_recordings_are_normalised() -> None:
    (ours, theirs), waveform = pair("large", normalise=True), speech().waveforms[:700] * 3 + 0.5
    values = torch.nn.functional.layer_norm(waveform, waveform.shape)
    close(ours(SpeechBatch(waveform, (700,), 16000)).units, theirs(values[None])[0][0])


@pytest.mark.parametrize("name", ["large", "wavlm base"])
@torch.no_grad()
def test_a_checkpoint_rebuilds_it(name: str) -> None:
    ours, batch = pair(name, normalise=True)[0], speech()
    again = build(json.loads(json.dumps(spec(ours)))).eval()
    again.load_state_dict(ours.state_dict())
    assert spec(again) == spec(ours) and torch.equal(again(batch).units, ours(batch).units)


@torch.no_grad()
def test_a_compiled_block_and_a_copy_give_their_layers() -> None:
    ours, batch = pair("large")[0], speech()
    copied, expected = copy.deepcopy(ours), ours(batch, layers=True).layers
    ours.blocks[0].compile(backend="eager", dynamic=True)
    for other in (ours, copied):
        for layer, units in other(batch, layers=True).layers.items():
            close(units, expected[layer])


@torch.no_grad()
def test_bundles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights of a bundle, without its head and wrapper, and its architecture alone."""
    bundle = torchaudio.pipelines.Wav2Vec2ASRBundle("somewhere.pth", LARGE | {"aux_num_out": 5, "encoder_layer_drop": 0.5},
                                                    16000, True, "Wav2Vec2", _labels=("a",) * 4)  # fmt: skip
    monkeypatch.setitem(BUNDLES, "TINY", bundle)
    weights = torchaudio.models.wav2vec2_model(**bundle._params).state_dict()
    monkeypatch.setattr(type(bundle), "_get_state_dict", lambda self, options: weights)
    ours = TorchaudioEncoder("TINY", pretrained=True)
    assert ours.normalise and ours.model.training
    waveform = speech().waveforms[:700]
    theirs = bundle.get_model().extract_features(waveform[None])[0]
    encoded = ours.eval()(SpeechBatch(waveform, (700,), 16000), layers=True)
    close(encoded.layers["block01"], theirs[-1][0])
    again = build(spec(ours)).eval()
    again.load_state_dict(ours.state_dict())
    assert torch.equal(again(SpeechBatch(waveform, (700,), 16000)).units, encoded.units)
    assert "TINY" not in str(spec(ours)) and spec(TorchaudioEncoder("TINY")) == spec(ours)
    assert not TorchaudioEncoder("TINY", normalise=False).normalise


def test_factories_and_bundles_of_torchaudio() -> None:
    with torch.device("meta"):
        ours = TorchaudioEncoder("wav2vec2_base", options={"encoder_dropout": 0.3})
        bundled = TorchaudioEncoder("WAVLM_LARGE")
    assert (ours.dim, ours.num_layers, ours.normalise) == (768, 12, False) and ours.blocks[0].dropout.p == 0.3
    assert (bundled.dim, bundled.num_layers, bundled.normalise) == (1024, 24, True)
    assert spec(ours)["init_args"]["name"] == "wav2vec2_base" and spec(bundled)["init_args"]["name"] == "wavlm_model"


def test_every_weight_learns() -> None:
    for name in CASES:
        ours = pair(name)[0].train()
        units = ours(speech()).units
        (units * torch.randn_like(units)).sum().backward()
        assert not [n for n, p in ours.named_parameters() if p.grad is None]


def test_mistakes_are_named() -> None:
    ours, _ = pair("base")
    with pytest.raises(ValueError, match=r"8000 .* 16000; set data.init_args.sample_rate=16000"):
        ours(speech(8000))
    with pytest.raises(ValueError, match=r"left out \(keep\)"):
        ours(speech(), keep=torch.ones(10, dtype=torch.bool))
    with pytest.raises(ValueError, match="no vector for masked units"):
        ours(speech(), mask=torch.ones(10, dtype=torch.bool))
    with pytest.raises(ValueError, match="20 samples is too short for one unit of Wav2Vec2Model"):
        ours(SpeechBatch(torch.randn(520), (500, 20), 16000))
    with pytest.raises(ValueError, match=r"near are .*wav2vec2_base\b"):
        TorchaudioEncoder("wav2vec_base")
    with pytest.raises(ValueError, match=r"pretrained=true needs a bundle, one of .*HUBERT_BASE"):
        TorchaudioEncoder("hubert_base", pretrained=True)
    with pytest.raises(ValueError, match=r"missing \['encoder_dropout'.*unknown \['aux_num_out', 'dropout'\]"):
        left = {k: v for k, v in BASE.items() if k not in ("encoder_dropout", "encoder_layer_norm_first")}
        TorchaudioEncoder("wav2vec2_model", options=left | {"dropout": 0.1, "aux_num_out": 4})
    with pytest.raises(ValueError, match="name wav2vec2_model to choose its sizes"):
        TorchaudioEncoder("HUBERT_BASE", options={"encoder_dropout": 0.1})
