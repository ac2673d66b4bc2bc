"""The processes that follow a training: started before its first step, gone after its last."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from elman.core.errors import MissingExtra, RunError
from elman.core.recipe import TrainingOptions

READY = "ready"
PATIENCE = 30.0  # seconds that a process has to end by itself


@contextmanager
def followers(folder: Path, options: TrainingOptions, resume: bool = False) -> Iterator[None]:
    """Start all processes but this one (`python -m elman.follow FOLDER`), each with the data of the run in `folder`.

    Nothing at all for one process. Raises RunError with what it said last where one of them dies, MissingExtra without Fabric.
    """
    if options.processes <= 1:
        yield
        return
    try:
        import lightning_fabric  # noqa: F401
    except ImportError:
        raise MissingExtra("lightning-fabric", "several processes", "fabric") from None
    here = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port()), "NODE_RANK": "0"}
    command = [sys.executable, "-m", "elman.follow", str(folder), *(["--resume"] if resume else [])]
    before = {name: os.environ.get(name) for name in (*here, "LOCAL_RANK")}
    started: list[tuple[subprocess.Popen[str], IO[Any]]] = []
    ended = False
    try:
        for rank in range(1, options.processes):
            said: IO[Any] = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115
            environment = {**os.environ, **here, "LOCAL_RANK": str(rank)}
            process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
            )
            started.append((process, said))
        for process, said in started:
            assert process.stdout is not None
            # Joining before all are there would wait without end for one that has died.
            if not any(line.strip() == READY for line in process.stdout):
                raise _died(process, said)
        os.environ.update(here, LOCAL_RANK="0")
        try:
            yield
            ended = True
        except RuntimeError:
            for process, said in started:
                if process.poll():
                    raise _died(process, said) from None
            raise
    finally:
        _leave(started, before, PATIENCE if ended else 0.0)


def _leave(
    started: list[tuple[subprocess.Popen[str], IO[Any]]], before: dict[str, str | None], seconds: float
) -> None:
    """No process and no process group stays, and the environment is as it was."""
    import torch

    for process, said in started:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
        said.close()
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _died(process: subprocess.Popen[str], said: IO[Any]) -> RunError:
    process.wait(PATIENCE)
    said.seek(0)
    last = ([line.strip() for line in said.read().splitlines() if line.strip()] or ["nothing"])[-1]
    return RunError(
        f"a training process ended with status {process.returncode}; the last it said: {last}. Try --processes 1."
    )


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
