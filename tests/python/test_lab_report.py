# SPDX-License-Identifier: MIT
"""The page of all results: what is on it, and that a browser shows and sorts it."""

import json
import re
import shutil
import subprocess
from dataclasses import asdict
from html.parser import HTMLParser
from pathlib import Path

import pytest

from byzccl.lab import report
from byzccl.lab.experiment import Experiment
from byzccl.lab.report import heat, tables
from byzccl.lab.report.scene import scenes
from byzccl.lab.results import done
from byzccl.lab.store import Store
from lab_results import ENVIRONMENT, add, filled

BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


class Page(HTMLParser):
    """What the page has: links, pictures, tables with their cells."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.alts: list[str | None] = []
        self.tables: list[list[list[str]]] = []
        self.tags: list[str] = []
        self.cell: list[str] | None = None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.tags.append(tag)
        self.links += [value for name, value in attributes if name in ("href", "src")]
        if tag == "img":
            self.alts.append(found.get("alt"))
        elif tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.cell = []

    def handle_data(self, data):
        if self.cell is not None:
            self.cell.append(data)

    def handle_endtag(self, tag):
        if tag in ("td", "th") and self.cell is not None:
            self.tables[-1][-1].append("".join(self.cell))
            self.cell = None


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[Path, dict]:
    folder = tmp_path_factory.mktemp("report")
    with filled(folder / "results.sqlite") as store:
        return folder / "index.html", report.write(store, folder / "index.html")


@pytest.fixture(scope="module")
def page(made) -> Page:
    return Page(made[0].read_text())


def table(page: Page, *head: str) -> list[dict[str, str]]:
    """The rows of the one table that has these heads."""
    (found,) = [t for t in page.tables if set(head) <= set(t[0])]
    return [dict(zip(found[0], row, strict=True)) for row in found[1:]]


def test_the_page_needs_no_other_file_and_no_network(page):
    assert all(link.startswith(("data:", "#")) for link in page.links)
    assert not {"iframe", "object", "link rel=stylesheet"} & set(page.tags)


def test_what_was_written_is_what_is_there(page, made):
    path, content = made
    assert content["bytes"] == path.stat().st_size
    assert len(page.alts) == len(content["pictures"])
    assert len(page.tables) == len(content["tables"])
    json.dumps(content)


def test_every_picture_is_described(page):
    assert all(alt and len(alt) > 30 for alt in page.alts)


def test_every_kind_of_picture_is_there(made):
    titles = "\n".join(made[1]["pictures"])
    for kind in ("Accuracy against step", "Accuracy against time", "Spread of replicas",
                 "Under the worst attack", "Rule by attack", "f by heterogeneity"):  # fmt: skip
        assert kind in titles


def test_seeds_are_one_row_with_their_deviation(page):
    rows = table(page, "accuracy (%)", "MB sent")
    (found,) = [
        row for row in rows
        if (row["rule"], row["attack"], row["byzantine"], row["partition"], row["system"])
        == ("krum", "alie(z=1.5)", "2", "iid", "parameter_server")
    ]  # fmt: skip
    assert found["accuracy (%)"] == "32.0 ± 1.0"  # 31, 32 and 33 %
    assert found["seeds"] == "3"
    assert len(rows) == 24 + 4 + 3 + 1


def test_a_run_that_ended_early_counts_as_nothing_and_is_marked(page):
    (found,) = [r for r in table(page, "accuracy (%)", "MB sent") if r["system"] == "byzsgd"]
    assert found["accuracy (%)"] == "0.0*"
    reasons = {row["why"] for row in table(page, "why")}
    assert reasons == {"RuntimeError: no answer today", "node 0 ended"}


def test_the_page_says_what_was_chosen(page, made):
    (row,) = table(page, "worst attack")
    assert (row["rule"], row["lr"], row["worst attack"]) == ("median", "0.2", "<b>&\"x'")
    assert row["accuracy (%)"] == "50.0 ± 0.0"
    assert row["seeds"] == "1, 2, 3"
    assert [one["chosen"] for one in made[1]["chosen"]] == [{"lr": 0.2}]


def test_who_was_left_out(page):
    rows = [r for r in table(page, "Byzantine (%)") if r["system"] == "parameter_server"]
    assert {row["rule"] for row in rows} == {"krum"}
    # Nodes 1 to 5 are the workers; 5 was left out always, 1 every other time.
    assert {(r["byzantine"], r["Byzantine (%)"], r["honest (%)"]) for r in rows} == {
        ("1", "100", "12"), ("2", "50", "17")
    }  # fmt: skip


def test_throughput_is_against_plain_sgd_on_the_same_engine(page):
    found = {
        row["system"]: (row["steps/s"], row["more time a step (%)"])
        for row in table(page, "more time a step (%)")
    }
    assert found == {
        "sharded": ("5.00", "0"), "ring": ("3.33", "50"), "gossip": ("5.00", "-")
    }  # fmt: skip


def test_heat_maps_take_the_least_over_attacks(tmp_path):
    with filled(tmp_path / "r.sqlite") as store:
        first = scenes([r for r in done(store) if r.settings["system"] == "parameter_server"])[0]
    cells, rows, columns = heat.by_attack(first)
    assert columns == ["none", "flip", "alie(z=1.5)", "<b>&\"x'", "worst"]
    krum = next(row for row in rows if row.startswith("krum"))
    mean = next(row for row in rows if row.startswith("mean"))
    assert cells[mean, "worst"] == cells[mean, "flip"]
    assert cells[krum, "worst"] == cells[krum, "alie(z=1.5)"]
    assert cells[krum, "worst"].text == "42.0 ± 1.0"


def test_the_best_is_among_those_that_met_most_attacks(tmp_path):
    """Not plain SGD, which nobody attacked."""
    with filled(tmp_path / "r.sqlite") as store:
        maps = heat.over_scenes(scenes(done(store)))
    (best,) = [one for one in maps if one.title.endswith("the best of all")]
    assert "f = 1, iid: 42.0 ± 1.0 %" in best.alt
    assert "f = 2, dirichlet(alpha=0.1): 12.0 ± 1.0 %" in best.alt


def test_of_equal_settings_the_newest_code_counts(tmp_path):
    with Store(tmp_path / "r.sqlite") as store:
        add(store, 0.2, code="old", rule="mean")
        add(store, 0.9, code="new", rule="mean")
        assert [r.accuracy for r in done(store)] == [0.9]
        # A failure that another code has mended is no trouble any more.
        key = store.claim(asdict(Experiment()), "old", ENVIRONMENT)
        store.fail(key, "no")
        assert tables.troubles(store.rows()) is not None
        store.finish(store.claim(asdict(Experiment()), "new", ENVIRONMENT),
                     store.rows()[0].outcome)  # fmt: skip
        assert tables.troubles(store.rows()) is None


def test_one_run_makes_a_page(tmp_path):
    with Store(tmp_path / "r.sqlite") as store:
        with pytest.raises(ValueError, match="no run in"):
            report.write(store, tmp_path / "index.html")
        add(store, 0.5, rule="mean", byzantine=0)
        content = report.write(store, tmp_path / "index.html")
    assert content["runs"] == 1
    assert content["pictures"] == [content["pictures"][0]]


# --- In a browser --------------------------------------------------------------------------------

PROBE = """
<script>
addEventListener("load", () => {
  const images = [...document.images];
  const found = {
    images: images.length, shown: images.filter((i) => i.complete && i.naturalWidth > 100).length,
    tables: [],
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    const column = (k) => [...table.tBodies[0].rows].map((row) => row.cells[k].textContent);
    const heads = [...table.tHead.rows[0].cells];
    const sorted = heads.map((head, k) => {
      head.querySelector("button").click();
      const up = [column(k), head.getAttribute("aria-sort")];
      head.querySelector("button").click();
      return [...up, column(k), head.getAttribute("aria-sort")];
    });
    found.tables.push({heads: heads.map((h) => h.textContent), sorted});
  }
  const note = document.createElement("pre");
  note.id = "found";
  note.textContent = JSON.stringify(found);
  document.body.append(note);
});
</script>
"""


def opened(path: Path, tmp_path: Path) -> tuple[str, list[str]]:
    """The page's DOM once it has settled, and what it wrote to the console."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip("no Chromium here: apt-get install chromium-headless-shell")
    done = subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
         "--enable-logging=stderr", f"--user-data-dir={tmp_path / 'profile'}",
         "--virtual-time-budget=10000", "--dump-dom", path.as_uri()],
        capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def test_a_browser_shows_the_page_and_sorts_its_tables(made, tmp_path):
    copy = tmp_path / "index.html"
    copy.write_text(made[0].read_text().replace("</body>", PROBE + "</body>"))
    dom, console = opened(copy, tmp_path)
    assert console == []
    text = re.search(r'<pre id="found">(.*?)</pre>', dom, re.DOTALL)[1]
    found = json.loads(text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
    assert found["images"] == found["shown"] == len(made[1]["pictures"])
    assert len(found["tables"]) == len(made[1]["tables"])
    for each in found["tables"]:
        for head, (up, ascending, down, descending) in zip(
            each["heads"], each["sorted"], strict=True
        ):
            assert (ascending, descending) == ("ascending", "descending")
            assert sorted(up) == sorted(down)
            numbers = [float(re.match(r"[\d.]+", cell)[0]) for cell in up if cell[:1].isdigit()]
            if head.startswith(("accuracy", "steps/s", "seconds", "byzantine", "lr")):
                assert numbers == sorted(numbers), head
                assert len(numbers) == len(up)
            if head in ("rule", "system"):
                assert up == sorted(up)
                assert down == sorted(down, reverse=True)


def test_an_error_on_the_console_would_be_seen(tmp_path):
    """The test above could not fail otherwise."""
    page = tmp_path / "wrong.html"
    page.write_text("<!doctype html><title>x</title><script>no_such_function();</script>")
    _, console = opened(page, tmp_path)
    assert any("no_such_function" in line for line in console)
