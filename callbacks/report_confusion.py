"""What is taken for what, as a picture. Legend: C classes."""

from collections.abc import Sequence
from html import escape

from lit_pretrain.callbacks.report_charts import figure

MOST = 25  # classes that can be read; of more, those with the most mistakes are shown
SIDE = 440  # pixels of all cells together
LETTER = 7  # pixels of a letter, about
LONGEST = 16  # letters of a name that are shown


def confusion(title: str, matrix: Sequence[Sequence[float]], names: Sequence[str]) -> str:
    """A <figure> of examples by right class (rows) and predicted class (columns); shades are shares of a row, and each cell
    says its numbers when pointed at.

    Args:
        matrix: (C, C) numbers of examples.
        names: of the classes.
    """
    totals = [sum(row) for row in matrix]
    wrong = [totals[i] - row[i] + sum(other[i] for j, other in enumerate(matrix) if j != i) for i, row in enumerate(matrix)]
    shown = sorted(sorted(range(len(matrix)), key=lambda i: -wrong[i])[:MOST])
    if len(shown) < len(matrix):
        title = f"{title}: the {len(shown)} of {len(matrix)} classes with the most mistakes"
    longest = min(LONGEST, max(len(names[i]) for i in shown))
    left, top, step, parts = 12 + LETTER * longest, 16 + LETTER * longest, SIDE / len(shown), []
    for row, i in enumerate(shown):
        middle = (row + 0.5) * step
        parts.append(f'<text x="{left - 6}" y="{top + middle + 4:.1f}" text-anchor="end">{_short(names[i])}</text>')
        turned = f"translate({left + middle + 4:.1f},{top - 6}) rotate(-60)"
        parts.append(f'<text transform="{turned}">{_short(names[i])}</text>')
        for column, j in enumerate(shown):
            share = matrix[i][j] / totals[i] if totals[i] else 0.0
            colour = "--c2" if i == j else "--c1"
            place = f'x="{left + column * step:.1f}" y="{top + row * step:.1f}" width="{step:.1f}" height="{step:.1f}"'
            said = f"{names[i]} taken for {names[j]}: {matrix[i][j]:g} of {totals[i]:g} ({share:.1%})"
            parts.append(f'<rect class="cell" {place} fill="var({colour})" fill-opacity="{share:.3f}">'
                         f"<title>{escape(said)}</title></rect>")  # fmt: skip
            if share >= 0.005 and step > 26:
                x, y = left + (column + 0.5) * step, top + middle + 4
                parts.append(f'<text class="value" x="{x:.1f}" y="{y:.1f}" text-anchor="middle">{100 * share:.0f}</text>')
    return figure(title, parts, left + SIDE, top + SIDE)


def _short(name: str) -> str:
    return escape(name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…")
