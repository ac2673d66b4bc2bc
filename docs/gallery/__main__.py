"""Make the gallery: docs/gallery.md, its numbers and pictures, from networks trained for it. python docs/gallery [--data FOLDER] [NAMES ...]"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import time
from pathlib import Path

from page import ORDER, page

DOCS = Path(__file__).resolve().parent.parent
FACTS = DOCS / "gallery" / "facts.json"
LARGEST = 200_000  # bytes of a picture


def main() -> None:
    """Make the named sections, all where none is named, and write the page from what is then known of each."""
    parser = argparse.ArgumentParser(prog="python docs/gallery", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(ORDER)}; all where none is named"
    )
    parser.add_argument("--data", type=Path, help="folder of local data sets")
    parser.add_argument(
        "--words", action="store_true", help="measure nothing; write the page from facts.json"
    )
    options = parser.parse_args()
    if unknown := set(options.names) - set(ORDER):
        parser.error(f"no section is called {', '.join(sorted(unknown))}; there are {', '.join(ORDER)}")
    if options.words:
        (DOCS / "gallery.md").write_text(
            page(json.loads(FACTS.read_text(encoding="utf-8"))), encoding="utf-8"
        )
        return
    images = DOCS / "images" / "gallery"
    images.mkdir(parents=True, exist_ok=True)
    made = json.loads(FACTS.read_text(encoding="utf-8")) if options.names and FACTS.exists() else {}
    for name in options.names or ORDER:
        began = time.perf_counter()
        module = importlib.import_module(name)
        facts = json.loads(json.dumps(module.measure(options.data, images)))
        entry = module.entry(facts)
        drawn = {picture: (images / picture).read_bytes() for picture, _ in entry.pictures}
        for picture, content in drawn.items():
            if len(content) > LARGEST:
                raise SystemExit(f"{picture} has {len(content):,} bytes; at most {LARGEST:,}")
        hashes = {picture: hashlib.sha256(content).hexdigest() for picture, content in drawn.items()}
        made[name] = {"facts": facts, "commands": list(entry.commands), "pictures": hashes}
        FACTS.write_text(json.dumps(made, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        (DOCS / "gallery.md").write_text(page(made), encoding="utf-8")
        print(f"{name}: {time.perf_counter() - began:.0f} s. {entry.seen} {entry.control}", flush=True)


if __name__ == "__main__":
    main()
