"""A body, a pose or a run that is dragged from a list of the library onto a card."""

import json
from dataclasses import dataclass
from typing import Literal

from PyQt6.QtCore import QMimeData

_FORMAT = "application/x-npm-studio-body"

Kind = Literal["identity", "pose", "bookmark", "run"]
_KINDS: tuple[Kind, ...] = ("identity", "pose", "bookmark", "run")


@dataclass(frozen=True)
class Dragged:
    """What is dragged; it is looked up where it is dropped."""

    kind: Kind
    number: int
    """Of the training identity, the row of the pose codes (-1 is the canonical pose), the bookmark or the open run."""

    def to_mime(self) -> QMimeData:
        data = QMimeData()
        data.setData(_FORMAT, json.dumps([self.kind, self.number]).encode())
        return data

    @staticmethod
    def of(data: QMimeData | None) -> "Dragged | None":
        """What ``data`` brings; None where that is something else."""
        if data is None or not data.hasFormat(_FORMAT):
            return None
        try:
            kind, number = json.loads(bytes(data.data(_FORMAT).data()))
        except ValueError:
            return None
        return Dragged(kind, number) if kind in _KINDS and isinstance(number, int) else None
