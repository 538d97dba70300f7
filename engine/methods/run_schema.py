"""What ``run.json`` of version 2 holds."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

VerdictWord = Literal["good", "poor", "failed"]
_Number = Annotated[float, Field(allow_inf_nan=False)]
_Row = tuple[_Number, _Number, _Number, _Number]
_Pose = tuple[_Row, _Row, _Row, _Row]


class FrameFile(BaseModel):
    name: str
    timestamp_s: _Number | None
    camera_to_world: _Pose | None
    subject_to_world: _Pose | None
    confidence: Annotated[float, Field(ge=0, le=1)] | None
    lost: bool | None
    filled: bool = False
    mean_distance_mm: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None


class InputsFile(BaseModel):
    sequence: str
    model: str | None
    similarity: dict[str, Any] | None
    capture: dict[str, Any]
    config: dict[str, Any]
    seed: int
    device: str
    views: list[str] = []


class RunFile(BaseModel):
    """``run.json``; keys that a later program of the same version adds are passed over."""

    model_config = ConfigDict(extra="ignore")

    format_version: Literal[2]
    complete: bool = True
    method: str
    inputs: InputsFile
    versions: dict[str, str]
    timings: dict[str, _Number]
    interrupted: bool
    subject: int | None
    verdict: VerdictWord | None
    reason: str | None
    unit: Literal["m", "canonical"]
    one_topology: bool
    frames: Annotated[list[FrameFile], Field(min_length=1)]
    artefacts: list[str]
    details: dict[str, Any]
