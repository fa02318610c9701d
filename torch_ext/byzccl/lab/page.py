# SPDX-License-Identifier: MIT
"""index.html: the tables and pictures of an experiment on one page."""

from __future__ import annotations

from html import escape
from pathlib import Path

from byzccl.lab.run import Settings
from byzccl.lab.tables import Cell, Table

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem;
       color: #1a1a1a; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 0.3rem 0.8rem; border-bottom: 1px solid #ddd; text-align: right; }
th:first-child, td:first-child { text-align: left; }
td.bad { color: #b3002d; font-weight: bold; }
img { max-width: 100%; } .note { color: #555; font-size: 0.9rem; }
"""


def cell_html(cell: Cell) -> str:
    kind = ' class="bad"' if cell.bad else ""
    return f"<td{kind}>{escape(cell.text)}</td>"


def table_html(table: Table) -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in table.head)
    rows = "\n".join("<tr>" + "".join(map(cell_html, row)) + "</tr>" for row in table.rows)
    note = f'<p class="note">{escape(table.note)}</p>' if table.note else ""
    return f"<h2>{escape(table.title)}</h2>\n<table><tr>{head}</tr>\n{rows}\n</table>\n{note}"


def write_page(
    path: Path,
    settings: Settings,
    dataset: str,
    sentences: list[str],
    tables: list[Table],
    pictures: list[tuple[str, str]],
) -> None:
    """`pictures` are (file beside the page, caption)."""
    figures = "\n".join(
        f'<figure><img src="{escape(name)}" alt="{escape(caption)}">'
        f'<figcaption class="note">{escape(caption)}</figcaption></figure>'
        for name, caption in pictures
    )
    points = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    body = "\n".join(table_html(table) for table in tables)
    path.write_text(
        f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>byzccl demo</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>{STYLE}</style></head><body>
<h1>byzccl: training with {settings.byzantine} Byzantine ranks of {settings.workers}</h1>
<p>{escape(describe(settings, dataset))}</p>
<ul>{points}</ul>
{figures}
{body}
<p class="note">All settings, curves and the weights of every step: <a
href="results.json">results.json</a>.</p>
</body></html>
""",
        encoding="utf-8",
    )


def describe(settings: Settings, dataset: str) -> str:
    """The experiment in a sentence or two."""
    return (
        f"{settings.workers} processes train one {settings.model} on {dataset} with "
        f"DistributedDataParallel over Gloo: {settings.steps} steps, {settings.batch} pictures a "
        f"rank and step, SGD with momentum {settings.momentum:g}, learning rate {settings.lr:g} "
        f"falling linearly, seed {settings.seed}. The last {settings.byzantine} ranks are "
        "Byzantine: they see every honest gradient and send what the attack makes of them. The "
        "plain mean is DDP's own all-reduce; every other rule is byzccl's, "
        f"algorithm {settings.algorithm}."
    )
