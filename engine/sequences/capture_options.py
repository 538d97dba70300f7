"""How a recording is opened: what a user states about it, as one value."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import NoneType
from typing import Any

from engine.core.errors import InputError
from engine.sequences.isolation import Isolation


@dataclass(frozen=True)
class CaptureOptions:
    """What a user states about a recording and its subject; what is None is read from the recording or guessed."""

    depth_scale: float | None = None
    """Stored units per metre."""
    intrinsics: str | Path | None = None
    """``fx,fy,cx,cy`` in pixels (pixel centres at +0.5), or a file; see `external.captures.intrinsics`."""
    isolation: Isolation = field(default_factory=Isolation)
    stream: str | None = None
    """Which of several streams of a recording, a topic or track, by its name or a part of it."""
    subject: int | None = None
    """Which of several subjects that a model finds, from 1, the one that shows most at first; None where nobody
    chose."""

    def __bool__(self) -> bool:
        """Whether anything is stated."""
        return self != AS_RECORDED

    @property
    def reading(self) -> "CaptureOptions":
        """What decides how the frames are read, without what of them belongs to the subject."""
        return replace(self, isolation=Isolation(), subject=None)

    def as_dict(self) -> dict[str, Any]:
        """What is stated, as JSON that opens the recording in the same way from any directory."""
        isolation = self.isolation
        values = {
            "depth_scale": self.depth_scale,
            "stream": self.stream,
            "subject": self.subject,
            "intrinsics": None if self.intrinsics is None else _anywhere(self.intrinsics),
            "near_m": isolation.near_m,
            "far_m": isolation.far_m,
            "masks": None if isolation.masks is None else _anywhere(isolation.masks),
            "remove_planes": isolation.remove_planes or None,
            "largest_component": isolation.largest_component or None,
        }
        return {key: value for key, value in values.items() if value is not None}

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> "CaptureOptions":
        """The inverse of `as_dict`.

        Raises:
            InputError: it is none; the JSON comes from files that others may have written.
        """
        number = int | float
        kinds = {
            "depth_scale": number,
            "near_m": number,
            "far_m": number,
            "intrinsics": str,
            "masks": str,
            "stream": str,
            "subject": int,
        }
        for key, kind in kinds.items():
            if not isinstance(values.get(key), kind | NoneType):
                raise InputError(f"{key} of a recording", f"cannot be {values[key]!r}", "open the recording again")
        isolation = Isolation(
            near_m=values.get("near_m"),
            far_m=values.get("far_m"),
            masks=Path(values["masks"]) if values.get("masks") else None,
            remove_planes=bool(values.get("remove_planes")),
            largest_component=bool(values.get("largest_component")),
        )
        return CaptureOptions(
            values.get("depth_scale"),
            values.get("intrinsics"),
            isolation,
            values.get("stream"),
            values.get("subject") or None,
        )


AS_RECORDED = CaptureOptions()
"""Nothing is stated."""


def _anywhere(stated: str | Path) -> str:
    """The absolute path of a file or folder; four numbers as they are."""
    path = Path(stated)
    return str(path.resolve()) if path.exists() else str(stated)
