"""Weights of published speech models in and out, against transformers on small random models."""

import json
from copy import deepcopy

import pytest
import torch
import transformers as hf
from safetensors.torch import load_file, save_file

from lit_pretrain.encoders.hubert import HuBERT
from lit_pretrain.encoders.wav2vec2 import Wav2Vec2
from lit_pretrain.io.family import arguments_of
from lit_pretrain.io.pretrained import from_pretrained, save_pretrained
from lit_pretrain.types import SpeechBatch

LENGTHS = (500, 1203, 90)
BASE = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 24,
        "conv_dim": (6, 5, 4), "conv_kernel": (10, 3, 2), "conv_stride": (5, 2, 2), "num_conv_pos_embeddings": 6,
        "num_conv_pos_embedding_groups": 4, "num_feat_extract_layers": 3}  # fmt: skip
LARGE = BASE | {"feat_extract_norm": "layer", "conv_bias": True, "do_stable_layer_norm": True}
MIXED = BASE | {"feat_extract_norm": "layer", "mask_time_prob": 0.0, "num_conv_pos_embeddings": 5, "hidden_act": "relu"}
DEFAULT_STRIDES = {k: v for k, v in BASE.items() if not k.startswith("conv_")} | {"num_feat_extract_layers": 7,
                                                                                  "conv_dim": (4,) * 7}  # fmt: skip

# name -> (class of the bare model, the same with a head, ours, config)
CASES = {
    f"{kind.model_type} {form}": (*classes, kind(**numbers))
    for kind, classes in (
        (hf.Wav2Vec2Config, (hf.Wav2Vec2Model, hf.Wav2Vec2ForCTC, Wav2Vec2)),
        (hf.HubertConfig, (hf.HubertModel, hf.HubertForCTC, HuBERT)),
    )
    for form, numbers in (("base", BASE), ("large", LARGE), ("mixed", MIXED), ("default", DEFAULT_STRIDES))
}
each_case = pytest.mark.parametrize("name", CASES)


def random_model(kind: type, config: hf.PreTrainedConfig) -> hf.PreTrainedModel:
    """All weights far from their initial zeros and ones, so that none can be mixed up unnoticed."""
    torch.manual_seed(0)
    model = kind(deepcopy(config)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.2)
    return model


def speech(rate: int = 16000) -> SpeechBatch:
    return SpeechBatch(torch.randn(sum(LENGTHS), generator=torch.Generator().manual_seed(1)) * 0.1, LENGTHS, rate)


def theirs_on(model: hf.PreTrainedModel, batch: SpeechBatch, together: bool) -> list[torch.Tensor]:
    """All hidden states and the last, flat (U, D), of what transformers' own extractor makes of the recordings."""
    extract = hf.Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True)
    recordings = [waveform.numpy() for waveform in batch.waveforms.split(batch.lengths)]
    rows = []
    for some in [recordings] if together else [[recording] for recording in recordings]:
        inputs = extract(some, sampling_rate=16000, padding=True, return_tensors="pt")
        out = model(**inputs, output_hidden_states=True)
        lengths = model._get_feat_extract_output_lengths(inputs.attention_mask.sum(1)).tolist()
        for i, length in enumerate(lengths):
            rows.append([x[i, :length] for x in (*out.hidden_states, out.last_hidden_state)])
    return [torch.cat(parts) for parts in zip(*rows, strict=True)]


def close(a: torch.Tensor, b: torch.Tensor) -> None:
    torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4)


@each_case
@torch.no_grad()
def test_hidden_states_equal(name: str, tmp_path, capsys) -> None:
    bare, with_head, kind, config = CASES[name]
    random_model(with_head, config).save_pretrained(tmp_path)
    encoder, model = from_pretrained(tmp_path), bare.from_pretrained(tmp_path).eval()
    assert type(encoder) is kind and not encoder.training
    assert "not loaded, since they belong to no encoder: lm_head" in capsys.readouterr().out
    batch = speech() if "default" not in name else SpeechBatch(torch.randn(1700) * 0.1, (1000, 700), 16000)
    ours = encoder(batch, layers=True)
    # Group norm of transformers looks into the padding, so only a recording alone gets what it gets here.
    for together in (False, True) if config.feat_extract_norm == "layer" else (False,):
        theirs = theirs_on(model, batch, together)
        assert theirs[-1].std() > 0.1 and len(theirs) == encoder.num_layers + 2 == len(ours.layers) + 1
        close(ours.units, theirs[-1])
        # What transformers calls the last hidden state comes after the final norm, where there is one.
        states = list(ours.layers.values())[: -1 if encoder.final_norm is not None else None]
        for a, b in zip(states, theirs, strict=False):
            close(a, b)


@each_case
@torch.no_grad()
def test_masked_units_equal(name: str, tmp_path) -> None:
    bare, _, _, config = CASES[name]
    if config.mask_time_prob == 0:
        config = deepcopy(config)
        config.mask_time_prob = 0.1
    model = random_model(bare, config)
    model.save_pretrained(tmp_path)
    encoder, recording = from_pretrained(tmp_path), SpeechBatch(speech().waveforms[:1000], (1000,), 16000)
    mask = torch.arange(encoder.layout(recording).num_units) % 3 == 0
    values = torch.nn.functional.layer_norm(recording.waveforms, (1000,), eps=1e-7)[None]
    close(encoder(recording, mask=mask).units, model(values, mask_time_indices=mask[None]).last_hidden_state[0])


@each_case
@torch.no_grad()
def test_round_trip_is_exact(name: str, tmp_path) -> None:
    """transformers -> lit_pretrain -> transformers -> lit_pretrain: every weight and every output the same bits."""
    bare, _, _, config = CASES[name]
    model = random_model(bare, config)
    model.save_pretrained(tmp_path / "a")
    encoder = from_pretrained(tmp_path / "a")
    assert save_pretrained(encoder, tmp_path / "b") == bare.__name__
    again, info = hf.AutoModel.from_pretrained(tmp_path / "b", output_loading_info=True)
    assert type(again) is bare and not any(info.values())
    theirs, ours = model.state_dict(), again.eval().state_dict()
    assert theirs.keys() == ours.keys() and all(torch.equal(theirs[k], ours[k]) for k in theirs)
    values = speech().waveforms[None]
    assert torch.equal(model(values).last_hidden_state, again(values).last_hidden_state)
    back = from_pretrained(tmp_path / "b")
    assert arguments_of(back) == arguments_of(encoder)
    assert all(torch.equal(a, b) for a, b in zip(back.parameters(), encoder.parameters(), strict=True))


@torch.no_grad()
def test_what_is_done_to_waveforms_comes_back(tmp_path) -> None:
    encoder = Wav2Vec2(16, 2, 4, sample_rate=8000, channels=(4, 4), kernels=(10, 4), strides=(5, 4), normalise=False,
                       gradient_scale=0.3, position_kernel=4, position_groups=2, maskable=False).eval()  # fmt: skip
    assert save_pretrained(encoder, tmp_path) == "Wav2Vec2Model"
    back = from_pretrained(tmp_path)
    assert arguments_of(back) == arguments_of(encoder)
    assert torch.equal(back(speech(8000)).units, encoder(speech(8000)).units)


@torch.no_grad()
def test_older_files(tmp_path) -> None:
    """Weight norm under its old names, and no mask vector: facebook/wav2vec2-base-960h is such a file."""
    bare, _, _, config = CASES["wav2vec2 base"]
    random_model(bare, config).save_pretrained(tmp_path)
    expected, weights = from_pretrained(tmp_path)(speech()).units, load_file(tmp_path / "model.safetensors")
    del weights["masked_spec_embed"]
    for number, letter in enumerate("gv"):
        new = f"encoder.pos_conv_embed.conv.parametrizations.weight.original{number}"
        weights[f"encoder.pos_conv_embed.conv.weight_{letter}"] = weights.pop(new)
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    encoder = from_pretrained(tmp_path)
    assert torch.equal(encoder(speech()).units, expected) and encoder.mask_vector.isfinite().all()


@pytest.mark.parametrize("asked", [{"add_adapter": True}, {"adapter_attn_dim": 4}, {"feat_extract_activation": "relu"}])
def test_what_is_not_computed_is_refused(asked: dict, tmp_path) -> None:
    random_model(hf.Wav2Vec2Model, hf.Wav2Vec2Config(**LARGE)).save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | asked))
    with pytest.raises(ValueError, match=f"asks for {next(iter(asked))}="):
        from_pretrained(tmp_path)
