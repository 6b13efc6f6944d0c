"""What observers ask of code, in a run of a causal model."""

import lightning as L
import pytest
import torch

from lit_pretrain.callbacks.analysis.attention_relations import AttentionRelations
from lit_pretrain.callbacks.completion import Completion
from lit_pretrain.callbacks.pair_retrieval import PairRetrieval
from lit_pretrain.datamodules.code.datamodule import CodeDataModule
from lit_pretrain.datamodules.code.source.base import Program, Source
from lit_pretrain.datamodules.text.tokenizer.trained import BPE
from lit_pretrain.encoders.modern import CausalTransformer, ModernTransformer
from lit_pretrain.nn.head.tied import TiedHead
from lit_pretrain.objectives.text.clm import CLM

BODY = """
    total = first{a}(xs)
    for x in xs:
        total += weigh(x, {i})
    if total > limit:
        total = cut{b}(total, limit)
    return total
"""


class Functions(Source):
    def programs(self, split):
        for i in range(20 if split == "train" else 8):
            body = BODY.format(i=i, a=i % 3, b=i % 2)
            yield Program(f"def {split}{i}(xs, limit):{body}", "python", doc=f"Sum of {split} {i}" if i % 2 else None)

    def fingerprint(self, split):
        return split


@pytest.fixture
def data(tmp_path, monkeypatch) -> CodeDataModule:
    monkeypatch.setenv("LIT_PRETRAIN_CACHE", str(tmp_path / "cache"))
    return CodeDataModule(Functions(), BPE(600), max_length=96, max_doc_length=16, tokens_per_batch=1024)


def run(folder, data, encoder, *callbacks):
    torch.manual_seed(0)
    trainer = L.Trainer(default_root_dir=folder, max_steps=2, accelerator="cpu", logger=False, enable_checkpointing=False,
                        enable_progress_bar=False, enable_model_summary=False, limit_val_batches=0,
                        callbacks=list(callbacks))  # fmt: skip
    trainer.fit(CLM(encoder(600, 32, 2, 2), TiedHead()), datamodule=data)


def test_relations_lines_and_pairs_are_measured(tmp_path, data):
    heads = AttentionRelations(backward=True, least=5, on_error="raise")
    lines, pairs = Completion(length=4, on_error="raise"), PairRetrieval(on_error="raise")
    run(tmp_path, data, CausalTransformer, heads, lines, pairs)
    row = heads.history[-1]
    call = row["call_function_to_argument"]
    assert call["pairs"] == 8 * 5 and 0 <= call["best"] <= 1 and 0 < call["offsets"] <= 1
    assert torch.tensor(call["heads"]).shape == (2, 2) and call["best_offsets"][0] < 0, "behind is where the function is"
    assert row["for_target_to_iterable"]["offsets"] == 1
    assert row["for_target_to_iterable"]["keywords"] == 1, "the loop has the same variable in each function"
    (keyword,) = row["for_target_to_iterable"]["best_keywords"]
    assert data.tokenizer.decode([keyword // 2]).strip() == "x" and keyword % 2 == 1, "it stands before, as it is asked for"
    assert lines.protocol()["examples"] == 8 and len(lines.history) == 2
    assert lines.history[-1]["endings"][0]["wanted"] == "total = first0(xs)" and lines.history[-1]["edit_similarity"] < 1
    assert pairs.protocol()["pairs"] == 4 and 0 < pairs.history[-1]["mrr"] <= 1


def test_a_model_that_sees_ahead_writes_nothing(tmp_path, data):
    with pytest.raises(ValueError, match="sees units ahead"):
        run(tmp_path, data, ModernTransformer, Completion(limit=10, on_error="raise"))
