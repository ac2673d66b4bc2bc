"""Let a language model write: temperature, prompt, seed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from elman.cli._flags import parse


@dataclass(frozen=True)
class Generate:
    """Let a language model write."""

    run: Annotated[Path, tyro.conf.Positional]
    prompt: str = "\n"
    length: int = 500  # tokens
    temperature: float = 0.8  # 0 takes the most probable token
    top_k: int | None = None
    seed: int | None = None


def main(arguments: list[str]) -> int:
    """Run the verb."""
    options = parse(Generate, arguments, "generate")
    from elman.generation import generate
    from elman.run import Run

    settings = {name: getattr(options, name) for name in ("length", "temperature", "top_k", "seed")}
    print(generate(Run.open(options.run), options.prompt, **settings))
    return 0
