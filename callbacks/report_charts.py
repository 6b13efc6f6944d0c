"""Charts as inline SVG: they scale, follow the page's light or dark colours, and need no library to be seen."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from html import escape

Points = Sequence[Sequence[float]]  # (x, y) pairs, x ascending

WIDTH, HEIGHT = 460, 270
LEFT, RIGHT, TOP, BOTTOM = 46, 106, 26, 40  # the right margin holds the names of the lines
COLOURS = 10  # --c0 to --c9 of the page's style


def line_chart(title: str, series: Mapping[str, Points], unit: str, *, baseline: bool = False, dots: bool = False) -> str:
    """A <figure> of lines over optimiser steps, each named at its end.

    Args:
        title: above the chart.
        series: name -> points; an empty name is not written.
        unit: of y, above the axis.
        baseline: a dashed line at each first value.
        dots: mark each point, with its value as a tooltip.
    """
    series = {name: [p for p in points if all(map(math.isfinite, p))] for name, points in series.items()}
    series = {name: points for name, points in series.items() if points}
    if not series:
        return ""
    every = [point for points in series.values() for point in points]
    x_ticks, y_ticks = ticks(*_range([x for x, _ in every])), ticks(*_range([y for _, y in every]))
    x0, x1 = min(x for x, _ in every), max(x for x, _ in every)
    y0, y1 = min(y_ticks[0], *(y for _, y in every)), max(y_ticks[-1], *(y for _, y in every))

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - x0) / ((x1 - x0) or 1)
        up = (y - y0) / ((y1 - y0) or 1)
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    parts = [f'<text class="unit" x="0" y="11">{escape(unit)}</text>']
    for y in y_ticks:
        height = place(x0, y)[1]
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{right}" y1="{height:.1f}" y2="{height:.1f}"/>')
        parts.append(f'<text class="tick" x="{LEFT - 8}" y="{height + 4:.1f}" text-anchor="end">{number(y)}</text>')
    for x in (x for x in x_ticks if x0 <= x <= x1):
        across = place(x, y0)[0]
        parts.append(f'<text class="tick" x="{across:.1f}" y="{bottom + 18}" text-anchor="middle">{number(x)}</text>')
    middle = (LEFT + right) / 2
    parts.append(f'<text class="unit" x="{middle}" y="{HEIGHT - 4}" text-anchor="middle">optimiser step</text>')
    labels = [[*textwrap.wrap(name, 14), number(points[-1][1], 4)] for name, points in series.items()]
    heights = _apart([place(*points[-1])[1] for points in series.values()], [14 * len(lines) for lines in labels])
    for i, points in enumerate(series.values()):
        colour = f"var(--c{i % COLOURS})"
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in points))
        if baseline and len(points) > 1:
            y = place(*points[0])[1]
            ends = f'x1="{LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"'
            parts.append(f'<line class="baseline" stroke="{colour}" {ends}/>')
        parts.append(f'<polyline class="line" stroke="{colour}" points="{path}"/>')
        for x, y in points if dots or len(points) == 1 else []:
            cx, cy = place(x, y)
            tip = f"<title>step {x:g}: {number(y, 4)}</title>"
            parts.append(f'<circle cx="{cx:.1f}" cy="{cy:.1f}" r="3.5" fill="{colour}">{tip}</circle>')
        for row, line in enumerate(labels[i]):
            kind = 'class="value"' if row == len(labels[i]) - 1 else f'class="name" style="fill:{colour}"'
            parts.append(f'<text {kind} x="{right + 10}" y="{heights[i] + 14 * row:.1f}">{escape(line)}</text>')
    return figure(title, parts, WIDTH, HEIGHT)


def scatter(title: str, points: Points, groups: Sequence[int], tips: Sequence[str]) -> str:
    """A <figure> of points without axes, coloured by group; each says its tip when pointed at."""
    side, edge = 420, 10
    (x0, x1), (y0, y1) = ((min(column), max(column)) for column in zip(*points, strict=True))
    parts = []
    for (x, y), group, tip in zip(points, groups, tips, strict=True):
        cx = edge + (x - x0) / ((x1 - x0) or 1) * (side - 2 * edge)
        cy = edge + (y1 - y) / ((y1 - y0) or 1) * (side - 2 * edge)
        own = f'class="dot g{min(group, COLOURS)}" fill="var({group_colour(group)})"'
        parts.append(f'<circle {own} cx="{cx:.1f}" cy="{cy:.1f}" r="3.4"><title>{escape(tip)}</title></circle>')
    return figure(title, parts, side, side)


def legend(names: Sequence[str], counts: Sequence[int]) -> str:
    """Names of the groups with their number of points; those without a colour of their own are summed up."""
    shown = list(zip(names, counts, strict=True))[:COLOURS]
    if len(names) > COLOURS:
        shown.append((f"{len(names) - COLOURS} others", sum(counts[COLOURS:])))
    entries = (
        f'<li><i style="background:var({group_colour(i)})"></i>{escape(name)} <small>{count}</small></li>'
        for i, (name, count) in enumerate(shown)
    )
    return f'<ul class="legend">{"".join(entries)}</ul>'


def group_colour(group: int) -> str:
    return f"--c{group}" if group < COLOURS else "--other"


def number(value: float, digits: int = 3) -> str:
    """1234567 -> 1.23M, 0.5 -> 0.5, 0.00012 -> 1.2e-4."""
    for limit, suffix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= limit:
            return f"{value / (1e3 if suffix == 'k' else limit):.{digits}g}{suffix}"
    if value and abs(value) < 1e-3:
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        return f"{float(mantissa):g}e{int(exponent)}"
    return f"{float(f'{value:.{digits}g}'):g}" if abs(value) < 1000 else f"{value:,.0f}"


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers from at or below `low` to at or above `high`."""
    raw = (high - low) / about
    power = 10 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - (abs(low) or 1) * 0.1, high + (abs(high) or 1) * 0.1)


def _apart(wanted: list[float], sizes: list[int]) -> list[float]:
    """First base lines of labels, as near to the wanted heights as they can be without overlap and in the chart."""
    order = sorted(range(len(wanted)), key=wanted.__getitem__)
    tops = [0.0] * len(wanted)
    free = TOP
    for i in order:
        tops[i] = free = max(wanted[i] - sizes[i] / 2, free)
        free += sizes[i] + 2
    free = HEIGHT - BOTTOM + 6
    for i in reversed(order):
        tops[i] = free = min(tops[i], free - sizes[i])
        free -= 2
    return [top + 11 for top in tops]


def figure(title: str, parts: list[str], width: int, height: int) -> str:
    """A <figure> of SVG elements."""
    svg = f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}">{"".join(parts)}</svg>'
    return f"<figure><figcaption>{escape(title)}</figcaption>{svg}</figure>"
