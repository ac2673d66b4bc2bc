"""Make the gallery: docs/gallery.md and its pictures, from networks trained for it. python docs/gallery [--data FOLDER] [NAMES ...]"""

from __future__ import annotations

import argparse
import importlib
import time
from pathlib import Path

from page import page

DOCS = Path(__file__).resolve().parent.parent
ORDER = ("imdb", "characters", "memories", "flip_flop", "syllables", "opened")
LARGEST = 200_000  # bytes of a picture


def main() -> None:
    """Make the named pictures, all where none is named, and the page."""
    parser = argparse.ArgumentParser(prog="python docs/gallery", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(ORDER)}; all where none is named"
    )
    parser.add_argument("--data", type=Path, help="folder of local data sets")
    options = parser.parse_args()
    if unknown := set(options.names) - set(ORDER):
        parser.error(f"no picture is called {', '.join(sorted(unknown))}; there are {', '.join(ORDER)}")
    images, target = DOCS / "images" / "gallery", DOCS / "gallery.md"
    images.mkdir(parents=True, exist_ok=True)
    for name in options.names or ORDER:
        began = time.perf_counter()
        entry = importlib.import_module(name).show(options.data, images)
        for picture, _ in entry.pictures:
            size = (images / picture).stat().st_size
            if size > LARGEST:
                raise SystemExit(f"{picture} has {size:,} bytes; at most {LARGEST:,}")
        before = target.read_text(encoding="utf-8") if target.exists() else ""
        target.write_text(page({name: entry}, ORDER, before), encoding="utf-8")
        print(f"{name}: {time.perf_counter() - began:.0f} s. {entry.seen} {entry.control}", flush=True)


if __name__ == "__main__":
    main()
