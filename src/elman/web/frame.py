"""The pages in a frame of their own, without a server: whole documents, and answers to what their scripts ask.

A document holds everything it needs: styles, and the same ES modules as the page of `elman open`, under names that an import map
gives them. Its frame has no origin (sandbox) and may load nothing (policy), so what stands in it can reach neither the notebook
around it nor the network; it asks by messages.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import unquote

from elman.core.errors import UserError
from elman.web.assets import inline, modules, static
from elman.web.guard import MOST_BYTES
from elman.web.server import answering
from elman.web.shelf import Shelf

AT_ONCE = 4  # requests that are answered at the same time
POLICY = "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'"
STYLE = re.compile(r'<link rel="stylesheet" href="([^"]+)">')
SCRIPT = re.compile(r'<script type="module" src="/static/([\w-]+\.js)"></script>')
ICON = '<link rel="icon" href="/static/icon.svg">\n'


class Frame:
    """The server of the page, asked from inside this process."""

    def __init__(self, shelf: Shelf) -> None:
        self._answers = answering(shelf)
        self._workers = ThreadPoolExecutor(AT_ONCE, "frame")  # a notebook's own thread has a loop already

    def ask(self, method: str, path: str, body: str = "") -> tuple[int, str]:
        """One request: its status and its text. Follows no redirect but says where it leads."""
        if len(body) > MOST_BYTES:
            return 413, json.dumps({"error": f"A request may hold {MOST_BYTES // 2**20} MiB at most."})
        status, headers, content = self._workers.submit(self._asked, method, path, body.encode()).result()
        return status, headers.get("location", "") if 300 <= status < 400 else content.decode()

    def _asked(self, method: str, path: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        return asyncio.run(self._ask(method, path, body))

    async def _ask(self, method: str, path: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        told: list[Any] = []
        given = False

        async def receive() -> dict[str, Any]:
            nonlocal given
            if given:  # whoever waits for the asker to hang up waits until the answer is there
                await asyncio.Event().wait()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            told.append(message)

        scope: dict[str, Any] = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "path": unquote(path), "root_path": "",
            "raw_path": path.encode(), "query_string": b"", "scheme": "http", "headers": [], "client": None, "server": None,
        }  # fmt: skip
        await self._answers(scope, receive, send)
        headers = {name.decode(): value.decode() for name, value in told[0].get("headers", [])}
        return told[0]["status"], headers, b"".join(one.get("body", b"") for one in told[1:])

    def document(self, path: str, kept: dict[str, str] | None = None) -> str:
        """A page as one document that needs nothing else; `kept` is what its scripts remember of other pages.

        Raises UserError for a page that is not there.
        """
        status, text = self.ask("GET", path)
        while 300 <= status < 400:
            path = text
            status, text = self.ask("GET", path)
        if status != 200:
            raise UserError(f"there is no page at {path}.")
        nonce = secrets.token_urlsafe(18)
        tag = f'<script nonce="{nonce}"'
        facts = inline(json.dumps({"path": path, "kept": kept or {}}))
        head = (
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY.format(nonce=nonce)}">\n'
            f"{tag}>const FRAME = {facts};\n{static('frame.js')}</script>\n"
            f'{tag} type="importmap">{modules()}</script>\n'
        )
        text = SCRIPT.sub(lambda found: f'{tag} type="module">import "elman/{found[1]}";</script>', text)
        text = STYLE.sub(lambda found: f"<style>{self.ask('GET', found[1])[1]}</style>", text)
        return text.replace(ICON, "").replace("<head>\n", f"<head>\n{head}", 1)
