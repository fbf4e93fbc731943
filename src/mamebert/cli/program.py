"""The program: a command from its first word to its exit code."""

import errno
import os
import signal
import sys

from mamebert import stages
from mamebert.cli.commands import app
from mamebert.errors import UserError, printable
from mamebert.ranks import num_processes
from mamebert.streams import all_written, make_ready
from mamebert.training.interruption import Stopped, exit_on_sigterm


def _tell_end(how: object) -> None:
    if num_processes() > 1:
        from mamebert.training.followers import claims_the_message

        if not claims_the_message():
            return
    for line in printable(str(how)).splitlines():
        print(f"mamebert: {line}", file=sys.stderr, flush=True)


def _lost_another(error: Exception) -> bool:
    from mamebert.training.followers import lost_a_process

    return lost_a_process(error)


def main() -> None:
    """Run a command; a user's mistake is one sentence and exit code 2, Ctrl-C is 130, SIGTERM is 0 where it can go on.

    A closed pipe is 141 (128 and the number of SIGPIPE), as for other programs, and SIGTERM 143 where it cannot go on.
    """
    # Waiting threads that spin take the cores from whoever works.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if num_processes() > 1:
        # Every process would warn that DDP looked for unused parameters and found none.
        os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    make_ready()
    try:
        with exit_on_sigterm(), all_written():
            app()
    except UserError as error:
        _tell_end(error)
        sys.exit(2)
    except OSError as error:
        if error.filename is None and error.errno != errno.ENOSPC:
            raise
        _tell_end(f"{error.filename or 'Something written'}: {error.strerror}. Fix that, or give another path.")
        sys.exit(2)
    except Exception as error:
        if num_processes() == 1 or not _lost_another(error):
            raise
        _tell_end("Another process has ended. Start the same command again: it goes on.")
        sys.exit(2)
    except SystemExit as end:
        if end.code == 130 or isinstance(end, Stopped):  # 130 is what typer makes of a KeyboardInterrupt
            _tell_end(f"stopped.{' Start the same command again and it goes on.' if _goes_on() else ''}")
        if isinstance(end, Stopped) and not _goes_on():
            sys.exit(128 + signal.SIGTERM)
        raise


def _goes_on() -> bool:
    """Tell whether the command keeps what it has done and goes on from there."""
    command = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    return command == "run" or command in stages.names()
