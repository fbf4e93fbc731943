"""`mamebert`, and `python -m mamebert`: whatever moment it is stopped at, it ends without a traceback."""

import signal
import sys


def main() -> None:
    """Import the command line, which takes a moment, and run it."""
    try:
        from mamebert.cli import main as work

        work()
    except KeyboardInterrupt:
        print("mamebert: stopped.", file=sys.stderr)
        sys.exit(130)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # nothing is left to do that could be told of


if __name__ == "__main__":
    main()
