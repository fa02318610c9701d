# SPDX-License-Identifier: MIT
"""Shows that the tests notice every small change: of a kernel, on the device double, each barrier
dropped, each memory order relaxed, each comparison, 1, first index and subscript off by one; of
what carries out and guards a collective (`--part csrc`), each comparison off by one, each check
that passes and each early end that is not taken.

All mutants are in one build of a copy of the project; an environment variable chooses one. A mutant
is run against the programs that come by it, until one fails. equivalent.txt lists those that change
nothing that anybody could see, and why."""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import os
import re
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from .runs import CAREFUL, PROGRAMS, ROOT, THREADED, build, copy_tree, reached_by, run
from .sites import Site

EQUIVALENT = Path(__file__).parent / "equivalent.txt"
KINDS = ("barrier", "order", "comparison", "one", "start", "index", "guard")
STATES = ("caught", "equivalent", "not reached", "survived")


def key_of(site: Site) -> str:
    return f"{Path(site.file).name} | {site.text} | {site.change}"


def equivalent() -> dict[str, str]:
    """From what a mutant is to why it changes nothing."""
    found = {}
    for line in EQUIVALENT.read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            what, _, why = line.rpartition(" | ")
            found[what.strip()] = why.strip()
    return found


def place_of(site: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(site[name] for name in ("file", "line", "text", "change"))


def caught_before(path: Path) -> dict[tuple[Any, ...], str]:
    """How a run caught what it caught."""
    found = json.loads(path.read_text())
    return {place_of(site): site["why"] for site in found if site["state"] == "caught"}


class Hunt:
    """All programs, what they come by, and what became of each mutant."""

    def __init__(self, tree: Path, sites: list[Site], part: str, quick: bool) -> None:
        self.known = equivalent()
        self.programs: list[tuple[Path, set[int], float]] = []
        builds = [("", PROGRAMS[part])]
        if part == "kernels" and not quick:
            builds += [("thread", THREADED), ("address", CAREFUL)]
        for sanitize, names in builds:
            folder = build(tree, sanitize, names)
            for name in names:
                baseline = run(folder / name, None, 1200)
                reached = reached_by(folder / name)
                orders = {site.number for site in sites if site.kind == "order"}
                reached = reached & orders if sanitize == "thread" else reached - orders
                print(
                    f"{name}: {baseline.seconds:.0f} s, comes by {len(reached)} mutants", flush=True
                )
                self.programs.append((folder / name, reached, 30 + 6 * baseline.seconds))

    def judge(self, site: Site) -> tuple[Site, str, str]:
        if key_of(site) in self.known:
            return site, "equivalent", self.known[key_of(site)]
        state = "not reached"
        for program, reached, limit in self.programs:
            if site.number not in reached:
                continue
            outcome = run(program, site.number, limit)
            if not outcome.passed:
                return site, "caught", f"{program.name}: {outcome.why}"
            state = "survived"
        return site, state, ""


def table(results: list[tuple[Site, str, str]]) -> str:
    counts = Counter((site.kind, state) for site, state, _ in results)
    head = f"{'':12}" + "".join(f"{state:>14}" for state in ("mutants", *STATES))
    rows = [head]
    for kind in KINDS:
        each = [counts[kind, state] for state in STATES]
        rows.append(f"{kind:12}" + "".join(f"{count:14}" for count in (sum(each), *each)))
    return "\n".join(rows)


def main() -> int:
    parser = argparse.ArgumentParser(prog="mutants", description=__doc__)
    parser.add_argument("--part", choices=PROGRAMS, default="kernels", help="what is changed")
    parser.add_argument("--only", default="", help="regular expression: file:line of the mutants")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--json", type=Path, help="where the results go")
    parser.add_argument("--again", type=Path, help="JSON of a run: what it caught stays caught")
    parser.add_argument("--quick", action="store_true", help="without the sanitizers' builds")
    parser.add_argument("--list", action="store_true", help="only list the mutants")
    options = parser.parse_args()
    folder = ROOT / "build" / "mutants" / options.part
    options.json = options.json or folder / "mutants.json"
    sites = copy_tree(folder / "tree", options.part)
    count = Counter(key_of(site) for site in sites)
    files = {Path(site.file).name for site in sites}
    of_part = [what for what in equivalent() if what.partition(" | ")[0] in files]
    if stale := [what for what in of_part if count[what] != 1]:
        raise SystemExit("equivalent.txt: not one mutant each:\n" + "\n".join(stale))
    wanted = [s for s in sites if re.search(options.only, f"{s.file}:{s.line}")]
    before = caught_before(options.again) if options.again else {}
    if options.list:
        for site in wanted:
            print(site.number, f"{site.file}:{site.line}", site.kind, site.change, sep="  ")
        return 0
    begin = time.monotonic()
    hunt = Hunt(folder / "tree", sites, options.part, options.quick)
    results = []

    def judge(site: Site) -> tuple[Site, str, str]:
        why = before.get(place_of(vars(site)))
        return (site, "caught", why) if why else hunt.judge(site)

    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for result in pool.map(judge, wanted):
            results.append(result)
            site, state, _ = result
            if state not in ("caught", "equivalent"):
                print(f"{state}: {site.number} {key_of(site)}", flush=True)
            found = [{**vars(site), "state": state, "why": why} for site, state, why in results]
            options.json.write_text(json.dumps(found, indent=1) + "\n")
    print(f"{len(wanted)} mutants, {time.monotonic() - begin:.0f} s")
    print(table(results))
    return int(any(state in ("survived", "not reached") for _, state, _ in results))


if __name__ == "__main__":
    sys.exit(main())
