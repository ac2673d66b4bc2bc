"""The server of the page: addresses, answers and errors; one process, one folder of runs, this machine alone."""

from __future__ import annotations

import functools
import json
import logging
import secrets
import socket
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from elman.core.catalogue import catalogue
from elman.core.errors import ElmanError, UnknownName, UserError
from elman.core.files import plain
from elman.report.page import _asset
from elman.web import long, strip, tour
from elman.web.assets import HERE, templates
from elman.web.guard import Guard, TooLong
from elman.web.jobs import Job, Jobs
from elman.web.pages.contract import Page
from elman.web.shelf import Shelf
from elman.web.subject import Subject

LOOPBACK = ("127.0.0.1", "localhost", "::1")
PLACES = ("runs", "models")  # the first parts of addresses of what can be looked at
PORTS = 20  # tried one after the other where the first is taken
Find = Callable[[Request], Subject]
log = logging.getLogger("elman.web")


@functools.cache
def pages() -> dict[str, Page]:
    """All pages by name, in the order of the navigation."""
    found = {name: import_module(entry.module).page for name, entry in catalogue("web.pages").items()}
    return dict(sorted(found.items(), key=lambda one: one[1].place))


def application(shelf: Shelf, *, port: int, key: str) -> Guard:
    """The whole server behind its guard."""
    return Guard(answering(shelf), port=port, key=key)


def answering(shelf: Shelf) -> Starlette:
    """The whole server without its guard, for who asks from inside this process."""
    jobs = Jobs()
    routes = [
        Route("/", _answer(lambda request: _front(shelf)), methods=["GET"]),
        Mount("/static", StaticFiles(directory=HERE / "static")),
        Route("/style/report.css", _report_style, methods=["GET"]),
        Route("/jobs.json", _answer(lambda request: jobs.all()), methods=["GET"]),
        Route(
            "/jobs/{job}.json",
            _answer(lambda request: jobs.look(request.path_params["job"])),
            methods=["GET"],
        ),
        Route(
            "/jobs/{job}/cancel",
            _answer(lambda request: jobs.cancel(request.path_params["job"])),
            methods=["POST"],
        ),
        *(route for place in PLACES for route in _routes(shelf, jobs, place)),
    ]
    return Starlette(routes=routes, exception_handlers={404: _nowhere})


def _routes(shelf: Shelf, jobs: Jobs, place: str) -> list[Route]:
    """The addresses of what stands at /PLACE/NAME."""
    at, find = f"/{place}/{{name}}", functools.partial(_subject, shelf, place)
    ask = _answer(functools.partial(_ask, find, jobs))
    return [
        Route(f"{at}/strip/{{ask}}", ask, methods=["POST"]),
        Route(
            f"{at}/tour.json", _answer(lambda request: {"steps": tour.steps(find(request))}), methods=["GET"]
        ),
        Route(f"{at}/{{page}}.json", _answer(functools.partial(_twin, find)), methods=["GET"]),
        Route(f"{at}/{{page}}", _answer(functools.partial(_page, find)), methods=["GET"]),
        Route(f"{at}/{{page}}/{{ask}}", ask, methods=["POST"]),
    ]


def listen(host: str, port: int | None) -> socket.socket:
    """A socket on this machine alone. Raises UserError for another address, with the way to reach this one from there."""
    if host not in LOOPBACK:
        wanted = port or 8321
        raise UserError(
            f"the page has no password for the internet and answers to this machine alone, not to {host}. From another one: "
            f"ssh -L {wanted}:127.0.0.1:{wanted} YOU@THIS_MACHINE, then open the printed address there."
        )
    if port is not None and not 0 <= port < 2**16:
        raise UserError(f"port is {port}; expected 0 to 65535, 0 for any that is free.")
    family = socket.AF_INET6 if host == "::1" else socket.AF_INET
    tried = [port] if port is not None else list(range(8321, 8321 + PORTS))
    for number in tried:
        held = socket.socket(family, socket.SOCK_STREAM)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            held.bind(("127.0.0.1" if host == "localhost" else host, number))
        except OSError as error:
            held.close()
            reason = error.strerror
            continue
        held.listen(128)
        return held
    asked = f"port {port}" if port is not None else f"any port from {tried[0]} to {tried[-1]}"
    raise UserError(
        f"{asked} cannot be used ({reason}). Name another: --port 9000, or 0 for any that is free."
    )


def serve(shelf: Shelf, held: socket.socket, key: str) -> None:
    """Answer until interrupted."""
    app = application(shelf, port=held.getsockname()[1], key=key)
    settings = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, date_header=False, lifespan="off",
        timeout_graceful_shutdown=2, limit_concurrency=256, ws="none",
    )  # fmt: skip
    uvicorn.Server(settings).run(sockets=[held])


def new_key() -> str:
    """What the address carries, so that nobody else on this machine can use the page."""
    return secrets.token_urlsafe(18)


def _answer(made: Any) -> Any:
    """An endpoint that runs in a thread; what goes wrong is told in one sentence and ends one request alone."""

    async def endpoint(request: Request) -> Response:
        try:
            body = await _body(request) if request.method == "POST" else {}
            request.state.body = body
            found = await run_in_threadpool(made, request)
            return found if isinstance(found, Response) else _json(found)
        except TooLong:
            raise  # the guard answers
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to hear it
        except UnknownName as error:
            return _wrong(request, str(error), 404)
        except ElmanError as error:
            return _wrong(request, str(error), 400 if isinstance(error, UserError) else 500)
        except Exception:
            log.exception("a request could not be answered: %s", request.url.path)
            return _wrong(
                request, "This could not be answered; the terminal that runs `elman open` says why.", 500
            )

    return endpoint


def _wrong(request: Request, error: str, status: int) -> Response:
    """What went wrong: JSON to a script, and to who reads a page's JSON twin; to a reader a page with a way back."""
    if request.method != "GET" or request.url.path.endswith(".json"):
        return _json({"error": error}, status)
    title = "There is no such page" if status == 404 else "This page cannot be shown"
    text = templates().get_template("lost.html").render(title=title, error=error)
    return HTMLResponse(text, status, headers={"cache-control": "no-store"})


async def _nowhere(request: Request, _: Exception) -> Response:
    return _wrong(request, f"nothing stands at {request.url.path}.", 404)


async def _body(request: Request) -> Mapping[str, Any]:
    try:
        body = json.loads(await request.body() or b"{}")
    except (ValueError, RecursionError):
        raise UserError("the request is not JSON.") from None
    if not isinstance(body, dict):
        raise UserError("the request is not a JSON object.")
    return body


def _json(value: Any, status: int = 200) -> Response:
    text = json.dumps(plain(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Response(text.encode(errors="replace"), status, {"cache-control": "no-store"}, "application/json")


def _front(shelf: Shelf) -> Response:
    first = shelf.front()
    if first is None:
        text = templates().get_template("empty.html").render(place=shelf.place)
        return HTMLResponse(text, headers={"cache-control": "no-store"})
    return RedirectResponse(f"{first}/{next(iter(pages()))}", 303)


def _known(name: str) -> Page:
    if name not in pages():
        raise UnknownName("page", name, pages())
    return pages()[name]


def _subject(shelf: Shelf, place: str, request: Request) -> Subject:
    return shelf.at(place, request.path_params["name"])


def _twin(find: Find, request: Request) -> dict[str, Any]:
    page, subject = _known(request.path_params["page"]), find(request)
    return _absent(subject, page) if page.needs in subject.missing else page.shown(subject)


def _page(find: Find, request: Request) -> Response:
    which = request.path_params["page"]
    page, subject = _known(which), find(request)
    there = page.needs not in subject.missing
    shown = page.shown(subject) if there else _absent(subject, page)
    script, style = (there and (HERE / "static" / f"{which}.{kind}").exists() for kind in ("js", "css"))
    text = templates().get_template(f"{which}.html" if there else "absent.html").render(
        page=which, pages=list(pages()), script=script, style=style, name=subject.name, title=subject.title, base=subject.address,
        beside=subject.shelf.beside(subject), task=subject.task, kind=subject.kind, missing=subject.missing, given=bool(subject.given), shown=shown, start=plain(shown),
    )  # fmt: skip
    return HTMLResponse(text, headers={"cache-control": "no-store"})


def _absent(subject: Subject, page: Page) -> dict[str, Any]:
    """Why a page is not there, which are, and where it is: with the runs beside."""
    works = [name for name, each in pages().items() if each.needs not in subject.missing]
    return {"absent": subject.missing[page.needs], "works": works, "runs": subject.shelf.names()}


def _ask(find: Find, jobs: Jobs, request: Request) -> dict[str, Any]:
    which = request.path_params.get("page", "strip")
    ask, body = request.path_params["ask"], request.state.body
    asks = strip.ASKS if which == "strip" else _known(which).asks
    apart = {} if which == "strip" else _known(which).jobs
    if ask in apart:
        subject = find(request)
        return jobs.begin(f"{ask} of {subject.title}", lambda job: plain(apart[ask](subject, body, job)))
    if ask not in asks:
        raise UnknownName("question", ask, [*asks, *apart])
    subject, works = find(request), strip.WORK if which == "strip" else _known(which).work
    cost = long.cost(subject, body, works[ask]) if ask in works else None
    work: Callable[[Job], Any]
    if cost is not None:
        work = functools.partial(long.answered, subject, body, asks[ask], cost)
    else:
        found = asks[ask](subject, body)
        if not isinstance(found, long.Rest):
            return found
        work = functools.partial(long.whole, found)
    return jobs.begin(f"{ask} of {subject.title}", lambda job: plain(work(job)), read=True)


async def _report_style(request: Request) -> Response:
    return Response(_asset("report.css"), media_type="text/css")
