"""What a fit reports, kept as a file beside its result."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.core.errors import Notice
from engine.core.progress import ForwardedProgress, Progress


class LoggedProgress(ForwardedProgress):
    """Passes everything on to another listener and keeps metrics and messages as lines of JSON."""

    def __init__(self, inner: Progress, path: Path) -> None:
        super().__init__(inner)
        self._path, self._stage = path, ""

    def stage(self, name: str, total: int) -> None:
        self._stage = name
        super().stage(name, total)

    def advance(self, done: int, metrics: Mapping[str, float] | None = None) -> None:
        if metrics:
            self._write({"stage": self._stage, "step": done, **metrics})
        super().advance(done, metrics)

    def message(self, text: str) -> None:
        self._write({"stage": self._stage, "message": text})
        super().message(text)

    def notice(self, notice: Notice) -> None:
        self._write({"stage": self._stage, "message": str(notice)})
        super().notice(notice)

    def _write(self, line: dict[str, Any]) -> None:
        with self._path.open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")
