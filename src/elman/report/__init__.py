"""Results to tables, charts and one self-contained HTML page; `elman.report(run)` writes a run's again."""

from elman.core.verb import callable_room

VERB = "elman.web.still_section:write_run_report"
callable_room(__name__)
