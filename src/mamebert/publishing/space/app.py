"""The page and the routes of `mamebert serve` for the model in the folder beside this file."""

import os
from pathlib import Path

from mamebert.server.running import serve
from mamebert.server.settings import ServeConfig

MODEL = Path(__file__).with_name("model")


def main() -> None:
    """Answer whoever asks, until SIGTERM. PORT is 7860 where a Space is expected to answer, unless it is set."""
    host, port = os.environ.get("HOST", "0.0.0.0"), int(os.environ.get("PORT", "7860"))
    serve(ServeConfig(models={"model": MODEL}, host=host, port=port, watch_seconds=0))


if __name__ == "__main__":
    main()
