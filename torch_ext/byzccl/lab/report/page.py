# SPDX-License-Identifier: MIT
"""The page: one HTML file that needs no other, and no network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from byzccl.lab import page
from byzccl.lab.report.pictures import Picture
from byzccl.lab.tables import Table

STYLE = """
body { max-width: 76rem; }
figure { margin: 1.2rem 2rem 1.2rem 0; display: inline-block; vertical-align: top; }
figcaption { font-weight: 600; }
.wide { overflow-x: auto; } td { white-space: nowrap; }
th button { all: unset; cursor: pointer; font-weight: inherit; }
th button:focus-visible { outline: 2px solid #0072B2; }
th[aria-sort=ascending] button::after { content: " \\25B2"; }
th[aria-sort=descending] button::after { content: " \\25BC"; }
caption { text-align: left; font-weight: 600; padding: 0.3rem 0; }
nav a { margin-right: 1rem; }
"""

# Numbers before text; a cell such as "91.2 ± 0.4" counts by its number.
SCRIPT = """
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
    const up = head.getAttribute("aria-sort") !== "ascending";
    const key = (row) => {
      const text = row.cells[column].textContent.trim();
      const number = parseFloat(text);
      return [isNaN(number) ? Infinity : number, text];
    };
    const order = (a, b) => {
      const [x, s] = key(a), [y, t] = key(b);
      return (x === y ? s.localeCompare(t) : x < y ? -1 : 1) * (up ? 1 : -1);
    };
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    table.tBodies[0].append(...[...table.tBodies[0].rows].sort(order));
  }));
}
"""


@dataclass(frozen=True)
class Section:
    title: str
    parts: Sequence[Picture | Table]
    note: str = ""


def table_html(table: Table) -> str:
    """Every head is a button that sorts."""
    head = "".join(f'<th scope="col"><button>{escape(text)}</button></th>' for text in table.head)
    rows = "\n".join(
        "<tr>" + "".join(page.cell_html(cell) for cell in row) + "</tr>" for row in table.rows
    )
    note = f'<p class="note">{escape(table.note)}</p>' if table.note else ""
    return (
        f'<div class="wide"><table class="sortable"><caption>{escape(table.title)}</caption>'
        f"<thead><tr>{head}</tr></thead>\n<tbody>{rows}</tbody></table></div>\n{note}\n"
    )


def picture_html(picture: Picture) -> str:
    return (
        f"<figure><figcaption>{escape(picture.title)}</figcaption>"
        f'<img alt="{escape(picture.alt)}" src="data:image/png;base64,{picture.png}"></figure>\n'
    )


def html(title: str, sentences: Sequence[str], sections: Sequence[Section]) -> str:
    """The whole page; a section without parts is left out."""
    shown = [section for section in sections if section.parts]
    links = "".join(
        f'<a href="#s{k}">{escape(section.title)}</a>' for k, section in enumerate(shown)
    )
    body = ""
    for k, section in enumerate(shown):
        body += f'<h2 id="s{k}">{escape(section.title)}</h2>\n'
        body += f'<p class="note">{escape(section.note)}</p>\n' if section.note else ""
        for part in section.parts:
            body += picture_html(part) if isinstance(part, Picture) else table_html(part)
    points = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<style>{page.STYLE}{STYLE}</style></head><body>
<h1>{escape(title)}</h1>
<ul>{points}</ul>
<nav>{links}</nav>
{body}<script>{SCRIPT}</script>
</body></html>
"""
