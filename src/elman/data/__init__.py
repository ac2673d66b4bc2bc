"""Sequences as they come: one file per source under `sources/`, each describing itself."""
