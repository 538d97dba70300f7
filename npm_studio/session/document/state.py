"""Everything that is on show and everything that a person made, as one value.

All of it is frozen, compared field by field, and written to a project as it is. Whatever changes makes a new value.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import with_config

from engine.models.named_codes import IdentityFrame
from engine.sequences.capture_options import AS_RECORDED, CaptureOptions
from npm_studio.session.document.comparison import ComparisonState
from npm_studio.session.document.view_state import STRICT, ViewState

Code = tuple[float, ...]
"""A latent code; each number is a float32."""


@with_config(STRICT)
@dataclass(frozen=True)
class Exploration:
    """The codes on show in Explore, and where they are from."""

    shape: Code = ()
    """Empty while no model is open."""
    pose: Code | None = None
    """None is the canonical pose, in which the surface is learned."""
    shape_name: str = ""
    pose_name: str = ""
    identity: int | None = None
    """The training identity whose shape it is; None for any other shape."""
    row: int | None = None
    """The training frame whose pose it is, a row of the pose codes; None for any other pose."""
    clip_row: int | None = None
    """Where playback is in a training sequence, a row of the pose codes."""


@with_config(STRICT)
@dataclass(frozen=True)
class Locks:
    """Directions whose values stay when a random code is drawn or the map is dragged over; from 0 on."""

    shape: tuple[int, ...] = ()
    pose: tuple[int, ...] = ()


@with_config(STRICT)
@dataclass(frozen=True)
class Interpolation:
    """Between which ends, in what, and how far."""

    ends: tuple[IdentityFrame, IdentityFrame] = (IdentityFrame(0), IdentityFrame(0))
    space: Literal["shape", "pose", "both"] = "both"
    step: int = 0
    """Of `STEPS`."""
    frame: int = 0
    """Where playback is, on the way there and back."""
    card: int = 0
    """The end that a click in the library changes."""


STEPS = 60
"""From one end of an interpolation to the other."""


@with_config(STRICT)
@dataclass(frozen=True)
class Transfer:
    """Two identities in one pose."""

    identities: tuple[int, int] = (0, 0)
    row: int | None = None
    """The training frame whose pose both have; None is the canonical pose."""
    card: int = 0
    """The identity that a click in the library changes."""


@with_config(STRICT)
@dataclass(frozen=True)
class OpenRecording:
    """A depth recording, and how it was opened."""

    path: Path
    capture: CaptureOptions = AS_RECORDED


@with_config(STRICT)
@dataclass(frozen=True)
class OpenRun:
    """A run, and the recording that it is of, wherever that was when it was fitted."""

    folder: Path
    recording: Path


@with_config(STRICT)
@dataclass(frozen=True)
class Fitting:
    """What is on show in Fit, and the fit that would be made of it."""

    recording: Path | None = None
    run: Path | None = None
    """Folder of the run that is drawn over it."""
    frame: int = 0
    method: str = ""
    """Empty: the first that is installed."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the method, as JSON has them."""
    fill_lost: bool = False


@with_config(STRICT)
@dataclass(frozen=True)
class Training:
    """The dataset on show in Train, and the training that would be made of it."""

    dataset: Path | None = None
    identity: int = 0
    sequence: str = ""
    """Empty: the canonical mesh."""
    frame: int = 0
    preset: str = ""
    """Empty: the smallest."""
    device: str = "auto"
    out: str = ""
    """Folder of the model, which need not be there; empty: beside the dataset."""
    validation: Path | None = None
    """A dataset of what is held out."""


@with_config(STRICT)
@dataclass(frozen=True)
class Bookmark:
    """Codes that a person wants to come back to."""

    name: str
    exploration: Exploration


@with_config(STRICT)
@dataclass(frozen=True)
class DocumentState:
    """The document. Paths are absolute."""

    model: Path | None = None
    explore: Exploration = Exploration()
    locks: Locks = Locks()
    interpolate: Interpolation = Interpolation()
    transfer: Transfer = Transfer()
    recordings: tuple[OpenRecording, ...] = ()
    runs: tuple[OpenRun, ...] = ()
    fit: Fitting = Fitting()
    train: Training = Training()
    compare: ComparisonState = ComparisonState()
    bookmarks: tuple[Bookmark, ...] = ()
    extras: Mapping[str, Any] = field(default_factory=dict)
    """Of workspaces that other packages add: by the workspace's name, as JSON has it."""
    view: ViewState = ViewState()
    """How one looks at it. Undo leaves it alone, but for the workspace."""
