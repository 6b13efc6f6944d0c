"""HuggingFaceSpeechEncoder: transformers' own numbers, whatever stands beside a recording."""

import copy
import json

import pytest
import torch
import transformers as hf

from lit_pretrain.encoders.huggingface_speech import PADDABLE, HuggingFaceSpeechEncoder
from lit_pretrain.io.pretrained import from_pretrained
from lit_pretrain.part import build, spec
from lit_pretrain.types import SpeechBatch

torch.set_num_threads(1)
LENGTHS = (500, 1203, 90, 500)
TINY = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 24,
        "conv_dim": (6, 5, 4), "conv_kernel": (10, 3, 2), "conv_stride": (5, 2, 2), "num_conv_pos_embedding_groups": 4,
        "num_conv_pos_embeddings": 6, "num_feat_extract_layers": 3}  # fmt: skip
GROUP, LAYER = {}, {"feat_extract_norm": "layer", "conv_bias": True, "do_stable_layer_norm": True}
DATA2VEC = {"conv_pos_kernel_size": 5, "num_conv_pos_embeddings": 2}
RELATIVE = {"position_embeddings_type": "relative", "conv_depthwise_kernel_size": 3}

# name -> (config, whether recordings of several lengths are computed together)
CASES: dict[str, tuple[hf.PreTrainedConfig, bool]] = {
    f"{kind.model_type} {form}": (kind(**TINY | options), form == "layer")
    for kind in (hf.Wav2Vec2Config, hf.HubertConfig, hf.WavLMConfig, hf.UniSpeechConfig, hf.UniSpeechSatConfig)
    for form, options in (("group", GROUP), ("layer", LAYER))
} | {
    "hubert batch norm": (hf.HubertConfig(**TINY | LAYER | {"conv_pos_batch_norm": True}), False),
    "data2vec": (hf.Data2VecAudioConfig(**TINY | DATA2VEC), False),
    "conformer": (hf.Wav2Vec2ConformerConfig(**TINY | LAYER | RELATIVE), False),
}  # fmt: skip
each_case = pytest.mark.parametrize("name", CASES)


def saved(config: hf.PreTrainedConfig, folder) -> hf.PreTrainedModel:
    """A model with all weights far from their initial zeros and ones, in a folder."""
    torch.manual_seed(0)
    model = hf.AutoModel.from_config(copy.deepcopy(config)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.2)
    model.save_pretrained(folder)
    return model


def speech(rate: int = 16000) -> SpeechBatch:
    return SpeechBatch(torch.randn(sum(LENGTHS), generator=torch.Generator().manual_seed(1)) * 0.1, LENGTHS, rate)


def close(a: torch.Tensor, b: torch.Tensor) -> None:
    torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4)


@each_case
@torch.no_grad()
def test_equals_transformers_one_by_one(name: str, tmp_path) -> None:
    config, together = CASES[name]
    model, batch = saved(config, tmp_path), speech()
    encoder = HuggingFaceSpeechEncoder(str(tmp_path)).eval()
    assert encoder.paddable == together
    ours = encoder(batch, layers=True)
    alone = [model(waveform[None], output_hidden_states=True) for waveform in batch.waveforms.split(LENGTHS)]
    close(ours.units, torch.cat([out.last_hidden_state[0] for out in alone]))
    assert list(ours.layers) == ["embedding", "block00", "block01"]
    for i, units in enumerate(ours.layers.values()):
        close(units, torch.cat([out.hidden_states[i][0] for out in alone]))
    assert encoder.layout(batch).lengths == ours.layout.lengths == tuple(out.last_hidden_state.shape[1] for out in alone)
    assert ours.units.std() > 0.1 and torch.equal(encoder(batch).units, ours.units) and ours.pooled.shape == (4, 16)
    close(ours.pooled[2], alone[2].last_hidden_state[0].mean(0))
    assert len(encoder.blocks) == 2 and encoder.dim == 16
    assert {key.removeprefix("model.") for key in encoder.state_dict()} == model.state_dict().keys()


@torch.no_grad()
def test_one_call_equals_transformers_with_its_own_padding(tmp_path) -> None:
    model, batch = saved(CASES["wav2vec2 layer"][0], tmp_path), speech()
    extract = hf.Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True)
    extract.save_pretrained(tmp_path)
    encoder = HuggingFaceSpeechEncoder(str(tmp_path)).eval()
    assert encoder.normalise
    values = extract([w.numpy() for w in batch.waveforms.split(LENGTHS)], sampling_rate=16000, padding=True,
                     return_tensors="pt")  # fmt: skip
    theirs = model(**values).last_hidden_state
    close(encoder(batch).units, torch.cat([x[:n] for x, n in zip(theirs, encoder.layout(batch).lengths, strict=True)]))


@torch.no_grad()
def test_padding_is_the_reason_for_runs(tmp_path) -> None:
    """What is listed as paddable is so, and group norm is not."""
    assert {name.rpartition(" ")[0] for name, (_, together) in CASES.items() if together} == set(PADDABLE)
    saved(CASES["wav2vec2 group"][0], tmp_path)
    encoder = HuggingFaceSpeechEncoder(str(tmp_path)).eval()
    expected = encoder(speech()).units
    encoder.paddable = True
    assert (encoder(speech()).units - expected).abs().max() > 1e-3


@torch.no_grad()
def test_recordings_are_normalised(tmp_path) -> None:
    model = saved(CASES["hubert group"][0], tmp_path)
    assert not HuggingFaceSpeechEncoder(str(tmp_path)).normalise
    encoder = HuggingFaceSpeechEncoder(str(tmp_path), normalise=True).eval()
    waveform = speech().waveforms[:700] * 3 + 0.5
    values = (waveform - waveform.mean()) / (waveform.var(correction=0) + 1e-7).sqrt()
    close(encoder(SpeechBatch(waveform, (700,), 16000)).units, model(values[None]).last_hidden_state[0])
    hf.Wav2Vec2FeatureExtractor(do_normalize=True).save_pretrained(tmp_path)
    assert HuggingFaceSpeechEncoder(str(tmp_path), pretrained=False).normalise
    assert not HuggingFaceSpeechEncoder(str(tmp_path), normalise=False).normalise
    hf.Wav2Vec2FeatureExtractor(do_normalize=False).save_pretrained(tmp_path)
    assert not HuggingFaceSpeechEncoder(str(tmp_path)).normalise


@pytest.mark.parametrize("name", ["wav2vec2 layer", "wavlm group", "data2vec"])
@torch.no_grad()
def test_masked_units_are_those_of_transformers(name: str, tmp_path) -> None:
    model, batch = saved(CASES[name][0], tmp_path), speech()
    encoder = HuggingFaceSpeechEncoder(str(tmp_path)).eval()
    layout = encoder.layout(batch)
    mask = torch.arange(layout.num_units) % 3 == 0
    ours = encoder(batch, mask=mask).units.split(layout.lengths)
    for units, waveform, masked in zip(ours, batch.waveforms.split(LENGTHS), mask.split(layout.lengths), strict=True):
        close(units, model(waveform[None], mask_time_indices=masked[None]).last_hidden_state[0])


@pytest.mark.parametrize("name", ["hubert layer", "wav2vec2 group"])
@torch.no_grad()
def test_a_checkpoint_rebuilds_it(name: str, tmp_path) -> None:
    saved(CASES[name][0], tmp_path / "model")
    hf.Wav2Vec2FeatureExtractor(do_normalize=True).save_pretrained(tmp_path / "model")
    encoder = HuggingFaceSpeechEncoder(str(tmp_path / "model")).eval()
    tree = json.loads(json.dumps(spec(encoder)))
    (tmp_path / "model").rename(tmp_path / "elsewhere")
    again = build(tree).eval()
    again.load_state_dict(encoder.state_dict())
    assert spec(again) == spec(encoder) and again.normalise
    assert torch.equal(again(speech()).units, encoder(speech()).units)
    copied = copy.deepcopy(encoder)
    for layer, units in copied(speech(), layers=True).layers.items():
        assert torch.equal(units, encoder(speech(), layers=True).layers[layer])


@each_case
def test_training_alters_nothing_by_itself(name: str) -> None:
    """No masks, no layer drop; and every weight learns."""
    asked = {"mask_time_prob": 0.9, "mask_time_length": 2, "mask_feature_prob": 0.9, "mask_feature_length": 2,
             "layerdrop": 0.9, "apply_spec_augment": False, "hidden_dropout": 0.0, "attention_dropout": 0.0,
             "activation_dropout": 0.0, "feat_proj_dropout": 0.0, "conformer_conv_dropout": 0.0}  # fmt: skip
    torch.manual_seed(0)
    config = CASES[name][0].to_dict() | asked
    encoder, batch = HuggingFaceSpeechEncoder("fresh", pretrained=False, config=config).train(), speech()
    if name not in ("hubert batch norm", "conformer"):  # whose batch norms differ in training
        expected = encoder.eval()(batch).units
        close(encoder.train()(batch).units, expected)
    assert len(encoder(batch, layers=True).layers) == 3
    mask = torch.arange(encoder.layout(batch).num_units) % 3 == 0
    (encoder(batch, mask=mask).units * torch.randn(len(mask), 16)).sum().backward()
    unused = "model.encoder.pos_conv_embed" if name == "conformer" else "none"  # transformers' own never reads it
    assert not [n for n, p in encoder.named_parameters() if p.grad is None and not n.startswith(unused)]
    assert encoder.model.masked_spec_embed.grad.any()


def test_a_file_may_lack_the_mask_vector(tmp_path) -> None:
    config = copy.deepcopy(CASES["wav2vec2 group"][0])
    config.mask_time_prob = 0.0
    saved(config, tmp_path)
    assert not HuggingFaceSpeechEncoder(str(tmp_path)).maskable
    with pytest.raises(ValueError, match="no vector for masked units"):
        HuggingFaceSpeechEncoder(str(tmp_path))(speech(), mask=torch.ones(10, dtype=torch.bool))
    said = json.loads((tmp_path / "config.json").read_text()) | {"mask_time_prob": 0.05}
    (tmp_path / "config.json").write_text(json.dumps(said))
    vector = HuggingFaceSpeechEncoder(str(tmp_path)).model.masked_spec_embed
    assert 0 <= vector.min() < vector.max() <= 1


def test_mistakes_are_named(tmp_path) -> None:
    encoder = HuggingFaceSpeechEncoder("fresh", pretrained=False, config=CASES["wav2vec2 group"][0].to_dict())
    with pytest.raises(ValueError, match=r"8000 .* 16000; set data.init_args.sample_rate=16000"):
        encoder(speech(8000))
    with pytest.raises(ValueError, match=r"left out \(keep\)"):
        encoder(speech(), keep=torch.ones(10, dtype=torch.bool))
    with pytest.raises(ValueError, match="20 samples is too short for one unit of Wav2Vec2Model"):
        encoder(SpeechBatch(torch.randn(520), (500, 20), 16000))
    with pytest.raises(ValueError, match="this folder holds no model"):
        HuggingFaceSpeechEncoder(str(tmp_path))
    with pytest.raises(ValueError, match="BertModel is no encoder of waveforms"):
        bert = hf.BertConfig(vocab_size=9, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8)
        HuggingFaceSpeechEncoder("bert", pretrained=False, config=bert.to_dict())
    with pytest.raises(ValueError, match="add_adapter=true"):
        adapted = CASES["wav2vec2 group"][0].to_dict() | {"add_adapter": True}
        HuggingFaceSpeechEncoder("adapted", pretrained=False, config=adapted)
    squeezed = hf.SEWConfig(**TINY | {"squeeze_factor": 2}).to_dict()
    encoder = HuggingFaceSpeechEncoder("sew", pretrained=False, config=squeezed).eval()
    assert len(encoder(speech()).units) == encoder.layout(speech()).num_units
    with pytest.raises(ValueError, match=r"its layers cannot be named \(layers\)"):
        encoder(speech(), layers=True)


@torch.no_grad()
def test_from_pretrained_knows_which_models_read_waveforms(tmp_path, capsys) -> None:
    model = saved(CASES["wavlm layer"][0], tmp_path)
    found = from_pretrained(tmp_path)
    assert isinstance(found, HuggingFaceSpeechEncoder)
    assert "runs unchanged inside HuggingFaceSpeechEncoder" in capsys.readouterr().out
    wave = speech().waveforms[:500]
    torch.testing.assert_close(found(SpeechBatch(wave, (500,), 16000)).units, model(wave[None]).last_hidden_state[0])
