"""TensorBoard events beside metrics.jsonl."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any


class Events:
    """Writes every number of a row under its name; the writer is imported when the first row comes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.writer: Any = None

    def write(self, row: dict[str, Any]) -> None:
        """One row of metrics.jsonl."""
        if self.writer is None:
            from tensorboard.compat.proto.event_pb2 import Event
            from tensorboard.compat.proto.summary_pb2 import Summary
            from tensorboard.summary.writer.event_file_writer import EventFileWriter

            self.writer, self.event, self.summary = EventFileWriter(str(self.folder)), Event, Summary
        values = [
            self.summary.Value(tag=name, simple_value=float(value))
            for name, value in row.items()
            if isinstance(value, (int, float)) and name != "step"
        ]
        self.writer.add_event(
            self.event(step=row["step"], wall_time=time.time(), summary=self.summary(value=values))
        )

    def close(self) -> None:
        """Flush what is written."""
        if self.writer is not None:
            self.writer.close()
