"""Runs a cell over time. Executors are interchangeable; `plan` says which ran and why the others did not."""
