"""What every process of a test runs, under torchrun or alone: `mamebert pretrain` for each JSON file it is given.

Beside its settings a file says `stop_after`, a step after whose snapshot the processes leave, and `mistake`, what
the last process meets before its first step. Saved models are not proved in a fresh process, which takes seconds.
"""

import json
import os
import re
import sys
from pathlib import Path

from mamebert.cli import main
from mamebert.errors import UserError
from mamebert.stages.pretrain import pretraining
from mamebert.stages.pretrain.recovery import Recovery
from mamebert.stages.pretrain.steps import PretrainingSteps

take, steps = Recovery.take, PretrainingSteps.__iter__


def memory_of(name: str) -> dict[str, int]:
    """Return the kB of a file's mapping in this process by kind, as Linux tells; empty where there is none."""
    sections = re.split(r"\n(?=[0-9a-f]+-[0-9a-f]+ )", Path("/proc/self/smaps").read_text())
    found = [section for section in sections if name in section.splitlines()[0]]
    return {kind: int(size) for section in found for kind, size in re.findall(r"(\w+): +(\d+) kB", section)}


def run(file: str) -> None:
    asked = json.loads(Path(file).read_text())

    def take_and_leave(self, count, watch):
        take(self, count, watch)
        Path(file).with_name(f"table-{self.processes.rank}.json").write_text(json.dumps(memory_of("table.tmp")))
        if count.step and count.step == asked["stop_after"]:
            self.folder.wait()
            raise SystemExit(0)

    def steps_with_a_mistake(self):
        if asked["mistake"] and self.processes.rank == self.processes.count - 1:
            raise UserError(asked["mistake"])
        yield from steps(self)

    Recovery.take, PretrainingSteps.__iter__ = take_and_leave, steps_with_a_mistake
    sys.argv = ["mamebert", "pretrain", file]
    try:
        main()
    except SystemExit as end:
        if end.code:
            raise


if __name__ == "__main__":
    pretraining.verify = lambda folders: {str(folder): 0.0 for folder in folders}
    Path(sys.argv[1]).with_name("pid-" + os.environ.get("RANK", "0")).write_text(str(os.getpid()))
    for file in sys.argv[1:]:
        run(file)
