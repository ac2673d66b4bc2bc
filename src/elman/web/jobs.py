"""Long analyses: each runs as a job with progress, that can be watched from any tab and cancelled; a crash ends it alone.

A job says how far it is by calling what it was given: `told(0.4, "fixed points")`. That call, and `told.check()`, are where a
cancelled job ends. One that no tab has asked about for a while is cancelled, too.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal

from elman.core.errors import ElmanError, UnknownName, UserError

AT_ONCE = 1  # jobs that compute; the others wait: torch has forward derivatives in one thread of a process at a time
WAITING = 16  # jobs that are not done, at most
KEPT = 32  # answers that are kept for their tabs
FORGOTTEN = (
    120.0  # seconds without a look after which a job is cancelled: browsers wake hidden tabs once a minute
)
log = logging.getLogger("elman.web")


class Cancelled(Exception):
    """The job was cancelled."""


@dataclass
class Job:
    """One analysis on its way; `told` its progress by calling it."""

    id: str
    what: str
    state: Literal["waiting", "running", "done", "failed", "cancelled"] = "waiting"
    share: float = 0.0
    words: str = ""
    answer: Any = None
    error: str = ""
    began: float = field(default_factory=time.monotonic)
    looked: float = field(default_factory=time.monotonic)
    stop: threading.Event = field(default_factory=threading.Event)

    def __call__(self, share: float, words: str = "") -> None:
        """How far it is, 0 to 1, and with what. Raises Cancelled where it shall end."""
        self.share, self.words = min(1.0, max(self.share, share)), words or self.words
        self.check()

    def check(self) -> None:
        """Raises Cancelled where it shall end."""
        if time.monotonic() - self.looked > FORGOTTEN:
            self.stop.set()
        if self.stop.is_set():
            raise Cancelled

    def shown(self, *, whole: bool = True) -> dict[str, Any]:
        """The JSON twin of a job; its answer only when asked for."""
        told = {
            "job": self.id,
            "what": self.what,
            "state": self.state,
            "share": self.share,
            "words": self.words,
        }
        return told | ({"answer": self.answer, "error": self.error} if whole else {})


class Jobs:
    """All jobs of a server."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._lock = threading.Lock()
        self._workers = ThreadPoolExecutor(AT_ONCE, "job", initializer=_gently)
        self._readers = ThreadPoolExecutor(AT_ONCE, "reader", initializer=_gently)

    def begin(self, what: str, work: Callable[[Job], Any], *, read: bool = False) -> dict[str, Any]:
        """Start a job that calls `work` with itself; its twin. Raises UserError where too many wait already.

        With `read` it is a question about one sequence, which does not wait for analyses of minutes.
        """
        with self._lock:
            if sum(job.state in ("waiting", "running") for job in self._jobs.values()) >= WAITING:
                raise UserError(f"{WAITING} analyses are on their way already; wait for one, or cancel one.")
            job = Job(secrets.token_urlsafe(9), what)
            self._jobs[job.id] = job
            for old in [each for each in self._jobs.values() if each.state not in ("waiting", "running")][
                :-KEPT
            ]:
                del self._jobs[old.id]
        (self._readers if read else self._workers).submit(self._run, job, work)
        return job.shown(whole=False)

    def look(self, number: str) -> dict[str, Any]:
        """A job's twin, with its answer where it is done. Raises UnknownName for one that is not known (any more)."""
        job = self._job(number)
        job.looked = time.monotonic()
        return job.shown()

    def cancel(self, number: str) -> dict[str, Any]:
        """Ask a job to end; its twin."""
        job = self._job(number)
        with self._lock:
            job.stop.set()
            if job.state == "waiting":
                job.state = "cancelled"
        return job.shown(whole=False)

    def all(self) -> dict[str, Any]:
        """All jobs, newest last, without their answers."""
        with self._lock:
            return {"jobs": [job.shown(whole=False) for job in self._jobs.values()]}

    def _job(self, number: str) -> Job:
        with self._lock:
            if number not in self._jobs:
                raise UnknownName("job", number, self._jobs)
            return self._jobs[number]

    def _run(self, job: Job, work: Callable[[Job], Any]) -> None:
        with self._lock:
            if job.state != "waiting":
                return
            job.state = "running"
        try:
            job.check()
            job.answer = work(job)
            job.share, job.state = 1.0, "done"
        except Cancelled:
            job.state = "cancelled"
        except ElmanError as error:
            job.error, job.state = str(error), "failed"
        except BaseException:  # whatever it is, it ends this job alone
            log.exception("a job failed: %s", job.what)
            job.error = "This could not be computed; the terminal that runs `elman open` says why."
            job.state = "failed"


def _gently() -> None:
    """A job gives way to a training on the same machine: a thread of its own niceness, where the system has that."""
    with contextlib.suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
