"""What a suite measures, read strictly from a file of `configs/suites`: once it is there it does not change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field

from engine.core.config import Config, read_config
from engine.core.errors import InputError
from engine.core.text_file import read_text
from npm_studio.resources import suites

SettingName = Literal["clean", "noisy"]
Count = Annotated[int, Field(ge=1, le=100_000_000)]


class Generated(Config):
    """Unseen bodies or hands in motions that no training has seen, rendered by one camera."""

    kind: Literal["generated"]
    generator: Literal["anny", "hands"]
    seed: Annotated[int, Field(ge=0)]
    adults: Count
    children: Annotated[int, Field(ge=0)]
    frames: Count
    """Of the motion of each."""
    widest_turn: Annotated[float, Field(ge=0, le=180)] = 0.0
    """Degrees that the camera is turned away from the front, shared out evenly from one side to the other."""
    names: Annotated[tuple[str, ...], Field(min_length=1)]
    """Of the bodies or hands."""


class Scenes(Config):
    """People in rooms, see `external.scenes`."""

    kind: Literal["scenes"]
    set: str
    """Of the file with the sets of scenes."""
    names: Annotated[tuple[str, ...], Field(min_length=1)]


class Sequences(Config):
    """Sequences of a dataset that everybody has to get, rendered by one camera in front."""

    kind: Literal["sequences"]
    names: Annotated[tuple[str, ...], Field(min_length=1)]
    """``<identity>/<sequence>``"""
    get: str
    """Where it is to be had, and how it is imported."""


class Subset(Config):
    """The cases that expensive methods get: some frames of some recordings."""

    names: Annotated[tuple[str, ...], Field(min_length=1)]
    frames: Count
    """The first ones, of which each is"""
    every: Count = 1
    """frames after the one before."""


class Suite(Config):
    """A suite of cases; see the files for examples."""

    title: str
    about: str
    """What its recordings show."""
    recordings: Annotated[Generated | Scenes | Sequences, Field(discriminator="kind")]
    settings: Annotated[tuple[SettingName, ...], Field(min_length=1)]
    """Depth as it is, and with the noise of a sensor."""
    model: str
    methods: Annotated[tuple[str, ...], Field(min_length=1)]
    """That are measured where none are stated, see `npm_studio.suites.contender`."""
    on_all_cases: tuple[str, ...]
    """Those of them that are measured on whole recordings, too; all others on the subset alone."""
    upper_bounds: tuple[str, ...] = ()
    """Methods that know how the cases were made, and win nothing."""
    subset: Subset
    samples: Count
    """Points of each surface, for distances between samples."""
    iou_points: Count


@dataclass(frozen=True)
class CasePlan:
    """A case as its suite states it."""

    name: str
    recording: str
    """The name of what it is, or is part of."""
    frames: tuple[int, int] | None = None
    """How many, and how far apart; None for all."""

    @property
    def is_subset(self) -> bool:
        return self.frames is not None


def load_suite(text: str) -> tuple[str, Suite]:
    """Name and content of the suite that a user names: a file, or a built-in one.

    Raises:
        InputError: there is neither, or it is not a suite.
    """
    path = Path(text)
    if not path.is_file():
        known = suites()
        if text not in known:
            raise InputError(text, "there is no such suite", f"choose from {', '.join(known)}, or name a YAML file")
        path = known[text]
    try:
        content = yaml.safe_load(read_text(path))
    except (yaml.YAMLError, ValueError) as error:
        raise InputError(path, f"is not readable YAML ({error.__class__.__name__})", "correct it") from None
    if not isinstance(content, dict):
        raise InputError(path, "does not describe a suite", "see configs/suites/canonical.yaml")
    try:
        suite = read_config(Suite, content)
    except InputError as error:
        raise InputError(path, f"{error.subject}: {error.problem}", "correct it") from None
    if unknown := [name for name in suite.subset.names if name not in suite.recordings.names]:
        raise InputError(path, f"its subset has {unknown[0]}, which is no name of its recordings", "correct it")
    return path.stem, suite


def case_plans(suite: Suite, only: Sequence[str] = (), subset_alone: bool = False) -> tuple[CasePlan, ...]:
    """The cases of ``suite``: those of the subset, then whole recordings.

    Args:
        only: names of cases, or of recordings, that are wanted; all when empty

    Raises:
        InputError: there is no such name.
    """
    frames = (suite.subset.frames, suite.subset.every)
    plans = [CasePlan(f"{_plain(name)}-{frames[0]}", name, frames) for name in suite.subset.names]
    if not subset_alone:
        plans += [CasePlan(_plain(name), name) for name in suite.recordings.names]
    for name in only:
        if not any(name in (plan.name, plan.recording) for plan in plans):
            known = ", ".join(plan.name for plan in plans)
            raise InputError(name, "is no case of this suite", f"choose from {known}")
    return tuple(plan for plan in plans if not only or plan.name in only or plan.recording in only)


def made_from(suite: Suite, plan: CasePlan) -> Mapping[str, Any]:
    """What decides the content of a case, as JSON."""
    recordings = suite.recordings.model_dump(mode="json", exclude={"names", "get"})
    frames = None if plan.frames is None else list(plan.frames)
    return {**recordings, "recording": plan.recording, "frames_taken": frames}


def _plain(name: str) -> str:
    return name.replace("/", "-")
