"""Who may talk to the server: this machine's browser, from our own pages, in small requests.

Every page on the internet may send requests to a server on the visitor's own machine. So the Host must be ours (a foreign name that
was rebound to 127.0.0.1 still says its own), and nothing but a click on a link may come from another origin. Whoever shares the machine
does not know the key, which the first address carries and a cookie keeps.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs

from elman.report.page import _asset
from elman.web.assets import static, templates

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MOST_BYTES = 8 * 2**20  # of a request: a table that is dropped on the page
POLICY = "; ".join(
    (
        "default-src 'none'", "script-src 'self'", "style-src 'self'", "style-src-attr 'unsafe-inline'", "img-src 'self' data:",
        "connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
    )
)  # fmt: skip
# Of a page that refuses: its style stands inside it, and nothing else may be loaded, run or sent.
BARE = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
TITLES = {401: "This page needs its key", 421: "Not under this name"}
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


class Guard:
    """ASGI middleware: refuses what does not come from our own pages, bounds what is read, and sends strict headers."""

    def __init__(self, app: App, *, port: int, key: str) -> None:
        self.app, self.key, self.cookie, self.port = app, key, f"elman-{port}", port
        self.hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")}
        self.origins = {f"http://{host}" for host in self.hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        refusal = self._refusal(scope, headers)
        if refusal:
            reads = scope["method"] == "GET" and "text/html" in headers.get("accept", "")
            await (_show if reads else _say)(send, *refusal)
            return
        given = parse_qs(scope["query_string"].decode("latin-1")).get("key", [""])[0]
        extra: list[tuple[bytes, bytes]] = []
        if given:  # keep the key, and take it out of the address
            extra = [
                (b"set-cookie", f"{self.cookie}={self.key}; Path=/; HttpOnly; SameSite=Strict".encode()),
                (b"location", scope.get("raw_path", b"/").partition(b"?")[0]),
            ]
            await _say(send, 303, "", extra)
            return

        async def sending(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *_lines()]
            await send(message)

        try:
            await self.app(scope, _bounded(receive), sending)
        except TooLong:
            await _say(send, 413, _too_long())

    def _refusal(self, scope: Scope, headers: dict[str, str]) -> tuple[int, str] | None:
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        if len(hosts) != 1 or headers["host"].lower() not in self.hosts:
            return 421, (
                "This server answers to 127.0.0.1 and localhost alone. From another machine: "
                f"`ssh -L {self.port}:127.0.0.1:{self.port} YOU@MACHINE`, then open there the address that `elman open` printed."
            )
        if scope["path"].startswith(("//", "/\\")):  # browsers read both as the name of another host
            return 400, "An address begins with one slash."
        origin, site = headers.get("origin"), headers.get("sec-fetch-site", "none")
        if origin is not None and origin.lower() not in self.origins:
            return 403, "Requests from other sites are refused."
        clicked = scope["method"] == "GET" and headers.get("sec-fetch-mode") == "navigate"
        if site not in ("same-origin", "none") and not (
            clicked and headers.get("sec-fetch-dest") == "document"
        ):
            return 403, "Requests from other sites are refused."
        if scope["method"] not in ("GET", "HEAD"):
            if origin is None:
                return 403, "A request that changes or computes something needs an Origin of ours."
            if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
                return 415, "Only application/json is read."
            length = headers.get("content-length", "0")
            if not length.isdigit() or int(length) > MOST_BYTES:
                return 413, _too_long()
        if not self._knows(scope, headers):
            return 401, (
                "Open the address that `elman open` printed in its terminal: it holds the key to this page, after `?key=`. "
                "Each start makes a new one. (Cookies must be allowed.)"
            )
        return None

    def _knows(self, scope: Scope, headers: dict[str, str]) -> bool:
        given = parse_qs(scope["query_string"].decode("latin-1")).get("key", [""])[0]
        try:
            kept = SimpleCookie(headers.get("cookie", "")).get(self.cookie)
        except CookieError:
            kept = None
        return any(
            hmac.compare_digest(each.encode(), self.key.encode())
            for each in (given, kept.value if kept else "")
        )


class TooLong(Exception):
    """More came than is read."""


def _bounded(receive: Receive) -> Receive:
    """Counts what is read, since a request without a length may go on for ever."""
    seen = 0

    async def counting() -> MutableMapping[str, Any]:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > MOST_BYTES:
            raise TooLong
        return message

    return counting


def _too_long() -> str:
    return f"A request may hold {MOST_BYTES // 2**20} MiB at most."


def _lines(policy: str = POLICY) -> list[tuple[bytes, bytes]]:
    return [
        (name.encode(), value.encode())
        for name, value in (HEADERS | {"content-security-policy": policy}).items()
    ]


async def _say(send: Send, status: int, text: str, extra: list[tuple[bytes, bytes]] | None = None) -> None:
    body = json.dumps({"error": text}).encode() if text else b""
    headers = [(b"content-type", b"application/json"), *_lines(), *(extra or [])]
    if status == 413:
        headers.append((b"connection", b"close"))
    await _send(send, status, headers, body)


async def _show(send: Send, status: int, text: str) -> None:
    """A refusal for who reads it: a page that asks for nothing else, since that would be refused, too."""
    body = templates().get_template("refused.html").render(
        title=TITLES.get(status, "This request is refused"), error=text, style=_asset("report.css") + static("page.css")
    )  # fmt: skip
    headers = [(b"content-type", b"text/html; charset=utf-8"), (b"cache-control", b"no-store")]
    await _send(send, status, [*headers, *_lines(BARE)], body.encode())


async def _send(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    headers = [*headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
