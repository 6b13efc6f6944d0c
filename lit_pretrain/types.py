"""What travels between the layers: batches in, encoded units out, named loss terms.

Legend: B examples, U units (tokens, patches, frames, nodes) of all examples laid end to end, D width, V vocabulary.
Units are flat everywhere: no padding is stored, and a `Layout` says where each example begins.
"""

from abc import abstractmethod
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import ClassVar, NamedTuple, Self

import torch
from torch import Tensor

from lit_pretrain.part import Part

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Layout:
    """Boundaries of the examples in a flat tensor of U units.

    Args:
        lengths: units of each example, on the host (a loop over examples must not wait for the device).
        device: where the derived index tensors live.
        positions: (U,) index of each unit in its whole example; needed only where units were left out (`keep`).
        prefix: units of each example that may see each other in a prefix language model; None: no prefix.
        grid: rows and columns on which the units of every whole example lie, row by row, the first rows where there are
            fewer; None: they are a sequence.
        leading: units in front of each example that stand for the whole of it (class and register tokens).
    """

    lengths: tuple[int, ...]
    device: torch.device = CPU
    positions: Tensor | None = None
    prefix: tuple[int, ...] | None = None
    grid: tuple[int, int] | None = None
    leading: int = 0

    @property
    def num_examples(self) -> int:
        return len(self.lengths)

    @cached_property
    def num_units(self) -> int:
        return sum(self.lengths)

    @cached_property
    def max_length(self) -> int:
        return max(self.lengths, default=0)

    @cached_property
    def offsets(self) -> Tensor:
        """(B + 1,) int32: example b owns units offsets[b]:offsets[b + 1]."""
        sums = torch.tensor((0, *self.lengths), dtype=torch.int32).cumsum(0, dtype=torch.int32)
        return sums.to(self.device, non_blocking=True)

    @cached_property
    def example(self) -> Tensor:
        """(U,) int64: the example of each unit."""
        lengths = torch.tensor(self.lengths, dtype=torch.long)
        return torch.repeat_interleave(torch.arange(self.num_examples), lengths).to(self.device, non_blocking=True)

    @cached_property
    def position(self) -> Tensor:
        """(U,) int64: the position of each unit in its example."""
        if self.positions is not None:
            return self.positions
        return torch.arange(self.num_units, device=self.device) - self.offsets.long()[self.example]

    @cached_property
    def coordinates(self) -> tuple[Tensor, Tensor]:
        """Row and column of each unit on the grid, each (U,) int64; those of leading units mean nothing.

        Raises:
            ValueError: the units lie on no grid.
        """
        if self.grid is None:
            raise ValueError("positions in two dimensions need units on a grid, such as the patches of images")
        place = self.position - self.leading
        return place // self.grid[1], place % self.grid[1]

    @property
    def contiguous(self) -> bool:
        """True if every example has the positions 0, 1, 2, ..."""
        return self.positions is None

    def keep(self, keep: Tensor, index: Tensor | None = None) -> "Layout":
        """The layout of the units where `keep` (U,) bool is true, at their original positions; `index` holds their numbers,
        if they are known already."""
        index = keep if index is None else index
        prefix = None
        if self.prefix is not None:
            inside = self.position < torch.tensor(self.prefix, device=self.device)[self.example]
            prefix = self._count(keep & inside)
        return Layout(self._count(keep), self.device, self.position[index], prefix, self.grid, self.leading)

    def _count(self, units: Tensor) -> tuple[int, ...]:
        """Of each example, the units where (U,) bool is true."""
        counts = torch.zeros(self.num_examples, dtype=torch.long, device=self.device)
        return tuple(counts.index_add_(0, self.example, units.long()).tolist())


@dataclass(frozen=True)
class Ragged:
    """A sequence of numbers for each example, of any length.

    Args:
        values: (N,) of all examples, laid end to end.
        lengths: numbers of each example.
    """

    values: Tensor
    lengths: tuple[int, ...]

    def split(self) -> tuple[Tensor, ...]:
        """The sequence of each example."""
        return self.values.split(self.lengths)

    def at(self, layout: Layout) -> Tensor:
        """(U,) the number that stands where each unit stands, if both divide the example evenly: unit p of n gets number
        floor((p + 1/2) m / n) of m. Leading units, which stand nowhere, get -1.

        Raises:
            ValueError: units were left out of the layout, or an example has units and no numbers.
        """
        if not layout.contiguous:
            raise ValueError("numbers can be laid over whole examples only, and units were left out of these (keep)")
        stand = layout.position >= layout.leading
        example, place = layout.example[stand], layout.position[stand] - layout.leading
        units = torch.tensor(layout.lengths, device=layout.device)[example] - layout.leading
        lengths = torch.tensor(self.lengths, device=layout.device)
        first, numbers = (lengths.cumsum(0) - lengths)[example], lengths[example]
        if bool((numbers == 0).any()):
            raise ValueError("an example has units, and none of the numbers that are to be laid over them")
        found = self.values[first + (2 * place + 1) * numbers // (2 * units)]
        return found.new_full((layout.num_units,), -1).masked_scatter(stand, found)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "Ragged":
        return replace(self, values=self.values.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> "Ragged":
        return replace(self, values=self.values.pin_memory())


@dataclass
class Batch:
    """What every modality's batch has. A batch is clean: corruption belongs to the objective, on the device.

    A batch with a picture has a method `preview() -> (B, K, C, H, W)` between 0 and 1. `upright` says that rows and columns
    of a grid of units are rows and columns of that picture, so that maps of units can be laid over it.
    """

    upright: ClassVar[bool] = False

    labels: Tensor | None = field(default=None, kw_only=True)  # (B,) int64 classes or float targets; None: unlabelled
    index: Tensor | None = field(default=None, kw_only=True)  # (B,) int64 number of each sample in its source
    unit_labels: Ragged | None = field(default=None, kw_only=True)  # int64, of equal stretches of each example; -1: none
    target: Ragged | None = field(default=None, kw_only=True)  # int64, a sequence to be produced, such as a transcript

    @property
    @abstractmethod
    def num_examples(self) -> int: ...

    @property
    @abstractmethod
    def num_units(self) -> int:
        """Units of the modality (tokens, pixels, samples, nodes) without padding, for throughput."""

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Self:
        moved = {
            f.name: value.to(device, non_blocking=non_blocking)
            for f in fields(self)
            if hasattr(value := getattr(self, f.name), "to")
        }
        return replace(self, **moved)

    def pin_memory(self) -> Self:
        found = {f.name: v for f in fields(self) if isinstance(v := getattr(self, f.name), (Tensor, Ragged))}
        return replace(self, **{name: value.pin_memory() for name, value in found.items()})


@dataclass(frozen=True)
class Vocabulary:
    """What an objective must know of the tokenizer. Ids that the tokenizer lacks are None.

    Args:
        size: V, the number of ids.
        special: (V,) bool, true at ids that stand for no text ([CLS], [SEP], [MASK], sentinels, ...).
        starts_word: (V,) bool, true at tokens that begin a word; whole-word corruption groups by it.
        sentinels: ids of the span markers of span corruption, first to last.
    """

    size: int
    special: Tensor
    starts_word: Tensor
    pad: int | None = None
    mask: int | None = None
    cls: int | None = None
    sep: int | None = None
    bos: int | None = None
    eos: int | None = None
    sentinels: tuple[int, ...] = ()

    def need(self, name: str) -> int:
        """The id called `name`, or a ValueError that says how to get one."""
        value = getattr(self, name)
        if value is None:
            raise ValueError(f"this objective needs a {name!r} token, which the tokenizer lacks; add one to the"
                             " tokenizer's special tokens")  # fmt: skip
        return value

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "Vocabulary":
        if self.special.device == torch.device(device):
            return self
        return replace(self, special=self.special.to(device, non_blocking=non_blocking),
                       starts_word=self.starts_word.to(device, non_blocking=non_blocking))  # fmt: skip


@dataclass
class TextBatch(Batch):
    """Documents as token ids, laid end to end. Code uses it too.

    Args:
        tokens: (U,) int64.
        lengths: tokens of each document.
        vocab: the tokenizer's ids; the loader attaches it.
        num_bytes: (B,) int64 UTF-8 bytes that each document's tokens stand for, for bits per byte.
        prefix: tokens of each document that all of it may see, for prefix language models; None: no prefix.
    """

    tokens: Tensor
    lengths: tuple[int, ...]
    vocab: Vocabulary | None = None
    num_bytes: Tensor | None = None
    prefix: tuple[int, ...] | None = None

    @property
    def num_examples(self) -> int:
        return len(self.lengths)

    @property
    def num_units(self) -> int:
        return len(self.tokens)

    @cached_property
    def layout(self) -> Layout:
        return Layout(self.lengths, self.tokens.device, prefix=self.prefix)


@dataclass(frozen=True)
class Pixels:
    """How pixels became numbers: (value - mean) / std, by channel, of values between 0 and 1."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def restore(self, images: Tensor) -> Tensor:
        """(..., C, H, W) as an encoder gets them -> between 0 and 1, as they are shown."""
        mean, std = (images.new_tensor(x)[:, None, None] for x in (self.mean, self.std))
        return (images * std + mean).clamp(0, 1)


def stretched(values: Tensor) -> Tensor:
    """From 0 at the smallest to 1 at the largest."""
    return (values - values.min()) / (values.max() - values.min()).clamp(min=1e-12)


@dataclass
class ImageBatch(Batch):
    """Images of one size, in one or several views.

    Args:
        images: (B, C, H, W) float, normalised; the first view.
        views: further views of the same examples, each (B, C, h, w); smaller ones (local crops) come last.
        tags: (B, T) bool, the tags that each image carries; None: untagged.
        pixels: how they were normalised; the loader attaches it.
    """

    upright: ClassVar[bool] = True

    images: Tensor
    views: tuple[Tensor, ...] = ()
    tags: Tensor | None = None
    pixels: Pixels | None = None

    @property
    def all_views(self) -> tuple[Tensor, ...]:
        return (self.images, *self.views)

    def view(self, i: int) -> "ImageBatch":
        """The batch with one view only. Raises ValueError if there are not so many."""
        if i >= len(self.all_views):
            raise ValueError(f"this objective needs {i + 1} views of each image and the data give {len(self.all_views)}: add"
                             " views to the datamodule, such as `copies: 2` of one")  # fmt: skip
        return replace(self, images=self.all_views[i], views=())

    def preview(self) -> Tensor:
        """(B, K, C, H, W): the K views as they are shown, between 0 and 1; NaN around those that are smaller."""
        shown = []
        for view in self.all_views:
            view = stretched(view.float()) if self.pixels is None else self.pixels.restore(view.float())
            down, right = (whole - side for whole, side in zip(self.images.shape[2:], view.shape[2:], strict=True))
            around = (right // 2, right - right // 2, down // 2, down - down // 2)
            shown.append(torch.nn.functional.pad(view, around, value=torch.nan))
        return torch.stack(shown, 1)

    @property
    def num_examples(self) -> int:
        return len(self.images)

    @property
    def num_units(self) -> int:
        return sum(view.shape[0] * view.shape[2] * view.shape[3] for view in self.all_views)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Self:
        return replace(super().to(device, non_blocking), views=tuple(v.to(device, non_blocking=non_blocking)
                                                                     for v in self.views))  # fmt: skip

    def pin_memory(self) -> Self:
        return replace(super().pin_memory(), views=tuple(v.pin_memory() for v in self.views))


@dataclass
class SpeechBatch(Batch):
    """Recordings as waveforms, laid end to end.

    Args:
        waveforms: (S,) float32 between -1 and 1, of all recordings.
        lengths: samples of each recording.
        sample_rate: samples a second.
    """

    waveforms: Tensor
    lengths: tuple[int, ...]
    sample_rate: int

    @property
    def num_examples(self) -> int:
        return len(self.lengths)

    @property
    def num_units(self) -> int:
        return len(self.waveforms)

    def padded(self) -> Tensor:
        """(B, longest) the recordings side by side, zeros after their ends."""
        if len(set(self.lengths)) == 1:
            return self.waveforms.unflatten(0, (len(self.lengths), -1))
        return torch.nn.utils.rnn.pad_sequence(list(self.waveforms.split(self.lengths)), batch_first=True)

    def preview(self) -> Tensor:
        """(B, 1, 1, H, W): spectrograms as they are shown, time to the right and frequency upwards, between 0 (80 dB below
        the loudest) and 1; NaN after the end of a recording. Windows of 25 ms, 10 ms apart."""
        size, hop = round(0.025 * self.sample_rate), round(0.01 * self.sample_rate)
        window = torch.hann_window(size, device=self.waveforms.device)
        spectra = torch.stft(self.padded().float(), size, hop, window=window, return_complex=True).abs()  # (B, H, W)
        decibels = 20 * spectra.clamp(min=1e-9).log10()
        shown = 1 + ((decibels - decibels.amax((1, 2), keepdim=True)) / 80).clamp(min=-1)
        ends = torch.tensor(self.lengths, device=shown.device)[:, None, None]
        shown = shown.masked_fill(torch.arange(shown.shape[2], device=shown.device) * hop > ends, torch.nan)
        return shown.flip(1)[:, None, None]


@dataclass
class UnitBatch(Batch):
    """Units that are vectors already: `units` (U, D) with their `boundaries`, for decoders on top of an encoder."""

    units: Tensor
    boundaries: Layout

    @property
    def num_examples(self) -> int:
        return self.boundaries.num_examples

    @property
    def num_units(self) -> int:
        return len(self.units)

    @property
    def layout(self) -> Layout:
        return self.boundaries


@dataclass
class Encoded:
    """What an encoder gives, for every modality.

    Args:
        pooled: (B, D) one vector an example.
        units: (U, D) all valid units, flat.
        layout: whose unit is whose (`example_of_unit` (U,)).
        layers: on request, name -> (U, D): "embedding", "block00", "block01", ...; a probe picks a layer by name. Stages
            of a hierarchical encoder have widths and numbers of units of their own, equally many in each example.
    """

    pooled: Tensor
    units: Tensor
    layout: Layout
    layers: dict[str, Tensor] = field(default_factory=dict)

    @property
    def example_of_unit(self) -> Tensor:
        return self.layout.example

    def pool(self, layer: str | None = None) -> Tensor:
        """(B, D) float32: the mean over each example's units of a layer, in fp32; None: the encoder's own pooling.

        Raises:
            ValueError: there is no such layer.
        """
        if layer is None:
            return self.pooled.float()
        if layer not in self.layers:
            raise ValueError(f"layer={layer!r}: the encoder has {', '.join(self.layers)}")
        units = self.layers[layer].float()  # (U, D)
        if len(units) != self.layout.num_units:  # a stage of another resolution
            return units.unflatten(0, (self.layout.num_examples, -1)).mean(1)
        sums = units.new_zeros(self.layout.num_examples, units.shape[1]).index_add_(0, self.example_of_unit, units)
        return sums / self.layout.offsets.diff().clamp(min=1)[:, None]


class Encoder(Part):
    """The one contract of all encoders; it never asks which objective it serves.

    Attributes:
        dim: D, the width of units and pooled vectors.
        num_layers: blocks that a unit passes.
        blocks: the blocks in order, which a strategy shards and a compiler compiles one by one.
    """

    dim: int
    num_layers: int
    blocks: torch.nn.ModuleList

    @abstractmethod
    def forward(
        self, inputs: Batch, *, keep: Tensor | None = None, mask: Tensor | None = None, layers: bool = False
    ) -> Encoded:
        """
        Args:
            inputs: a batch of the encoder's modality.
            keep: (U,) bool; units where it is false are left out altogether (the others keep their positions).
            mask: (U,) bool; units where it is true are replaced by the learned mask embedding.
            layers: also return every named intermediate.
        """

    def layout(self, inputs: Batch) -> Layout:
        """Where the units of a batch will stand, for objectives that choose among them before they are computed."""
        raise ValueError(f"{type(self).__name__} cannot say where its units stand before it computes them, which"
                         " objectives that hide units ask for; use an encoder that can, such as Transformer")  # fmt: skip

    def features(self, inputs: Batch) -> UnitBatch:
        """What the front end makes of a batch before anything is masked; `forward` takes it in place of the batch.

        For objectives that predict or alter it (latents of a waveform, frames or patches of a spectrogram).
        """
        raise ValueError(f"{type(self).__name__} has no front end whose features could be predicted or altered, which this"
                         " objective asks for; use an encoder with one, such as Wav2Vec2")  # fmt: skip

    def token_table(self) -> Tensor:
        """(V, D) input embeddings, for heads that are tied to them."""
        raise ValueError(f"{type(self).__name__} has no token embeddings to tie a head to; use an untied head")


class Term(NamedTuple):
    """A loss term as a sum over targets and their count, normalised by the count of all ranks and micro-batches.

    A plain tensor as a term is a mean of its own (the same as Term(value, 1)). Weight 0: logged, not trained on.
    """

    sum: Tensor
    count: Tensor | int
    weight: float = 1.0


Losses = dict[str, Tensor | Term]
