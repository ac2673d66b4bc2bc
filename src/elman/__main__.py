"""`elman VERB ...`, and Ctrl-C at any moment of it: nothing is imported before somebody waits for that."""

import signal
import sys
from types import FrameType


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status: 0 done, 1 failed, 2 the user's mistake, 130 interrupted."""
    arguments = sys.argv[1:] if arguments is None else arguments
    pressed = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        pressed.append(number)
        signal.default_int_handler(number, frame)

    ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    try:
        if ours:
            signal.signal(signal.SIGINT, interrupt)
        from elman.cli._command import run

        return run(arguments)
    except (KeyboardInterrupt, Exception) as error:
        # A library whose import is cut off may raise anything in the place of KeyboardInterrupt.
        if not pressed and not isinstance(error, KeyboardInterrupt):
            raise
        print(" ".join(["elman", *arguments[:1]]) + ": interrupted.", file=sys.stderr)
        return 130
    finally:
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)


if __name__ == "__main__":
    sys.exit(main())
