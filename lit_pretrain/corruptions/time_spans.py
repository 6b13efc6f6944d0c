"""Spans of units of one length, as wav2vec 2.0 masks them. Legend: B examples, U units, n units of one of them."""

import torch
from torch import Tensor

from lit_pretrain.corruptions.random_order import places
from lit_pretrain.part import Recorded
from lit_pretrain.types import Layout


class TimeSpans(Recorded):
    """Hides spans that may overlap (wav2vec 2.0, arXiv 2006.11477, appendix A.1, as the published code draws them).

    Of the n - length + 1 places where a span fits into an example, about probability * n / length are drawn without
    replacement: the remainder of that number is the probability of one more. For their overlaps, spans of 0.65 hide about
    49 % of a long example. An example shorter than a span stays whole. Leading units are never hidden.

    Args:
        probability: the share that would be hidden if no spans overlapped.
        length: units of a span.
        min_spans: of each example, where so many fit side by side.
    """

    def __init__(self, probability: float = 0.65, length: int = 10, min_spans: int = 2):
        if not 0 < probability <= 1:
            raise ValueError(f"probability={probability}: the share of the spans must be above 0 and at most 1")
        if length < 1 or min_spans < 0:
            raise ValueError(f"length={length} must be at least 1, and min_spans={min_spans} at least 0")
        self.probability, self.length, self.min_spans = probability, length, min_spans

    def __call__(self, layout: Layout, generator: torch.Generator) -> Tensor:
        """(U,) bool, true where hidden.

        Raises:
            ValueError: units were left out of the examples.
        """
        if not layout.contiguous:
            raise ValueError("spans need whole examples, and units were left out of these (keep)")
        units = (layout.offsets.diff() - layout.leading).double()  # (B,)
        more = torch.rand(len(units), dtype=torch.float64, generator=generator, device=layout.device)
        spans = (self.probability * units / self.length + more).floor().clamp(min=self.min_spans)
        spans = spans.minimum((units / self.length).floor())
        place = layout.position - layout.leading
        fits = (place >= 0) & (place <= units[layout.example] - self.length)
        begins = (places(fits, layout, generator) < spans[layout.example]) & fits
        begun = begins.long().cumsum(0)
        ended = torch.zeros_like(begun)  # no span leaves its example, so all examples are counted at once
        ended[self.length :] = begun[: -self.length]
        return begun > ended
