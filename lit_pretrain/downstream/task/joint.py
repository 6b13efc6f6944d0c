"""The two networks of a transducer beside its encoder. Legend: B examples, T frames, L labels, D width, H hidden width,
V classes, O outputs."""

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from lit_pretrain.downstream.decoding.transducer import Labels, Predict
from lit_pretrain.types import Ragged

Prediction = Literal["lstm", "stateless"]


class Joint(nn.Module):
    """out(tanh(frame + state)), as in arXiv 1211.3711: a state stands for the labels emitted so far.

    Args:
        dim: D of the encoder.
        num_classes: V.
        outputs: O.
        hidden: H of the embedding, the prediction network and the joint network.
        prediction: "lstm" remembers all labels; "stateless" the last one only (Ghodsi et al. 2020), and is cheaper.
    """

    def __init__(self, dim: int, num_classes: int, outputs: int, hidden: int, prediction: Prediction):
        super().__init__()
        if prediction not in ("lstm", "stateless"):
            raise ValueError(f"prediction={prediction!r}: choose one of lstm, stateless")
        self.first = num_classes  # what stands before the first label
        self.frame = nn.Linear(dim, hidden)
        self.embedding = nn.Embedding(num_classes + 1, hidden)
        self.memory = nn.LSTM(hidden, hidden, batch_first=True) if prediction == "lstm" else None
        self.state = nn.Linear(hidden, hidden)
        self.out = nn.Linear(hidden, outputs)

    def forward(self, frames: Tensor, targets: Ragged) -> Tensor:
        """(B, T, H) of `frame` and the right labels -> (B, T, L + 1, O)."""
        before = [nn.functional.pad(labels, (1, 0), value=self.first) for labels in targets.split()]
        states, _ = self._remember(pad_sequence(before, batch_first=True), None)  # (B, L + 1, H)
        return self.score(frames[:, :, None], states[:, None])

    def score(self, frames: Tensor, states: Tensor) -> Tensor:
        """(..., H) and (..., H) -> (..., O)."""
        return self.out((frames + states).tanh())

    def predictor(self) -> Predict:
        """A function from the labels of one example so far to a state (H,); it keeps the memory after each labels."""
        kept: dict[Labels, Any] = {}

        def predict(labels: Labels) -> Tensor:
            last = torch.tensor([labels[-1:] or (self.first,)], device=self.out.weight.device)
            state, kept[labels] = self._remember(last, kept[labels[:-1]] if labels else None)
            return state[0, 0]

        return predict

    def _remember(self, labels: Tensor, memory: Any) -> tuple[Tensor, Any]:
        """States (B, L, H) after each of labels (B, L), and the memory after the last."""
        x = self.embedding(labels)
        if self.memory is not None:
            x, memory = self.memory(x, memory)
        return self.state(x), memory
