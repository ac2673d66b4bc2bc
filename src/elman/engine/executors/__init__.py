"""One file per way to run a cell over time."""
