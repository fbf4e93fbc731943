"""What the server tells on stderr: a line of JSON for each event, never with the text of a request."""

import json
import sys
from datetime import UTC, datetime
from typing import Any


def tell(event: str, **more: Any) -> None:
    """Print an event with its time."""
    line = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, **more}
    try:
        print(json.dumps(line), file=sys.stderr, flush=True)
    except (OSError, ValueError):  # whoever read it has gone: answers go on
        return
