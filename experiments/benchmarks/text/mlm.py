"""Masked language modelling, 4 x 256: transformers' BertForMaskedLM and ours, with the same weights and masks.

`selected` is transformers' model with its head on masked positions only, as its users write it when they look for speed.

    python -m experiments.benchmarks.text.mlm --classes 8192 --lengths full
    python -m experiments.benchmarks.text.mlm --classes 30522 --lengths natural
    python -m experiments.benchmarks.text.mlm --classes 50304 --lengths full --rounds 3 --steps 1
"""

import tempfile
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import BertConfig, BertForMaskedLM

from experiments.benchmarks.text.sides import Side, padded, race
from lit_pretrain.corruptions.masking import DynamicMasking
from lit_pretrain.corruptions.replacing import replace_masked
from lit_pretrain.io.pretrained import from_pretrained, load_head
from lit_pretrain.objectives.text.mlm import MLM
from lit_pretrain.types import TextBatch


def corrupted(batch: TextBatch, seed: int) -> tuple[Tensor, Tensor]:
    """What is masked, and the tokens that are seen; drawn as `MLM` draws them."""
    generator = torch.Generator().manual_seed(seed)
    masked = DynamicMasking(0.15)(batch, generator)
    return masked, replace_masked(batch, masked, 0.8, 0.1, generator)


def their_loss(model: BertForMaskedLM, batch: TextBatch, seed: int) -> Tensor:
    masked, tokens = corrupted(batch, seed)
    seen = padded(torch.ones_like(tokens), batch.lengths, 0)
    labels = padded(batch.tokens.masked_fill(~masked, -100), batch.lengths, -100)
    return model(padded(tokens, batch.lengths, 0), attention_mask=seen, labels=labels).loss


def selected_loss(model: BertForMaskedLM, batch: TextBatch, seed: int) -> Tensor:
    masked, tokens = corrupted(batch, seed)
    seen = padded(torch.ones_like(tokens), batch.lengths, 0)
    units = model.bert(padded(tokens, batch.lengths, 0), attention_mask=seen).last_hidden_state
    logits = model.cls(units[padded(masked, batch.lengths, 0)])
    return F.cross_entropy(logits, batch.tokens[masked])


def our_loss(model: MLM, batch: TextBatch, seed: int) -> Tensor:
    model.generator.manual_seed(seed)
    term = model.loss(batch)["mlm"]
    return term.sum / term.count


def sides(classes: int) -> dict[str, Side]:
    torch.manual_seed(0)
    config = BertConfig(vocab_size=classes, hidden_size=256, num_hidden_layers=4, num_attention_heads=4,
                        intermediate_size=1024, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        BertForMaskedLM(config).save_pretrained(folder)
        theirs, again = (BertForMaskedLM.from_pretrained(folder) for _ in range(2))
        ours = MLM(from_pretrained(folder), load_head(folder))
    return {"transformers": Side(theirs, their_loss), "selected": Side(again, selected_loss), "ours": Side(ours, our_loss)}


if __name__ == "__main__":
    race(__doc__, sides, Path(__file__).with_suffix(".csv"), documents=32, longest=128)
