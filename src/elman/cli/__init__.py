"""One file per verb: parse, call the workbench, print."""
