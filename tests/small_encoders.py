"""An encoder of every kind, small, and a batch that it reads: 12 examples of 3 classes."""

import torch
from torch import nn
from transformers import BertConfig

from lit_pretrain.datamodules.graph.datamodule import GraphDataModule
from lit_pretrain.datamodules.graph.source.motifs import Motifs
from lit_pretrain.downstream.finetune import FineTune
from lit_pretrain.encoders.bert import BERT
from lit_pretrain.encoders.huggingface import HuggingFaceEncoder
from lit_pretrain.encoders.timm import TimmEncoder
from lit_pretrain.encoders.torch_geometric import PyGEncoder
from lit_pretrain.encoders.vit import ViT
from lit_pretrain.nn.nodes.categories import Categories
from lit_pretrain.nn.pooling.mean import Mean
from lit_pretrain.types import Batch, Encoder, ImageBatch, TextBatch

BERT_CONFIG = BertConfig(vocab_size=99, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64)
LENGTHS = (5, 9, 1, 4, 7, 7, 3, 12, 6, 2, 8, 5)

MAKE = {
    "bert": lambda: BERT(99, 32, 2, 2),
    "vit": lambda: ViT(16, 4, 3, 32, 2, 2, pooling=Mean()),
    "timm": lambda: TimmEncoder("vit_tiny_patch16_224", image_size=16, options={"embed_dim": 32, "depth": 2, "num_heads": 2,
                                                                              "patch_size": 4, "global_pool": "avg"}),
    "huggingface": lambda: HuggingFaceEncoder("bert", False, config=BERT_CONFIG.to_dict()),
    "graph": lambda: PyGEncoder(Categories((5,), 8), dim=32),
}  # fmt: skip
NAMES = tuple(MAKE)


def small(name: str) -> tuple[Encoder, Batch]:
    """In eval mode, with weights that depend on the name alone. The classes are easy to tell apart."""
    torch.manual_seed(0)
    encoder, labels = MAKE[name]().eval(), torch.arange(12) % 3
    for layer in encoder.modules():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)  # at 0.02, a small Transformer barely tells its inputs apart
    if name in ("bert", "huggingface"):
        tokens = torch.randint(33, (sum(LENGTHS),)) + 33 * labels.repeat_interleave(torch.tensor(LENGTHS))
        return encoder, TextBatch(tokens, LENGTHS, labels=labels)
    if name == "graph":
        data = GraphDataModule(Motifs({"train": 12, "validation": 1, "test": 1}), graphs_per_batch=12)
        data.setup("fit")
        batch = next(iter(data.loader("train", shuffle=False, labelled=True)))
        batch.labels, batch.features = labels, labels[batch.graphs.example, None]
        return encoder, batch
    return encoder, ImageBatch(torch.rand(12, 3, 16, 16) + 2 * torch.rand(3, 3, 16, 16)[labels], labels=labels)


def fine_tuned(model: FineTune, batch: Batch, steps: int = 12) -> list[float]:
    """The losses of a fine-tuning on one batch; gradients of the last step stay."""
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], 1e-2)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        term = model.loss(batch)["task"]
        term.sum.backward()
        optimizer.step()
        losses.append(float(term.sum))
    return losses
