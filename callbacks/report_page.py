"""The page around the charts: one HTML file without scripts, fonts or anything else from elsewhere."""

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from lit_pretrain.callbacks.report_charts import COLOURS, number

STYLE = """
:root { color-scheme: light dark; --face:system-ui,-apple-system,"Segoe UI",sans-serif;
  --ink:#1b1f24; --soft:#5c6570; --faint:#e4e7eb; --paper:#fbfbfa; --card:#ffffff; --tint:#0b6bb51c;
  --c0:#0b6bb5; --c1:#d1560e; --c2:#0f8a5f; --c3:#b0489c; --c4:#a87900;
  --c5:#3a9cc9; --c6:#6c4bb0; --c7:#84602c; --c8:#c0273a; --c9:#5d8a1f; --other:#9aa1aa; }
@media (prefers-color-scheme: dark) { :root {
  --ink:#e8eaed; --soft:#9aa4af; --faint:#2c3238; --paper:#14171a; --card:#1b1f23; --tint:#5db2f52b;
  --c0:#5db2f5; --c1:#ff9a5c; --c2:#4ccf9f; --c3:#e48fd3; --c4:#e8be4a;
  --c5:#8fd3ee; --c6:#b29af0; --c7:#cfa970; --c8:#f57f8c; --c9:#a9d36a; --other:#6b737c; } }
* { box-sizing:border-box }
body { margin:0; background:var(--paper); color:var(--ink); font:16px/1.55 var(--face) }
main { max-width:1160px; margin:0 auto; padding:40px 24px 64px }
header p { margin:0; color:var(--soft) }
h1 { font-size:2rem; line-height:1.2; letter-spacing:-.02em; margin:0 0 8px }
header .headline { color:var(--ink); font-size:1.15rem; margin-bottom:4px }
h2 { font-size:1.2rem; letter-spacing:-.01em; margin:44px 0 4px }
h2 + p { margin:0 0 14px; color:var(--soft); max-width:72ch }
.tiles { display:flex; flex-wrap:wrap; gap:12px; margin:24px 0 0; padding:0; list-style:none }
figure, .tiles li, .scroll, details { background:var(--card); border:1px solid var(--faint); border-radius:10px }
.tiles li { padding:12px 16px; flex:1 1 150px }
.tiles b { display:block; font-size:1.5rem; font-weight:600; letter-spacing:-.02em; font-variant-numeric:tabular-nums }
.tiles span { color:var(--soft); font-size:.85rem }
.grid2 { display:grid; grid-template-columns:repeat(auto-fill,minmax(min(100%,440px),1fr)); gap:16px }
figure { margin:0; padding:14px 16px 10px }
figcaption { font-weight:600; margin-bottom:8px }
figure.wide { grid-column:1/-1 }
figure img { display:block; max-width:100%; height:auto; image-rendering:pixelated }
svg { display:block; width:100%; height:auto; overflow:visible }
svg text { font:12px var(--face); fill:var(--soft); font-variant-numeric:tabular-nums }
svg .name { font-weight:600 } svg .value { fill:var(--ink) }
svg .grid { stroke:var(--faint); stroke-width:1 }
svg .line { fill:none; stroke-width:2; stroke-linejoin:round; stroke-linecap:round }
svg .baseline { stroke-width:1.2; stroke-dasharray:3 4; opacity:.75 }
svg .dot { opacity:.78 } svg .dot:hover { opacity:1; stroke:var(--ink); stroke-width:2 }
svg .cell { stroke:var(--faint); stroke-width:.6 } svg .cell:hover { stroke:var(--ink); stroke-width:1.6 }
.legend { grid-column:1/-1; list-style:none; display:flex; flex-wrap:wrap; gap:4px 18px; padding:0; margin:0;
  font-size:.9rem }
.legend i { display:inline-block; width:10px; height:10px; border-radius:50%; margin-right:6px }
small { color:var(--soft) }
.scroll { overflow-x:auto; margin-bottom:16px }
table { border-collapse:collapse; width:100%; font-variant-numeric:tabular-nums }
caption { text-align:left; font-weight:600; padding:12px 16px 4px }
th, td { padding:8px 16px; text-align:right; white-space:nowrap; border-top:1px solid var(--faint) }
thead th { color:var(--soft); font-weight:500; border-top:0 }
th:first-child, td:first-child { text-align:left }
td.best { font-weight:650 }
td.bar { background:linear-gradient(var(--tint),var(--tint)) no-repeat left center / var(--share) 76% }
details { padding:12px 16px; margin-top:12px }
summary { cursor:pointer; font-weight:600 }
pre { overflow-x:auto; font:13px/1.5 ui-monospace,Menlo,Consolas,monospace; margin:12px 0 0 }
figure pre { white-space:pre-wrap; margin:0 }
@media (max-width:560px) { main { padding:24px 14px 48px } h1 { font-size:1.55rem }
  figure { padding:12px 10px 8px } svg text { font-size:13.5px } th, td { padding:8px 12px } }
"""
# A name in the legend that is pointed at shows its points alone.
DIMMED = "\n".join(
    f".grid2:has(.legend li:nth-child({group + 1}):hover) .dot:not(.g{group}) {{ opacity:.06 }}"
    for group in range(COLOURS + 1)
)


def page(title: str, headline: str, facts: str, tiles: Iterable[tuple[str, str]], sections: Iterable[str]) -> str:
    """The whole document; empty sections are left out."""
    tiles = "".join(f"<li><b>{escape(value)}</b><span>{escape(name)}</span></li>" for name, value in tiles)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}{DIMMED}</style></head><body><main>"
        f'<header><h1>{escape(title)}</h1><p class="headline">{escape(headline)}</p><p>{escape(facts)}</p></header>'
        f"{f'<ul class=tiles>{tiles}</ul>' if tiles else ''}{''.join(sections)}</main></body></html>\n"
    )


def section(title: str, note: str, *content: str) -> str:
    """A heading, a sentence, and charts side by side where there is room; nothing without content."""
    content = [part for part in content if part]
    if not content:
        return ""
    grid = "".join(content)
    return f'<section><h2>{escape(title)}</h2><p>{escape(note)}</p><div class="grid2">{grid}</div></section>'


def picture(title: str, png: bytes, wide: bool = False) -> str:
    """A <figure> of a PNG file, which becomes a part of the page."""
    kind = ' class="wide"' if wide else ""
    source = f"data:image/png;base64,{b64encode(png).decode()}"
    return f'<figure{kind}><figcaption>{escape(title)}</figcaption><img alt="{escape(title)}" src="{source}"></figure>'


def quote(title: str, content: str) -> str:
    """A <figure> of plain characters."""
    return f"<figure><figcaption>{escape(title)}</figcaption><pre>{escape(content)}</pre></figure>"


def folded(title: str, content: str) -> str:
    """Plain characters behind a title that opens."""
    return f"<details><summary>{escape(title)}</summary><pre>{escape(content)}</pre></details>" if content else ""


def table(title: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as they are, a column for each key."""
    heads = list(dict.fromkeys(key for row in rows for key in row))
    body = "".join("<tr>" + "".join(f"<td>{_cell(row.get(head))}</td>" for head in heads) + "</tr>" for row in rows)
    return _table(title, heads, body)


def score_table(title: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """A line for each `row`, a column for each number of `labels`; means as numbers and bars, the best in bold.

    The smallest is the best where `larger_is_better` of the rows is false.
    """
    columns = list(dict.fromkeys(row["labels"] for row in rows))
    cells = {(row["row"], row["labels"]): row for row in rows}
    pick = max if rows[0].get("larger_is_better", True) else min
    best = {column: pick(row["mean"] for row in rows if row["labels"] == column) for column in columns}
    body = []
    for name in dict.fromkeys(row["row"] for row in rows):
        line = [f"<td>{escape(str(name))}</td>"]
        for column in columns:
            if (row := cells.get((name, column))) is None:
                line.append("<td></td>")
                continue
            kind = "bar best" if row["mean"] == best[column] else "bar"
            share = 100 * min(1.0, max(0.0, row["mean"]))
            line.append(f'<td class="{kind}" style="--share:{share:.1f}%">{100 * row["mean"]:.1f}'
                        f' <small>± {100 * row["std"]:.1f}{escape(row.get("mark") or "")}</small></td>')  # fmt: skip
        body.append(f"<tr>{''.join(line)}</tr>")
    return _table(title, ["", *(f"{column} labels" for column in columns)], "".join(body))


def _table(title: str, heads: list[str], body: str) -> str:
    heads = "".join(f"<th>{escape(head)}</th>" for head in heads)
    caption = f"<caption>{escape(title)}</caption>" if title else ""
    return f'<div class="scroll"><table>{caption}<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return number(value, 4)
    return escape(", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value))
