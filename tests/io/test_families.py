"""Weights of published families in and out, against transformers on small random models."""

import json
import pkgutil
import re
from copy import deepcopy

import pytest
import torch
import transformers as hf
from safetensors.torch import load_file, save_file

from lit_pretrain.corruptions.masking import Masking
from lit_pretrain.encoders.bert import BERT
from lit_pretrain.encoders.huggingface import HuggingFaceEncoder
from lit_pretrain.encoders.transformer import Transformer
from lit_pretrain.encoders.vit import ViT
from lit_pretrain.io import families, pretrained
from lit_pretrain.io.family import arguments_of
from lit_pretrain.io.pretrained import from_pretrained, from_pretrained_pair, load_head, save_pretrained
from lit_pretrain.nn.block import Block
from lit_pretrain.nn.depth.plain import Plain
from lit_pretrain.nn.embedding.token import TokenEmbedding
from lit_pretrain.nn.feedforward.mlp import MLP
from lit_pretrain.nn.init.xavier_uniform import XavierUniform
from lit_pretrain.nn.mixer.attention import Attention
from lit_pretrain.nn.norm.rms_norm import RMSNorm
from lit_pretrain.nn.pooling.mean import Mean
from lit_pretrain.nn.position.sincos_2d import SinCos2D
from lit_pretrain.nn.position.t5_relative import T5Relative
from lit_pretrain.nn.residual.pre_norm import PreNorm
from lit_pretrain.objectives.text.mlm import MLM
from lit_pretrain.part import build, spec
from lit_pretrain.types import ImageBatch, TextBatch, Vocabulary

V, LENGTHS = 60, (7, 13, 1, 10)
BERTS = {"vocab_size": V, "hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 24,
         "max_position_embeddings": 20, "type_vocab_size": 2}  # fmt: skip
T5S = {"vocab_size": V, "d_model": 16, "d_kv": 6, "d_ff": 24, "num_layers": 3, "num_heads": 4, "num_decoder_layers": 2,
       "relative_attention_num_buckets": 8, "relative_attention_max_distance": 10,
       "decoder_start_token_id": 0}  # fmt: skip
GPT2S = {"vocab_size": V, "n_embd": 16, "n_layer": 3, "n_head": 4, "n_positions": 20, "bos_token_id": None,
         "eos_token_id": None}  # fmt: skip
OPTS = {"vocab_size": V, "hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 4, "ffn_dim": 24,
        "max_position_embeddings": 20}  # fmt: skip
VITS = {k: BERTS[k] for k in ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")}
BEITS = VITS | {"image_size": 12, "patch_size": 4, "drop_path_rate": 0.0}
DECODER = {"decoder_hidden_size": 8, "decoder_num_hidden_layers": 1, "decoder_num_attention_heads": 2}
CONVOLUTION, GROUPED = {"embedding_size": 16, "conv_kernel_size": 5}, {"embedding_size": 8, "num_groups": 2}
OPT350 = {"word_embed_proj_dim": 8, "do_layer_norm_before": False}
BYT5 = hf.T5Config(**T5S | {"num_decoder_layers": 1}, feed_forward_proj="gated-gelu", tie_word_embeddings=False)

# name -> (class that reads the bare model, the same with its pretraining head, config)
CASES = {
    "bert": (hf.BertModel, hf.BertForMaskedLM, hf.BertConfig(**BERTS)),
    "bert relu": (hf.BertModel, hf.BertForPreTraining, hf.BertConfig(**BERTS, hidden_act="relu", layer_norm_eps=1e-3)),
    "roberta": (hf.RobertaModel, hf.RobertaForMaskedLM, hf.RobertaConfig(**BERTS | {"type_vocab_size": 1})),
    "electra": (hf.ElectraModel, hf.ElectraForMaskedLM, hf.ElectraConfig(**BERTS, embedding_size=8)),
    "electra same width": (hf.ElectraModel, hf.ElectraForPreTraining, hf.ElectraConfig(**BERTS, embedding_size=16)),
    "convbert": (hf.ConvBertModel, hf.ConvBertForMaskedLM, hf.ConvBertConfig(**BERTS, **CONVOLUTION)),
    "convbert grouped": (hf.ConvBertModel, hf.ConvBertForMaskedLM, hf.ConvBertConfig(**BERTS, **GROUPED)),
    "gpt2": (hf.GPT2Model, hf.GPT2LMHeadModel, hf.GPT2Config(**GPT2S)),
    "opt": (hf.OPTModel, hf.OPTForCausalLM, hf.OPTConfig(**OPTS)),
    "opt 350m": (hf.OPTModel, hf.OPTForCausalLM, hf.OPTConfig(**OPTS, **OPT350)),
    "t5": (hf.T5EncoderModel, hf.T5ForConditionalGeneration, hf.T5Config(**T5S)),
    "byt5": (hf.T5EncoderModel, hf.T5ForConditionalGeneration, BYT5),
    "vit_mae": (hf.ViTMAEModel, hf.ViTMAEForPreTraining,
                hf.ViTMAEConfig(**VITS, **DECODER, image_size=12, patch_size=4, mask_ratio=0.0)),
    "beit": (hf.BeitModel, hf.BeitForImageClassification, hf.BeitConfig(**BEITS, use_relative_position_bias=True)),
    "beit shared": (hf.BeitModel, hf.BeitForImageClassification,
                    hf.BeitConfig(**BEITS, use_shared_relative_position_bias=True, use_mask_token=True)),
    "beit absolute": (hf.BeitModel, hf.BeitForImageClassification,
                      hf.BeitConfig(**BEITS, use_absolute_position_embeddings=True, use_mean_pooling=False)),
    "vit": (hf.ViTModel, hf.ViTForImageClassification, hf.ViTConfig(**VITS, image_size=12, patch_size=4)),
}  # fmt: skip


IMAGES = torch.randn(2, 3, 12, 12, generator=torch.Generator().manual_seed(2))
# ViTMAE shuffles patches by noise, even where it hides none.
OF_IMAGES = {name: {"pixel_values": IMAGES} for name in ("vit", "beit", "beit shared", "beit absolute")}
OF_IMAGES |= {"vit_mae": {"pixel_values": IMAGES, "noise": torch.arange(9.0).expand(2, 9)}}


def random_model(kind: type, config: hf.PreTrainedConfig) -> hf.PreTrainedModel:
    """All weights far from their initial zeros and ones, so that none can be mixed up unnoticed."""
    torch.manual_seed(0)
    model = with_positions(kind(deepcopy(config)).eval())  # T5EncoderModel writes into it
    with torch.no_grad():
        for parameter in filter(lambda p: p.requires_grad, model.parameters()):
            parameter.add_(torch.randn_like(parameter), alpha=0.2)
    return model


def with_positions(model: hf.PreTrainedModel) -> hf.PreTrainedModel:
    """ViTMAE leaves its fixed positions zero until weights are loaded."""
    for module in (m for m in model.modules() if isinstance(m, hf.models.vit_mae.modeling_vit_mae.ViTMAEEmbeddings)):
        module.patch_embeddings.projection._is_hf_initialized = False
        module.initialize_weights()
    return model


def batch_of(lengths: tuple[int, ...] = LENGTHS) -> TextBatch:
    tokens = torch.randint(5, V, (sum(lengths),), generator=torch.Generator().manual_seed(1))
    special = torch.zeros(V, dtype=torch.bool)
    special[:5] = True
    return TextBatch(tokens, lengths, Vocabulary(V, special, torch.ones(V, dtype=torch.bool), pad=0, mask=4))


def padded(batch: TextBatch, values: torch.Tensor | None = None, fill: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    rows = (batch.tokens if values is None else values).split(batch.lengths)
    valid = torch.nn.utils.rnn.pad_sequence([torch.ones(n, dtype=torch.long) for n in batch.lengths], True)
    return torch.nn.utils.rnn.pad_sequence(list(rows), True, fill), valid


def close(a: torch.Tensor, b: torch.Tensor) -> None:
    torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4)


def theirs_on(model: hf.PreTrainedModel, batch: TextBatch, alone: bool) -> list[torch.Tensor]:
    """All hidden states of transformers and the last, flat (U, D)."""
    if alone:
        rows = [theirs_on(model, TextBatch(t, (len(t),)), False) for t in batch.tokens.split(batch.lengths)]
        return [torch.cat(parts) for parts in zip(*rows, strict=True)]
    tokens, valid = padded(batch)
    out = model(input_ids=tokens, attention_mask=valid, output_hidden_states=True)
    return [x[valid.bool()] for x in (*out.hidden_states, out.last_hidden_state)]


def test_every_family_is_tested() -> None:
    of_speech = {"wav2vec2", "hubert"}  # in test_speech_families.py
    here = {name.split()[0] for name in CASES} - {"byt5"}
    assert {m.name for m in pkgutil.iter_modules(families.__path__)} == here | of_speech


@pytest.mark.parametrize("name", CASES)
@torch.no_grad()
def test_hidden_states_equal(name: str, tmp_path, capsys) -> None:
    bare, with_head, config = CASES[name]
    model = random_model(with_head, config)
    model.save_pretrained(tmp_path)
    encoder = from_pretrained(tmp_path)
    assert isinstance(encoder, Transformer) and not encoder.training
    model = bare.from_pretrained(tmp_path).eval()
    if name in OF_IMAGES:
        inputs = OF_IMAGES[name]
        ours = encoder(ImageBatch(inputs["pixel_values"]), layers=True)
        out = model(**inputs, output_hidden_states=True)
        theirs = [x.flatten(0, 1) for x in (*out.hidden_states, out.last_hidden_state)]
    else:
        batch = batch_of()
        ours = encoder(batch, layers=True)
        # ConvBERT of transformers convolves into the padding, so its padded examples differ from the same ones alone.
        theirs = theirs_on(model, batch, alone=name.startswith("convbert"))
    assert theirs[-1].std() > 0.1
    close(ours.units, theirs[-1])
    assert len(ours.layers) == encoder.num_layers + 1 == len(theirs) - 1
    # What transformers calls the last hidden state comes after the final norm or projection, where there is one.
    more = encoder.final_norm is not None or name == "opt 350m"
    for a, b in zip(list(ours.layers.values())[: -1 if more else None], theirs, strict=False):
        close(a, b)
    if with_head not in (hf.GPT2LMHeadModel, hf.OPTForCausalLM):
        assert "not loaded" in capsys.readouterr().out


@pytest.mark.parametrize("name", CASES)
@torch.no_grad()
def test_round_trip_is_exact(name: str, tmp_path) -> None:
    """transformers -> lit_pretrain -> transformers -> lit_pretrain: every weight and every output the same bits."""
    bare, _, config = CASES[name]
    options = {"add_pooling_layer": False} if bare in (hf.BertModel, hf.RobertaModel, hf.ViTModel) else {}
    torch.manual_seed(0)
    model = with_positions(bare(deepcopy(config), **options).eval())
    model.save_pretrained(tmp_path / "a")
    encoder = from_pretrained(tmp_path / "a")
    assert save_pretrained(encoder, tmp_path / "b", artifacts={"tokenizer.json": "{}"}) == bare.__name__
    assert (tmp_path / "b" / "tokenizer.json").read_text() == "{}"
    auto = hf.AutoModelForTextEncoding if bare is hf.T5EncoderModel else hf.AutoModel
    again, info = auto.from_pretrained(tmp_path / "b", output_loading_info=True, **options)
    assert type(again) is bare and not any(info.values())
    theirs, ours = model.state_dict(), again.eval().state_dict()
    computed = "embeddings.position_embeddings" if name == "vit_mae" else None  # fixed sines, computed in float64 there
    if computed:
        close(theirs.pop(computed), ours.pop(computed))
    assert theirs.keys() == ours.keys() and all(torch.equal(theirs[k], ours[k]) for k in theirs)
    inputs = OF_IMAGES.get(name) or {"input_ids": padded(batch_of())[0]}
    outputs = model(**inputs).last_hidden_state, again(**inputs).last_hidden_state
    assert torch.allclose(*outputs, atol=1e-6) if computed else torch.equal(*outputs)
    back = from_pretrained(tmp_path / "b")
    assert arguments_of(back) == arguments_of(encoder)
    assert all(torch.equal(a, b) for a, b in zip(back.parameters(), encoder.parameters(), strict=True))


@pytest.mark.parametrize("name", ["gpt2", "opt", "opt 350m"])
@torch.no_grad()
def test_causal_models_give_their_logits(name: str, tmp_path) -> None:
    _, with_head, config = CASES[name]
    model = random_model(with_head, config)
    model.save_pretrained(tmp_path)
    encoder, head, batch = from_pretrained(tmp_path), load_head(tmp_path), batch_of()
    tokens, valid = padded(batch)
    close(head(encoder(batch).units, encoder), model(tokens, attention_mask=valid).logits[valid.bool()])
    changed = batch_of()
    changed.tokens[6] = 5  # the last token of the first example changes no unit before it
    assert torch.equal(encoder(batch).units[:6], encoder(changed).units[:6])
    assert not torch.equal(encoder(batch).units[6], encoder(changed).units[6])


class Given(Masking):
    """Every third token."""

    def choose(self, batch: TextBatch, text: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        return torch.arange(len(text)) % 3 == 1


@pytest.mark.parametrize("name", ["bert", "bert relu", "roberta", "electra", "convbert"])
@torch.no_grad()
def test_masked_language_model_loss_equals(name: str, tmp_path) -> None:
    _, with_head, config = CASES[name]
    model = random_model(with_head, config)
    model.save_pretrained(tmp_path)
    lengths = (8, 8) if name == "convbert" else LENGTHS
    encoder, head, batch = from_pretrained(tmp_path), load_head(tmp_path), batch_of(lengths)
    term = MLM(encoder, head, Given(), mask_share=1.0, random_share=0.0).loss(batch)["mlm"]
    masked = torch.arange(len(batch.tokens)) % 3 == 1
    tokens, valid = padded(batch, batch.tokens.masked_fill(masked, 4))
    labels, _ = padded(batch, batch.tokens.masked_fill(~masked, -100), -100)
    call = {"labels": labels}
    if with_head is hf.BertForPreTraining:
        logits = model(tokens, attention_mask=valid).prediction_logits
        theirs = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())
    else:
        theirs = model(tokens, attention_mask=valid, **call).loss
    assert term.count == masked.sum()
    close(term.sum / term.count, theirs)


@torch.no_grad()
def test_electra_discriminator_scores_equal(tmp_path) -> None:
    _, with_head, config = CASES["electra same width"]
    model = random_model(with_head, config)
    model.save_pretrained(tmp_path)
    batch = batch_of()
    tokens, valid = padded(batch)
    scores = load_head(tmp_path)(from_pretrained(tmp_path)(batch).units)
    close(scores, model(tokens, attention_mask=valid).logits[valid.bool()])


@pytest.mark.parametrize("name", ["t5", "byt5", "t5 v1.1 untied"])
@torch.no_grad()
def test_encoder_decoder_loss_and_round_trip(name: str, tmp_path) -> None:
    config = CASES["byt5" if "untied" in name else name][2]
    model = random_model(hf.T5ForConditionalGeneration, config)
    model.save_pretrained(tmp_path / "a")
    if "untied" in name:  # as the published files of v1.1 are
        weights = load_file(tmp_path / "a" / "model.safetensors")
        weights["lm_head.weight"] = torch.randn(V, 16)
        save_file(weights, tmp_path / "a" / "model.safetensors", {"format": "pt"})
        model.lm_head.weight = torch.nn.Parameter(weights["lm_head.weight"])
    (encoder, decoder), head = from_pretrained_pair(tmp_path / "a"), load_head(tmp_path / "a")
    source, target = batch_of(), batch_of((4, 2, 6, 1))
    before = torch.cat([torch.cat([row.new_zeros(1), row[:-1]]) for row in target.tokens.split(target.lengths)])
    units = decoder(TextBatch(before, target.lengths), source=encoder(source)).units
    loss = torch.nn.functional.cross_entropy(head(units, encoder), target.tokens)
    tokens, valid = padded(source)
    labels, _ = padded(target, fill=-100)
    close(loss, model(tokens, attention_mask=valid, labels=labels).loss)

    assert save_pretrained(encoder, tmp_path / "b", decoder=decoder) == "T5Model"
    first, again = (hf.AutoModel.from_pretrained(tmp_path / part).state_dict() for part in "ab")
    assert first.keys() == again.keys() and all(torch.equal(first[k], again[k]) for k in first)


@pytest.mark.parametrize("position", [None, SinCos2D(16)], ids=["ViTModel", "ViTMAEModel"])
@torch.no_grad()
def test_transformers_reads_our_vit_and_its_pooling_comes_back(position: SinCos2D | None, tmp_path, request) -> None:
    torch.manual_seed(0)
    encoder = ViT(12, 4, 3, 16, 2, 4, position=position, pooling=Mean(), init=XavierUniform()).eval()
    assert save_pretrained(encoder, tmp_path) == request.node.callspec.id
    theirs, info = hf.AutoModel.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(name for name in info["missing_keys"] if "pooler" not in name) and not info["unexpected_keys"]
    inputs = OF_IMAGES["vit" if position is None else "vit_mae"]
    units = theirs.eval()(**inputs).last_hidden_state
    again, batch = from_pretrained(tmp_path), ImageBatch(IMAGES)
    close(units.mean(1), encoder(batch).pooled)
    assert torch.equal(again(batch).pooled, encoder(batch).pooled)


def test_own_format(tmp_path, capsys) -> None:
    block = Block(Attention(16, 4), MLP(16, 24), PreNorm(RMSNorm(16)))
    encoder = Transformer(TokenEmbedding(V, 16), block, Plain(2), T5Relative(4)).eval()
    assert save_pretrained(encoder, tmp_path) is None
    again = from_pretrained(tmp_path)
    assert spec(again) == spec(encoder) and torch.equal(again(batch_of()).units, encoder(batch_of()).units)
    assert not (tmp_path / "config.json").exists()
    save_pretrained(BERT(V, 16, 2, 4), tmp_path)  # in the same folder
    assert isinstance(from_pretrained(tmp_path), BERT) and not (tmp_path / "encoder.json").exists()


@pytest.mark.parametrize("fault", ["missing", "unexpected", "shape"])
@pytest.mark.parametrize("own", [False, True])
def test_loading_is_strict(own: bool, fault: str, tmp_path) -> None:
    stack = Transformer(TokenEmbedding(V, 16), Block(Attention(16, 4), MLP(16), PreNorm(RMSNorm(16))), Plain(2))
    save_pretrained(stack if own else BERT(V, 16, 2, 4), tmp_path)
    assert (tmp_path / "encoder.json").exists() == own
    weights = load_file(tmp_path / "model.safetensors")
    victim = next(name for name in sorted(weights) if "norm" in name.lower())
    if fault == "missing":
        del weights[victim]
    elif fault == "shape":
        weights[victim] = torch.ones(3)
    else:
        weights[victim := "strange.weight"] = torch.ones(2)
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(ValueError, match=rf"{fault}.*{re.escape(victim)}") as caught:
        from_pretrained(tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_mistakes_are_named(tmp_path) -> None:
    with pytest.raises(ValueError, match="holds neither"):
        from_pretrained(tmp_path)
    with pytest.raises(ValueError, match="no folder here"):
        from_pretrained(tmp_path / "nowhere")
    hf.BertModel(hf.BertConfig(**BERTS, hidden_act="tanh")).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="hidden_act='tanh'"):
        from_pretrained(tmp_path)
    hf.BertModel(hf.BertConfig(**BERTS, position_embedding_type="relative_key")).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="position_embedding_type='relative_key'"):
        from_pretrained(tmp_path)
    hf.BertModel(hf.BertConfig(**BERTS)).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"no whole pretraining head.*cls.predictions.bias"):
        load_head(tmp_path)
    with pytest.raises(ValueError, match="not an encoder-decoder"):
        from_pretrained_pair(tmp_path)
    changed = from_pretrained(tmp_path)
    changed.blocks[0].adapter = torch.nn.Linear(2, 2)
    with pytest.raises(ValueError, match=r"has no place for.*adapter"):
        save_pretrained(changed, tmp_path / "other")


def test_old_files(tmp_path) -> None:
    """Pickled weights, shards, names of 2018 and the buffers that once were saved."""
    model = random_model(hf.BertModel, hf.BertConfig(**BERTS))
    model.save_pretrained(tmp_path / "new")
    expected = from_pretrained(tmp_path / "new")
    gamma = {"bert." + k.replace("LayerNorm.weight", "LayerNorm.gamma"): v for k, v in model.state_dict().items()}
    old = {k.replace("LayerNorm.bias", "LayerNorm.beta"): v for k, v in gamma.items()}
    old["bert.embeddings.position_ids"] = torch.arange(20)[None]
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "config.json").write_text((tmp_path / "new" / "config.json").read_text())
    torch.save(old, tmp_path / "old" / "pytorch_model.bin")
    model.save_pretrained(tmp_path / "shards", max_shard_size="10KB")
    assert len(list((tmp_path / "shards").glob("*.safetensors"))) > 1
    for folder in ("old", "shards"):
        found = from_pretrained(tmp_path / folder).state_dict()
        assert all(torch.equal(v, found[k]) for k, v in expected.state_dict().items())


def test_names_of_the_hub(tmp_path, monkeypatch) -> None:
    """The hub's cache is a folder like any other; only files that are read are asked for."""
    save_pretrained(BERT(V, 16, 2, 4), tmp_path)
    asked: dict[str, list[str]] = {}
    fetch = lambda name, allow_patterns: asked.setdefault(name, allow_patterns) and str(tmp_path)  # noqa: E731
    monkeypatch.setattr(pretrained, "snapshot_download", fetch)
    assert isinstance(from_pretrained("someone/bert"), BERT) and "model.safetensors" in asked["someone/bert"]


@pytest.mark.parametrize("kind", ["bert", "roberta", "gpt2", "distilbert", "t5", "bart"])
@torch.no_grad()
def test_any_encoder_of_transformers(kind: str, tmp_path) -> None:
    if kind == "distilbert":
        config = hf.DistilBertConfig(vocab_size=V, dim=16, n_layers=3, n_heads=4, hidden_dim=24)
        model = random_model(hf.DistilBertModel, config)
    elif kind == "bart":
        config = hf.BartConfig(vocab_size=V, d_model=16, encoder_layers=3, decoder_layers=1, encoder_attention_heads=4,
                               decoder_attention_heads=4, max_position_embeddings=20)  # fmt: skip
        model = random_model(hf.BartModel, config)
    else:
        model = random_model(hf.T5Model if kind == "t5" else CASES[kind][0], CASES[kind][2])
    model.save_pretrained(tmp_path)
    encoder, batch = HuggingFaceEncoder(str(tmp_path)).eval(), batch_of()
    ours = encoder(batch, layers=True)
    theirs = theirs_on(model.get_encoder() if kind in ("t5", "bart") else model, batch, alone=False)
    assert torch.equal(ours.units, theirs[-1]) and len(ours.layers) == encoder.num_layers + 1 == 4
    for a, b in zip(ours.layers.values(), theirs, strict=False):
        assert torch.equal(a, b)
    assert len(encoder.blocks) == 3 and encoder.token_table().shape == (V, 16) and ours.pooled.shape == (4, 16)
    assert {k.removeprefix("model.") for k in encoder.state_dict()} <= (
        model.get_encoder() if kind == "bart" else model
    ).state_dict().keys()
    again = build(json.loads(json.dumps(spec(encoder)))).eval()
    again.load_state_dict(encoder.state_dict())
    assert torch.equal(again(batch).units, ours.units)
    with pytest.raises(ValueError, match="no vector for masked units"):
        encoder(batch, mask=torch.ones(31, dtype=torch.bool))

    keep = torch.arange(31) % 4 != 1
    if kind in ("bert", "roberta", "gpt2"):
        mapped = from_pretrained(tmp_path)
        close(encoder(batch, keep=keep).units, mapped(batch, keep=keep).units)
    elif kind in ("t5", "bart"):
        with pytest.raises(ValueError, match="positions"):
            encoder(batch, keep=keep)
    if kind == "bart":
        assert save_pretrained(encoder, tmp_path / "out") is None
        assert torch.equal(from_pretrained(tmp_path / "out")(batch).units, ours.units)
    if kind == "distilbert":
        assert save_pretrained(from_pretrained(tmp_path), tmp_path / "out") == "DistilBertModel"
        again = hf.AutoModel.from_pretrained(tmp_path / "out").state_dict()
        assert all(torch.equal(v, again[k]) for k, v in model.state_dict().items())
