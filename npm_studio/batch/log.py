"""``log.jsonl`` of a batch: one line whenever a task is begun or has ended, of all starts one after the other."""

import json
from datetime import UTC, datetime
from pathlib import Path

FILE = "log.jsonl"


class BatchLog:
    """Appends lines; knows which tasks were begun before in this start."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._attempts: dict[str, set[str]] = {}

    def begun(self, task: str, worker: str, attempt: str) -> bool:
        """Of an attempt that may have been told already; whether it is another one of a task begun before."""
        attempts = self._attempts.setdefault(task, set())
        if attempt in attempts:
            return False
        attempts.add(attempt)
        self._write(task=task, event="begun", worker=worker)
        return len(attempts) > 1

    def ended(self, task: str, state: str, worker: str, reason: str = "") -> None:
        """``state`` of the outcome, and why it has failed."""
        self._write(task=task, event=state, worker=worker, **({"reason": reason} if reason else {}))

    def _write(self, **facts: str) -> None:
        line = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), **facts}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
