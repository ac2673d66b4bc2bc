"""Where a run happened: versions, machine, cores, load and revision, for `environment.json`."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

# Packages whose version can change a number. Read from their metadata, so that nothing is imported.
PACKAGES = (
    "elman",
    "torch",
    "numpy",
    "polars",
    "scikit-learn",
    "tokenizers",
    "safetensors",
    "lightning-fabric",
)


def environment(folder: str | Path | None = None) -> dict[str, Any]:
    """What is needed to judge, and to repeat, a measurement made now on this machine.

    `folder` is where to look for a git revision (default: the current folder). Threads and the accelerator are told
    only when torch is loaded already: this function never imports it.
    """
    facts: dict[str, Any] = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load_average": [round(value, 2) for value in os.getloadavg()] if hasattr(os, "getloadavg") else None,
        "packages": {name: version for name in PACKAGES if (version := _version(name))},
        "revision": revision(folder),
    }
    torch = sys.modules.get("torch")
    if torch is not None:
        facts["threads"] = torch.get_num_threads()
        if torch.cuda.is_available():
            facts["accelerator"] = torch.cuda.get_device_name()
    return facts


def revision(folder: str | Path | None = None) -> str | None:
    """The git commit of `folder`, with "+changes" when tracked files differ from it; None outside a repository."""
    commit = _git(folder, "rev-parse", "HEAD")
    if not commit:
        return None
    return commit + ("+changes" if _git(folder, "status", "--porcelain", "--untracked-files=no") else "")


def _git(folder: str | Path | None, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=folder, capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    """The processor's name; `platform.processor()` is empty on most Linux machines."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except (OSError, UnicodeDecodeError):
        pass
    return platform.processor() or platform.machine()
