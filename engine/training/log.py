"""Metrics and pictures of a training: ``log.jsonl`` and TensorBoard event files beside the model."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TextIO

import numpy as np
from lightning_fabric.loggers.tensorboard import TensorBoardLogger
from numpy.typing import NDArray

from engine.core.errors import InputError, Setting, remedy

_log = logging.getLogger(__name__)

try:
    import fcntl as _fcntl
except ImportError:  # not on Windows
    _fcntl = None  # type: ignore[assignment]


class TrainingLog:
    """Adds lines to ``log.jsonl`` and events to ``tensorboard/``; silent without a folder.

    While it is open no other training can write to the folder, as far as the system tells one of the other.
    """

    def __init__(self, folder: Path | None, stage: str) -> None:
        """
        Args:
            folder: ``NAME.training``; None in processes that don't write.

        Raises:
            InputError: another training writes there.
        """
        self._stage = stage
        self._lines = None
        if folder is None:
            return
        folder.mkdir(parents=True, exist_ok=True)
        self._lines = (folder / "log.jsonl").open("a", encoding="utf-8")
        _claim(self._lines, folder)
        self._board = TensorBoardLogger(folder, name="tensorboard", version="")

    def __enter__(self) -> "TrainingLog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lines is not None:
            self._lines.close()
            self._board.finalize("success")

    def metrics(self, step: int, seconds: float, metrics: Mapping[str, float], kind: str = "train") -> None:
        """Metrics at ``step``; ``kind``: train or validation."""
        if self._lines is None:
            return
        line = {"stage": self._stage, "kind": kind, "step": step, "seconds": round(seconds, 2), **metrics}
        self._lines.write(json.dumps(line) + "\n")
        self._lines.flush()
        self._board.log_metrics({f"{self._stage}/{kind}/{name}": value for name, value in metrics.items()}, step)

    def picture(self, step: int, picture: NDArray[np.uint8]) -> None:
        """An (H, W, 3) picture of what has been learned by ``step``."""
        if self._lines is not None:
            self._board.experiment.add_image(f"{self._stage}/surfaces", picture, step, dataformats="HWC")


def _claim(file: TextIO, folder: Path) -> None:
    """Lock ``file`` until it is closed, or the process ends in whatever way."""
    if _fcntl is None:
        return
    try:
        _fcntl.flock(file, _fcntl.LOCK_EX | _fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        fix = remedy("wait for it, or choose another folder for {}", Setting.OUT)
        raise InputError(folder, "another training writes there", fix) from None
    except OSError as error:  # network disks without locks
        _log.warning("%s is not locked against a second training: %s", folder, error)
        return
