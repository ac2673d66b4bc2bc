"""`elman VERB ...`, and Ctrl-C at any moment of it: nothing is imported before somebody waits for that."""

import sys


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status: 0 done, 1 failed, 2 the user's mistake, 130 interrupted."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        from elman.cli._command import run

        return run(arguments)
    except KeyboardInterrupt:
        print(" ".join(["elman", *arguments[:1]]) + ": interrupted.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
