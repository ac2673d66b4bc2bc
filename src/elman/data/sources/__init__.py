"""One file per source; each holds one `source = Source(...)`."""
