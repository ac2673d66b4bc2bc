"""A run in a notebook: the pages of `elman open`, with the kernel as their server."""

from __future__ import annotations

import functools
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from elman.core.errors import ElmanError, MissingExtra, UnknownName, UserError
from elman.run import Run
from elman.web import frozen
from elman.web.assets import static
from elman.web.frame import AT_ONCE, Frame
from elman.web.server import pages
from elman.web.shelf import Shelf


def view(run: Run | str | Path, page: str = "play", *, height: int = 680) -> Any:
    """A run's page as a widget, those beside it in its menu: type at it, step through its cell, change it.

    `page` is the one it begins with, `height` in pixels. Without a kernel, or before one answers, it shows the run's verdict, a
    sequence and the findings as they were when the cell ran. Raises RunError for what is no run, UnknownName for a page that is not
    there, MissingExtra without the extra `notebook`.
    """
    run = Run.open(run)
    if page not in pages():
        raise UnknownName("page", page, pages())
    if type(height) is not int or not 100 <= height <= 10_000:
        raise UserError(f"height is {height!r}; expected 100 to 10,000 pixels.")
    shelf = Shelf(run.folder.resolve().parent, run.name)
    return _widget()(shelf, run.name, page, height)


@functools.cache
def _widget() -> Any:
    """The widget's class, made when first asked for: anywidget comes with an extra."""
    try:
        import anywidget
        from traitlets import Int, Unicode
    except ImportError:
        raise MissingExtra("anywidget", "a view in a notebook", "notebook") from None

    class View(anywidget.AnyWidget):
        """A frame with a page; its questions come as messages, and each is answered by one."""

        _esm = static("widget.js")
        title = Unicode().tag(sync=True)
        path = Unicode().tag(sync=True)
        frozen = Unicode().tag(sync=True)
        height = Int().tag(sync=True)

        def __init__(self, shelf: Shelf, name: str, page: str, height: int) -> None:
            self._frame, self._workers = Frame(shelf), ThreadPoolExecutor(AT_ONCE, "view")
            self._fragment, self._words = frozen.frozen(shelf.subject(name)), f"elman.view({name!r})"
            super().__init__(
                title=f"elman: {name}",
                path=f"{shelf.subject(name).address}/{page}",
                height=height,
                frozen=frozen.document(self._fragment),
            )
            self.on_msg(lambda _, message, __: self._workers.submit(self._answer, message))

        def _answer(self, message: Any) -> None:
            self.send(answer(self._frame, message))

        def _repr_mimebundle_(self, **options: Any) -> Any:
            found: Any = super()._repr_mimebundle_(**options)
            return {**found[0], "text/plain": self._words, "text/html": self._fragment}, found[1]

        def __repr__(self) -> str:
            return self._words

    return View


def answer(frame: Frame, message: Any) -> dict[str, Any]:
    """The answer to a message of the widget: a page ({"kind": "page", "path"}) or an answer to a script ({"kind": "ask", ...})."""
    given = message if isinstance(message, dict) else {}
    told = {"own": given.get("own"), "kind": given.get("kind"), "id": given.get("id")}
    path, body = given.get("path"), given.get("body") or ""
    try:
        if not isinstance(path, str) or not path.startswith("/") or not isinstance(body, str):
            raise UserError("a message names a path that begins with a slash.")
        if given.get("kind") == "page":
            kept = given.get("kept") if isinstance(given.get("kept"), dict) else {}
            return told | {"status": 200, "text": frame.document(path, kept)}
        method = "POST" if given.get("method") == "POST" else "GET"
        status, text = frame.ask(method, path, body)
        return told | {"status": status, "text": text}
    except ElmanError as error:
        return told | {"kind": "ask", "status": 400, "text": json.dumps({"error": str(error)})}
