"""What a scene is made of, as a value: everything else about it follows from its seed."""

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from engine.core.errors import InputError

SensorName = Literal["kinect", "azure", "realsense"]
CameraKind = Literal["still", "gravity", "moving", "moving-noisy"]


@dataclasses.dataclass(frozen=True)
class ScenePlan:
    """One scene; lengths are metres where nothing else is said."""

    motion: str
    """A name of `external.scenes.motions.MOTIONS`, or the path of a BVH file."""
    seed: Annotated[int, Field(ge=0)]
    """Of body, clothes, motion, room, camera and noise."""
    frames: Annotated[int, Field(ge=1)] = 80
    fps: Annotated[float, Field(gt=0, le=240, allow_inf_nan=False)] = 30.0
    start_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """Seconds of motion capture that are passed over."""
    turn: Annotated[float, Field(ge=-360, le=360)] = 0.0
    """Degrees about the vertical by which the motion is turned to the left; at 0 motion capture begins facing the
    camera."""
    sensor: SensorName = "kinect"
    """Its picture and its noise."""
    noise: bool = True
    distance: Annotated[float, Field(ge=1.5, le=8)] = 3.0
    """From the camera to the middle of the path, half way up the body."""
    tilt: Annotated[float, Field(ge=0, le=60)] = 8.0
    """Degrees by which the camera looks down."""
    wall: Annotated[float, Field(ge=0.2, le=5)] = 1.5
    """Behind the farthest place of the path."""
    furniture: Annotated[int, Field(ge=0, le=8)] = 2
    """Pieces that touch the edges of the picture."""
    floor_strip: Annotated[float, Field(gt=0, lt=0.5)] | None = None
    """The part of the picture, at its lower edge, that shows the floor; the camera's tilt follows from it."""
    child: bool = False
    clothes_mm: Annotated[float, Field(ge=0, le=40)] = 0.0
    """Farthest distance of the clothes from the skin."""
    camera: CameraKind = "still"
    """``still`` says nothing of its pose, ``gravity`` knows the vertical; a moving one records its poses."""
    intrinsics_error: Annotated[float, Field(ge=-0.1, le=0.1)] = 0.0
    """By which part the focal lengths that the recording states are too long."""

    @property
    def is_captured(self) -> bool:
        """Whether the motion comes from a BVH file."""
        return self.motion.lower().endswith(".bvh")


setattr(ScenePlan, "__pydantic_config__", ConfigDict(extra="forbid"))  # noqa: B010


def checked_plan(values: Mapping[str, Any], what: str = "the scene") -> ScenePlan:
    """The plan with these values; ``what`` is named where they make no sense.

    Raises:
        InputError: a field is unknown, missing, out of its range or of the wrong type, or there is no such motion.
    """
    from external.scenes.motions import MOTIONS

    try:
        plan = TypeAdapter(ScenePlan).validate_python(dict(values))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise InputError(what, f"{field or 'all of it'}: {first['msg']}", "correct it") from None
    if plan.motion not in MOTIONS and not plan.is_captured:
        choice = f"choose from {', '.join(MOTIONS)}, or name a BVH file"
        raise InputError(what, f"there is no motion {plan.motion!r}", choice)
    return plan
