"""Causal language modelling, 4 x 256, 256 tokens a document: transformers' GPT2LMHeadModel and ours, with the same weights.

python -m experiments.benchmarks.text.clm --classes 50304 --rounds 3 --steps 1
"""

import tempfile
from pathlib import Path

import torch
from torch import Tensor
from transformers import GPT2Config, GPT2LMHeadModel

from experiments.benchmarks.text.sides import Side, padded, race
from lit_pretrain.io.pretrained import from_pretrained, load_head
from lit_pretrain.objectives.text.clm import CLM
from lit_pretrain.types import TextBatch


def their_loss(model: GPT2LMHeadModel, batch: TextBatch, seed: int) -> Tensor:
    seen = padded(torch.ones_like(batch.tokens), batch.lengths, 0)
    labels = padded(batch.tokens, batch.lengths, -100)
    return model(padded(batch.tokens, batch.lengths, 0), attention_mask=seen, labels=labels).loss


def our_loss(model: CLM, batch: TextBatch, seed: int) -> Tensor:
    term = model.loss(batch)["clm"]
    return term.sum / term.count


def sides(classes: int) -> dict[str, Side]:
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=classes, n_positions=256, n_embd=256, n_layer=4, n_head=4, bos_token_id=0, eos_token_id=0,
                        resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0)  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        GPT2LMHeadModel(config).save_pretrained(folder)
        theirs = GPT2LMHeadModel.from_pretrained(folder)
        ours = CLM(from_pretrained(folder), load_head(folder))
    return {"transformers": Side(theirs, their_loss), "ours": Side(ours, our_loss)}


if __name__ == "__main__":
    race(__doc__, sides, Path(__file__).with_suffix(".csv"), documents=16, longest=256)
