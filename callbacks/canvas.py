"""Pictures from tensors: sheets of panels, heat over them, and files that say what they show.

Legend: N examples, K panels of each, C channels, H rows, W columns.
"""

import math
import re
from collections.abc import Mapping, Sequence
from io import BytesIO
from operator import methodcaller
from pathlib import Path

import lightning as L
import numpy as np
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_warn
from numpy.typing import NDArray
from PIL.Image import fromarray
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from lit_pretrain.callbacks.report_history import Map

Drawn = dict[str, NDArray[np.uint8]]  # title -> (rows, columns, 4) bytes

SIDE = 96  # small panels are enlarged to about so many pixels
GAP, WIDE_GAP = 3, 14  # between the panels of an example, and between examples beside each other


def sheet(panels: Tensor) -> NDArray[np.uint8]:
    """(N, K, C, H, W) between 0 and 1 -> (rows, columns, 4) bytes, transparent between panels and where there is NaN.

    The panels of an example stand side by side, the examples below each other and, if there is room, in groups.
    """
    n, k = panels.shape[:2]
    groups = max(1, min(n, round(math.sqrt(n / k))))
    rows = math.ceil(n / groups)
    shown = enlarged(colours(panels.detach().float().cpu()))  # (N, K, 3, h, w)
    clear = shown.isnan().any(2, keepdim=True)
    shown = torch.cat([shown.nan_to_num(0.0).clamp(0, 1), 1 - clear.float()], 2).movedim(2, -1)  # (N, K, h, w, 4)
    h, w = shown.shape[2:4]
    width = k * w + (k - 1) * GAP
    out = torch.zeros(rows * (h + GAP) - GAP, groups * (width + WIDE_GAP) - WIDE_GAP, 4)
    for i in range(n):
        top, left = i % rows * (h + GAP), i // rows * (width + WIDE_GAP)
        for j in range(k):
            x = left + j * (w + GAP)
            out[top : top + h, x : x + w] = shown[i, j]
    return (out * 255).round().to(torch.uint8).numpy()


def colours(panels: Tensor) -> Tensor:
    """(..., C, H, W) -> (..., 3, H, W): three channels as they are, other numbers as their mean in grey."""
    return panels if panels.shape[-3] == 3 else panels.mean(-3, keepdim=True).expand(*panels.shape[:-3], 3, -1, -1)


def enlarged(panels: Tensor) -> Tensor:
    """Each pixel as a square of pixels, if they are few."""
    times = max(1, SIDE // panels.shape[-2])
    return panels.repeat_interleave(times, -2).repeat_interleave(times, -1)


def heat(canvas: Tensor, strength: Tensor) -> Tensor:
    """What lies below (..., C, H, W) under a colour for each strength (..., h, w) between 0 and 1, (..., 3, H, W)."""
    import matplotlib

    h, w = canvas.shape[-2:]
    rows = torch.arange(h) * strength.shape[-2] // h
    columns = torch.arange(w) * strength.shape[-1] // w
    strength = strength.float().cpu()[..., rows, :][..., columns]  # (..., H, W)
    colour = torch.from_numpy(matplotlib.colormaps["inferno"](strength.numpy()))[..., :3].movedim(-1, -3)
    return 0.35 * colours(canvas.float().cpu()) + 0.65 * colour.float()


def scatters(found: Map) -> NDArray[np.uint8]:
    """Both projections as (rows, columns, 4) bytes on a transparent ground, in colours for light and dark pages."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    soft = "#808890"
    figure = Figure(figsize=(11, 5), dpi=80, facecolor="none", layout="constrained")
    ink = FigureCanvasAgg(figure)
    palette = matplotlib.colormaps["tab10"].colors
    present, counts = found.labels.unique(return_counts=True)
    order = present[counts.argsort(descending=True, stable=True)].tolist()
    order = sorted(order[: len(palette)]) + order[len(palette) :]  # the legend in the order of the labels
    for axes, (title, places) in zip(figure.subplots(1, len(found.views)), found.views.items(), strict=True):
        axes.set_title(title, color=soft)
        axes.set_axis_off()
        for i, label in enumerate(order):
            x, y = places[found.labels == label].T.tolist()
            name = found.names[label] if label < len(found.names) else str(label)
            colour = palette[i] if i < len(palette) else soft
            axes.scatter(x, y, s=9, color=[colour], label=name if i < len(palette) else None)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right center", labelcolor=soft, frameon=False)
    ink.draw()
    return np.asarray(ink.buffer_rgba()).copy()


def beside(
    rows: Mapping[str, Mapping[str, float]], baseline: str, now: str
) -> tuple[dict[str, dict[str, list[float]]], list[str]]:
    """The panels and places of `profiles` for values of layers with one number to compare them with.

    Args:
        rows: what is measured -> layer, and `baseline` -> value.
        baseline: the name of that number, which is drawn at all layers.
        now: the name of the other curve.
    """
    layers = [name for name in next(iter(rows.values())) if name != baseline]
    panels = {what.replace("_", " "): {baseline: [values[baseline]] * len(layers), now: [values[layer] for layer in layers]}
              for what, values in rows.items()}  # fmt: skip
    return panels, layers


def profiles(
    panels: Mapping[str, Mapping[str, Sequence[float]]], places: Sequence[str], shares: bool = True
) -> NDArray[np.uint8]:
    """Curves over named places, in panels side by side, as (rows, columns, 4) bytes on a transparent ground.

    Args:
        panels: title -> name of a curve -> one value for each place. The first of several curves is dashed and grey.
        places: in their order, such as the layers of an encoder.
        shares: all values lie from 0 to 1; False: each panel has a range of its own.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    soft, strong = "#808890", "#1f77b4"
    columns = min(4, len(panels))
    rows = math.ceil(len(panels) / columns)
    width, height = 0.5 + 3.4 * columns, 0.9 + 2.7 * rows + 0.5 * (rows - 1)
    figure = Figure(figsize=(width, height), dpi=80, facecolor="none")
    ink = FigureCanvasAgg(figure)
    # Margins in inches: a layout that is found by drawing takes longer than all the rest.
    left, gaps = (0.5 if shares else 0.7), {"wspace": 0.06 if shares else 0.27, "hspace": 0.25}
    figure.subplots_adjust(left / width, 0.9 / height, 1 - 0.1 / width, 1 - 0.3 / height, **gaps)
    every = figure.subplots(rows, columns, sharey=shares, squeeze=False).ravel()
    named = range(0, len(places), math.ceil(len(places) / 13))
    for axes in every[len(panels) :]:
        axes.set_axis_off()
    for i, (axes, (title, curves)) in enumerate(zip(every, panels.items(), strict=False)):
        axes.set_facecolor("none")
        if shares:
            axes.set_ylim(-0.03, 1.03)
        axes.set_title(title, color=soft, fontsize=11)
        for j, (name, values) in enumerate(curves.items()):
            before = j == 0 and len(curves) > 1
            axes.plot(values, "o--" if before else "o-", color=soft if before else strong, markersize=4, label=name)
        lowest = i + columns >= len(panels)
        labels = [places[n] for n in named] if lowest else []
        axes.set_xticks(named, labels or [""] * len(named), rotation=45, ha="right", rotation_mode="anchor")
        axes.tick_params(colors=soft)
        axes.spines[:].set_color(soft)
    every[0].legend(labelcolor=soft, frameon=False)
    ink.draw()
    return np.asarray(ink.buffer_rgba()).copy()


def grids(panels: Mapping[str, NDArray[np.floating]], down: str, across: str) -> NDArray[np.uint8]:
    """Tables of numbers from 0 to 1 as colours, side by side, as (rows, columns, 4) bytes on a transparent ground.

    Args:
        panels: title -> (H, W), all of one shape; the largest number is written into its cell.
        down, across: what rows and columns are.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    soft = "#808890"
    columns = min(4, len(panels))
    rows = math.ceil(len(panels) / columns)
    width, height = 3.1 * columns + 0.4, 2.7 * rows + 0.3
    figure = Figure(figsize=(width, height), dpi=80, facecolor="none")
    ink = FigureCanvasAgg(figure)
    figure.subplots_adjust(0.5 / width, 0.5 / height, 1 - 0.1 / width, 1 - 0.35 / height, wspace=0.15, hspace=0.45)
    every = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in every[len(panels) :]:
        axes.set_axis_off()
    for axes, (title, values) in zip(every, panels.items(), strict=False):
        axes.imshow(values, cmap="inferno", vmin=0, vmax=1, aspect="auto")
        y, x = np.unravel_index(values.argmax(), values.shape)
        ink_of_cell = "white" if values.max() < 0.6 else "black"
        axes.annotate(f"{values.max():.2f}", (x, y), color=ink_of_cell, ha="center", va="center", fontsize=8)
        axes.set_title(title, color=soft, fontsize=9)
        axes.set_xlabel(across, color=soft, fontsize=8)
        axes.set_ylabel(down, color=soft, fontsize=8)
        axes.tick_params(colors=soft, labelsize=7)
        axes.spines[:].set_color(soft)
        axes.locator_params(integer=True)
    ink.draw()
    return np.asarray(ink.buffer_rgba()).copy()


def png(picture: NDArray[np.uint8], title: str) -> bytes:
    """The bytes of a file that carries its title."""
    info, out = PngInfo(), BytesIO()
    info.add_itxt("Title", title)
    fromarray(picture).save(out, "PNG", pnginfo=info)
    return out.getvalue()


def write(trainer: L.Trainer, drawn: Drawn) -> None:
    """Into the run folder and to TensorBoard; a full disk is a warning."""
    folder = Path(trainer.default_root_dir) / "pictures" / f"step-{trainer.global_step:07d}"
    try:
        for title, picture in drawn.items():
            name = re.sub(r"\W+", "_", title.split(":")[0].strip())
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{name}.png").write_bytes(png(picture, title))
            # By a string: callbacks name no modality, and this is how TensorBoard calls any picture.
            show = methodcaller("add_image", f"pictures/{name}", picture, trainer.global_step, dataformats="HWC")
            for logger in trainer.loggers:
                if isinstance(logger, TensorBoardLogger):
                    show(logger.experiment)
    except OSError as error:
        rank_zero_warn(f"pictures were not written to {folder}: {error}")
