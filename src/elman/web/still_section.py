"""The views of a report as its section: the page's own templates and modules around answers that were kept (still.py)."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from elman.core.errors import RunError
from elman.core.results import Advice, Finding
from elman.report.assemble import assemble
from elman.report.content import Views
from elman.report.page import write_report
from elman.run import Run
from elman.web.assets import inline, modules, static, templates

FILE = "views.json"
PAGES = {"play": "Play", "see": "See", "trust": "Trust", "space": "Space"}
STYLES = ("page.css", "see.css", "trust.css", "space.css", "still.css")


def write_run_report(
    run: Run | str | Path,
    findings: Sequence[Finding] | None = None,
    advice: Sequence[Advice] | None = None,
) -> Path:
    """Write the run's report.html, with the views of its folder where there are some, and return its path.

    Findings and advice are read from the folder unless given. Raises RunError for views that cannot be read.
    """
    run = Run.open(run)
    content = assemble(run, findings, advice)
    kept = run.stored(FILE, None)
    try:
        return write_report(run.folder, content, None if kept is None else views(kept, run))
    except (KeyError, TypeError, AttributeError) as error:
        if kept is None:
            raise
        raise RunError(
            f"{run.folder / FILE} is damaged ({error!r}). Delete it, or make it again: elman explain {run.folder}."
        ) from None


def views(kept: Mapping[str, Any], run: Run) -> Views:
    """The section: markup in which every text of the data is escaped, and scripts that are the package's own."""
    start, answers = kept["start"], kept["answers"]
    shown = [name for name in PAGES if _there(name, answers, start)]
    environment, parts = templates(), []
    context = {
        "still": True, "given": False, "kind": kept["kind"], "task": kept["task"], "shown": start | {"verdict": ""}, "missing": {},
        "title": kept["title"], "name": kept["title"], "base": "/still", "sequence": kept["name"], "command": f"elman open {run.folder.as_posix()}",
    }  # fmt: skip
    for name in shown:
        template = environment.get_template(f"{name}.html")
        block = "".join(template.blocks["page"](template.new_context(context)))
        parts.append((name, PAGES[name], Markup(block)))
    few = [
        f"{one['of']:,} units, of which {len(one['units']):,}"
        for one in start["kept"].values()
        if len(one["units"]) < one["of"]
    ]
    strip = Markup(environment.get_template("strip.html").render(**context))
    html = environment.get_template("still.html").render(
        **context, strip=strip, parts=parts, few=few, only=_only(kept, shown)
    )
    facts = {"base": "/still", "answers": answers, "absent": _absent(start, run)}
    data = inline(json.dumps(facts, ensure_ascii=False, separators=(",", ":")))
    begun = inline(json.dumps(start, ensure_ascii=False, separators=(",", ":")))
    nonce = (
        base64.urlsafe_b64encode(hashlib.sha256((data + begun + html).encode()).digest()).decode().rstrip("=")
    )
    tag = f'<script nonce="{nonce}"'
    imports = "".join(f'import "elman/{name}.js";' for name in ("strip", *shown))
    scripts = (
        f'<script type="application/json" id="start">{begun}</script>\n'
        f"{tag}>const STILL = {data};\n{static('still.js')}</script>\n"
        f'{tag} type="importmap">{modules()}</script>\n{tag} type="module">{imports}</script>\n'
    )
    style = "#views {\n" + "\n".join(static(name) for name in STYLES) + "\n}"
    return Views(html, style, scripts, nonce, {"base": "/still", "task": kept["task"], "kind": kept["kind"]})


def _there(name: str, answers: Mapping[str, Any], start: Mapping[str, Any]) -> bool:
    needed = {"see": bool(start["layers"]), "trust": "trust/why" in answers, "space": "space/look" in answers}
    return needed.get(name, True)


def _only(kept: Mapping[str, Any], shown: Sequence[str]) -> list[str]:
    """What the pages can do that no report can: the words of each."""
    start, forecast, writes = kept["start"], kept["kind"] == "forecast", kept["task"] == "language_modelling"
    said = {
        "a sequence of your own": True,
        "another past": forecast,
        "another future of what is known": forecast and bool(start["columns"]["known"]),
        "writing with other settings": writes,
        "changes of any unit or gate": "see" in shown and bool(start["parts"]),
        "where else the state is like this": "see" in shown and not forecast,
        "further questions": True,
        "other networks beside it in Space": "space" in shown,
    }
    return [words for words, there in said.items() if there]


def _absent(start: Mapping[str, Any], run: Run) -> str:
    said = {layer["name"]: layer["words"] for layer in start["layers"]}
    units = "; ".join(
        f"of {said.get(name, name)} {', '.join(map(str, one['units']))}"
        for name, one in start["kept"].items()
        if len(one["units"]) < one["of"]
    )
    return (
        "This report keeps one sequence"
        + (f", and units {units}" if units else "")
        + f". elman open {run.folder.as_posix()} answers the rest."
    )
