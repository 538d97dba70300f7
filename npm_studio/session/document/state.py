"""Everything that is on show and everything that a person made, as one value.

All of it is frozen, compared field by field, and written to a project as it is. Whatever changes makes a new value.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import with_config

from engine.sequences.capture_options import AS_RECORDED, CaptureOptions
from npm_studio.session.document.comparison import ComparisonState
from npm_studio.session.document.view_state import STRICT, ViewState

Code = tuple[float, ...]
"""A latent code; each number is a float32."""


@with_config(STRICT)
@dataclass(frozen=True)
class Exploration:
    """The codes of a body, such as the one on show in Explore, and where they are from."""

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
class Keyframe:
    """A body that an interpolation comes to, and when."""

    time_s: float
    body: Exploration


@with_config(STRICT)
@dataclass(frozen=True)
class Interpolation:
    """Through which bodies, in what, and how."""

    keys: tuple[Keyframe, ...] = ()
    """By rising times, the first at zero; at least two while a model is open."""
    space: Literal["shape", "pose", "both"] = "both"
    """What changes; the rest stays as in the first."""
    smooth: bool = False
    """Whether it turns gently at keyframes."""
    constant_speed: bool = False
    """Whether the surface moves by the same amount from frame to frame, and not the codes."""
    there_and_back: bool = True
    frame: int = 0
    """Where playback is."""
    card: int = 0
    """The keyframe that a click in the library changes."""


@with_config(STRICT)
@dataclass(frozen=True)
class Transfer:
    """Several bodies in one pose."""

    bodies: tuple[Exploration, ...] = ()
    """Whose shapes take the pose; at least one while a model is open."""
    source: Exploration = Exploration()
    """Whose pose they take; one of the training plays its sequence."""
    run: Path | None = None
    """Folder of the run whose poses they take instead, frame by frame."""
    frame: int = 0
    """Of the run."""
    card: int = 0
    """The body that a click in the library changes."""


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
    name: str = ""
    """That a person gave it; empty: it is called by when it was made."""


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
    """Empty: what suits the dataset and the device."""
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
    deleted_runs: tuple[str, ...] = ()
    """Folders of runs that are to go to the wastebasket at the end; until then undo brings them back. Absolute, also in
    an automatic copy: a project does not name them."""
    view: ViewState = ViewState()
    """How one looks at it. Undo leaves it alone, but for the workspace and cameras that followed by themselves."""
