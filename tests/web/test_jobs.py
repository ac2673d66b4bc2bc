"""Jobs: progress, answers, cancelling, crashes, limits."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from elman.core.errors import RunError, UnknownName, UserError
from elman.web import jobs as module
from elman.web.jobs import Job, Jobs

from .conftest import Server


@pytest.fixture
def jobs() -> Jobs:
    return Jobs()


def until(jobs: Jobs, number: str, *states: str) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while True:
        told = jobs.look(number)
        if told["state"] in states:
            return told
        assert time.monotonic() < deadline, told
        time.sleep(0.005)


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    made = threading.Event()
    yield made
    made.set()


def test_a_job_tells_how_far_it_is_and_then_its_answer(jobs: Jobs, gate: threading.Event) -> None:
    def work(told: Job) -> Any:
        told(0.4, "half of it")
        gate.wait(10)
        return {"found": 3}

    number = jobs.begin("a test", work)["job"]
    while (told := jobs.look(number))["share"] < 0.4:
        time.sleep(0.005)
    assert told["state"] == "running" and told["words"] == "half of it" and told["answer"] is None
    gate.set()
    assert until(jobs, number, "done")["answer"] == {"found": 3}


def test_a_running_job_ends_where_it_is_told(jobs: Jobs) -> None:
    count = [0]

    def work(told: Job) -> None:
        while True:
            count[0] += 1
            told.check()
            time.sleep(0.001)

    number = jobs.begin("for ever", work)["job"]
    until(jobs, number, "running")
    jobs.cancel(number)
    until(jobs, number, "cancelled")
    seen = count[0]
    time.sleep(0.03)
    assert count[0] == seen


def test_a_waiting_job_that_is_cancelled_never_starts(jobs: Jobs, gate: threading.Event) -> None:
    began = []
    for _ in range(module.AT_ONCE):
        jobs.begin("in the way", lambda told: gate.wait(10))
    number = jobs.begin("never", lambda told: began.append(1))["job"]
    jobs.cancel(number)
    assert jobs.look(number)["state"] == "cancelled"
    gate.set()
    other = jobs.begin("after", lambda told: 1)["job"]
    until(jobs, other, "done")
    assert not began


def test_a_job_that_nobody_looks_at_ends(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FORGOTTEN", 0.05)

    def work(told: Job) -> None:
        while True:
            told.check()
            time.sleep(0.005)

    jobs.begin("forgotten", work)
    deadline = time.monotonic() + 60
    while (job := jobs.all()["jobs"][0])["state"] != "cancelled":  # which looks at none of them
        assert time.monotonic() < deadline, job
        time.sleep(0.005)


def test_errors_are_told_and_end_the_job_alone(jobs: Jobs) -> None:
    def mistake(told: Job) -> None:
        raise RunError("no such thing.")

    def crash(told: Job) -> None:
        raise MemoryError("deliberate")

    first, second = jobs.begin("a mistake", mistake)["job"], jobs.begin("a crash", crash)["job"]
    assert until(jobs, first, "failed")["error"] == "no such thing."
    assert "terminal" in until(jobs, second, "failed")["error"]
    assert until(jobs, jobs.begin("after", lambda told: 5)["job"], "done")["answer"] == 5


def test_jobs_are_bounded(jobs: Jobs, gate: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAITING", 3)
    monkeypatch.setattr(module, "KEPT", 2)
    for _ in range(3):
        jobs.begin("in the way", lambda told: gate.wait(10))
    with pytest.raises(UserError, match="on their way"):
        jobs.begin("too many", lambda told: None)
    gate.set()
    for job in jobs.all()["jobs"]:
        until(jobs, job["job"], "done")
    jobs.begin("after", lambda told: None)
    assert len(jobs.all()["jobs"]) == 3


def test_over_the_server(server: Server) -> None:
    assert "jobs" in server.json("/jobs.json")
    for path in ("/jobs/none.json", "/jobs/..%2f..%2fsecret.json"):
        assert server.ask(path)[0] == 404
    assert server.ask("/jobs/none/cancel", {})[0] == 404
    assert server.ask("/jobs/none/cancel", {}, Origin="http://evil.example")[0] == 403


def test_an_unknown_job_is_refused(jobs: Jobs) -> None:
    with pytest.raises(UnknownName):
        jobs.look("none")
