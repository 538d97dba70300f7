"""What a tracker is: it is given one depth image after the other, and says at once where the subject is and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from engine.core.errors import Notice
    from engine.core.progress import Progress
    from engine.geometry.camera import PinholeCamera
    from engine.geometry.mesh import Mesh
    from engine.methods.method import FitResult, FoundCodes
    from engine.sequences.camera_path import World
    from engine.sequences.depth_sequence import DepthSequence
    from engine.sequences.depth_source import DepthFrame


@dataclass(frozen=True, eq=False)
class TrackedFrame:
    """What a tracker says of one frame."""

    name: str
    time_s: float
    """Seconds from the origin of the source."""
    camera_to_world: NDArray[np.float64]
    """(4, 4) rigid pose of the camera in the world of the track, which has Y up, metres"""
    subject_to_world: NDArray[np.float64]
    """(4, 4) rigid pose of the subject there; of a lost frame where it is expected"""
    pose_code: NDArray[np.float32]
    """(Cp,)"""
    shape_code: NDArray[np.float32]
    """(Cs,) as far as it is known by now"""
    shape_version: int
    """Counts as the shape is found and refined, 0 before; meshes of one version have the same triangles."""
    confidence: float
    """0 to 1; 0 where the subject is not seen"""
    lost: bool
    """Whether the tracker itself does not trust it"""
    searched: bool
    """Whether the whole image was searched for the subject"""
    others: int
    """Other subjects that were seen when the tracker last looked about"""
    latency_s: float
    """Seconds from `Tracker.push` to codes and place"""


class Tracker(Protocol):
    """Follows one subject. All calls come from one thread."""

    def start(self, camera: PinholeCamera, world: World, subject_alone: bool = False, keep: bool = True) -> None:
        """Get ready for the images of ``camera``, whose poses lead to ``world``.

        Args:
            subject_alone: whether all but the subject has been taken out of the images
            keep: whether `finish` will be asked for; else nothing is kept of a frame, and a track may go on for days

        Raises:
            InputError: the tracker lacks something that it needs.
        """

    def push(self, frame: DepthFrame) -> TrackedFrame:
        """Where the subject is in the next frame, and in which pose.

        Raises:
            InputError: the frame has not the size of the camera's.
        """

    def improve(self) -> bool:
        """Do a slice of the work that can wait, such as the shape, and say whether there is more.

        For when no frame waits; after each frame once in any case.
        """

    def mesh(self, frame: TrackedFrame) -> Mesh:
        """The last pushed frame as a coarse mesh, metres, world."""

    @property
    def notices(self) -> tuple[Notice, ...]:
        """What a user should know by now, such as that the vertical was guessed."""

    def reset(self) -> None:
        """Forget the subject: the next frame is searched as if it were the first."""

    def finish(
        self,
        progress: Progress,
        source: DepthSequence | None = None,
        folder: Path | None = None,
        keep: Callable[[FoundCodes], None] | None = None,
    ) -> FitResult:
        """All frames since `start` with the last shape, as a method would give them.

        Args:
            source: these frames, where they can be read again: then the result says what of them is the subject
            folder: where files that belong to the result are written; nowhere when absent
            keep: told the codes before meshes are made of them, see `engine.methods.method.MethodInputs.keep`

        Raises:
            InputError: no frame showed the subject.
        """
