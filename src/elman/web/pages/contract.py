"""What a page is: one file in `pages/` that ends in `page = Page(...)`, with a template and a script of the same name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from elman.web.jobs import Job
from elman.web.long import Weigh
from elman.web.subject import Subject

Ask = Callable[[Subject, Mapping[str, Any]], Any]
Long = Callable[[Subject, Mapping[str, Any], Job], dict[str, Any]]


@dataclass(frozen=True)
class Page:
    """One page of the shell.

    shown   what the template shows and `/runs/NAME/PAGE.json` (`/models/...` for a model) says, of one subject
    asks    what the page's script may ask by POST: name -> (subject, JSON body) -> JSON answer, or a Rest of one
    jobs    what takes long: the same with the job, which is told how far it is; answered with the job's number (see web.jobs)
    work    what a question of `asks` takes of a long sequence, by its name: where that is much, it runs as a job (see web.long)
    place   where it stands in the navigation
    needs   what of `Subject.missing` it cannot be without: there it says why it is absent
    """

    shown: Callable[[Subject], dict[str, Any]]
    asks: Mapping[str, Ask] = field(default_factory=dict)
    jobs: Mapping[str, Long] = field(default_factory=dict)
    work: Mapping[str, Weigh] = field(default_factory=dict)
    place: int = 0
    needs: str = ""
