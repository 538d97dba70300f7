"""Configuration of training, read from a preset file and dotted overrides into frozen dataclasses."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from engine.core.config import set_fields
from engine.core.errors import InputError
from engine.models.networks.decoder import DecoderConfig
from engine.models.networks.encoder import SHAPE_CHANNELS, EncoderConfig

Count = Annotated[int, Field(gt=0)]
Steps = Annotated[int, Field(ge=0)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, le=1)]
T = TypeVar("T")


def _word(value: object) -> object:
    """``on`` and ``off`` where YAML takes them for truth values."""
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else value


def _strict(configuration: type[T]) -> type[T]:
    """A dataclass that pydantic reads with no other fields than its own."""
    setattr(configuration, "__pydantic_config__", ConfigDict(extra="forbid"))  # noqa: B010
    return configuration


_strict(DecoderConfig)


@_strict
@dataclasses.dataclass(frozen=True)
class Schedule:
    """How long to train and with which learning rates (Adam)."""

    steps: Annotated[int, Field(gt=0, le=10_000_000)]
    """Optimiser steps; there is a table with a row for each."""
    network_rate: Weight = 1e-3
    """Learning rate of the decoder."""
    codes_rate: Weight = 1e-3
    """Learning rate of the codes. A code moves when its row is in a batch and only then: with few rows in a batch it
    wants to be higher than for an Adam whose momentum moves all codes at every step, up to thirty times."""
    decay: Literal["cosine", "halving"] = "cosine"
    """Cosine to 1 % after a linear warm-up, or halved every `halving_interval` steps."""
    warmup: Steps = 0
    """Steps of linear warm-up."""
    halving_interval: Steps = 0
    """Steps between two halvings."""


@_strict
@dataclasses.dataclass(frozen=True)
class ShapeStage:
    """Shape decoder and shape codes from signed-distance pools."""

    schedule: Schedule
    code_size: Count = 256
    decoder: DecoderConfig = DecoderConfig()
    identities_per_batch: Count = 48
    """Identities in a batch; all of them when there are fewer."""
    points_per_identity: Count = 2048
    near_share: Fraction = 0.7
    """Fraction of the points from the near pool; the rest are uniform."""
    clamp: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.1
    """Signed distances beyond this magnitude are not told apart, canonical units."""
    code_weight: Weight = 1e-4
    """Weight of the mean squared code."""
    code_weight_warmup: Steps = 0
    """Steps over which that weight grows from zero."""
    curriculum: bool = False
    """Grow the network and tighten the loss during training (`engine.models.networks.curriculum`)."""
    frequency_warmup: Steps = 0
    """Steps over which the bands of the positional encoding open; 0: all are open from the start."""
    eikonal_weight: Weight = 0.0
    """Weight of (|gradient| - 1)^2 close to the surface (Gropp et al. 2020)."""
    normal_weight: Weight = 0.0
    """Weight of 1 - cosine between gradient and normal on the surface."""
    gradient_points: Count = 256
    """Points per identity for these two terms."""


@_strict
@dataclasses.dataclass(frozen=True)
class PoseStage:
    """Pose decoder and pose codes from registered frames, shape codes fixed."""

    schedule: Schedule
    code_size: Count = 256
    decoder: DecoderConfig = DecoderConfig(width=1024)
    frames_per_batch: Count = 64
    points_per_frame: Count = 2048
    sigmas: Annotated[tuple[Weight, ...], Field(min_length=1)] = (0.002, 0.01)
    """Largest offsets along the normal of equal shares of the points, canonical units."""
    loss: Literal["distance", "squared"] = "distance"
    """Mean distance, smooth at zero, or half the mean squared distance (Palafox et al. 2021)."""
    code_weight: Weight = 1e-2
    """Weight of the mean squared code."""
    code_weight_warmup: Steps = 0
    """Steps over which that weight grows from zero."""
    frequency_warmup: Steps = 0
    """Steps over which the bands of the positional encoding open; 0: all are open from the start."""


@_strict
@dataclasses.dataclass(frozen=True)
class EncoderStage:
    """From what a camera sees of a frame to its codes; the targets are the learned codes."""

    schedule: Schedule
    resolution: Count = 128
    """Nodes per axis of the occupancy grid."""
    channels: tuple[int, ...] = SHAPE_CHANNELS
    frames_per_batch: Count = 32
    inputs: Literal["rendered", "files"] = "rendered"
    """Depth rendered during training by random cameras, or the grids that preparation or the dataset gives."""
    noise: Fraction = 0.5
    """Fraction of the rendered frames with the noise of a depth sensor."""
    azimuth_degrees: Weight = 60.0
    """Cameras stand up to this angle to the left or right of the front."""
    elevation_degrees: Weight = 25.0
    """Cameras look up to this angle up or down."""
    surface_points: Steps = 0
    """Canonical surface points per frame whose decoded positions are compared beside the codes; 0: codes alone."""
    surface_weight: Weight = 0.0
    """Weight of their mean distance, canonical units."""


@_strict
@dataclasses.dataclass(frozen=True)
class CoordinateStage:
    """From depth to canonical coordinates, pixel by pixel, without any other stage."""

    schedule: Schedule
    size: Count = 192
    """Pixels on a side of the crop that the network sees."""
    channels: tuple[int, ...] = (32, 64, 96, 160, 224)
    """Of the network, at that size and after each halving of it."""
    heads: Count = 4
    """Of its attention."""
    landmarks: Count = 200
    """Points of the surface, hidden ones too, of which the network says where they are."""
    crops_per_batch: Count = 64
    weight_decay: Weight = 0.01
    """Of the weights, decoupled from the gradients (Loshchilov and Hutter 2019)."""
    average: Annotated[float, Field(ge=0, lt=1)] = 0.998
    """Share of the averaged network that stays from step to step; the average is what is kept."""
    distances: tuple[float, float] = (0.5, 2.4)
    """Nearest and farthest depth of the subject, canonical units."""
    tilt_degrees: tuple[float, float] = (-10.0, 50.0)
    """How far cameras look down, at least and at most."""
    roll_degrees: Weight = 4.0
    """Standard deviation of the camera's roll."""
    upright: bool = True
    """Whether crops are turned upright by gravity; otherwise they are in the axes of the camera, for subjects that have
    no vertical."""
    gravity_error_degrees: Weight = 3.0
    """Standard deviation of the direction of gravity, about each axis; a share of the crops has three times as much."""
    isolated: Fraction = 0.25
    """Fraction of the crops that show the subject and nothing else."""
    company: Fraction = 0.15
    """Fraction of the other crops with a second body."""
    clothes: Weight = 0.01
    """Thickest clothes, canonical units; most are thinner than 40 % of that."""
    clean: Fraction = 0.25
    """Fraction of the crops without the noise of a sensor; among the isolated ones it is twice as large."""
    mirrored: Fraction = 0.0
    """Fraction of the crops that are mirrored, of which the network learns nothing but to tell them: it is then able to
    say whether a hand is of the side that it knows."""
    forearm: Fraction = 0.0
    """Fraction of the crops with surroundings in which a forearm goes on where a hand ends."""


@_strict
@dataclasses.dataclass(frozen=True)
class Validation:
    """How held-out data are looked at during training; codes that the model lacks are fitted to them first."""

    every: Count = 2000
    """Steps between two looks."""
    rows: Count = 16
    """Identities or frames, evenly spaced among those that are held out."""
    fit_steps: Count = 200
    """Steps of the fit."""


@_strict
@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """One preset file: the stages of one model. Stages that are left out are not trained."""

    name: str
    shape: ShapeStage
    pose: PoseStage
    shape_encoder: EncoderStage | None = None
    pose_encoder: EncoderStage | None = None
    coordinates: CoordinateStage | None = None
    validation: Validation = Validation()
    keep_every: Steps = 0
    """Steps between two states that are kept for good; 0: the last and the best one only."""
    preview_every: Steps = 0
    """Steps between two pictures of what has been learned; 0: one at the end."""
    half: Annotated[Literal["auto", "on", "off"], BeforeValidator(_word)] = "auto"
    """Hidden layers in bfloat16; auto: on CUDA only."""
    compile: bool = True
    """Compile the step on CUDA."""
    storage: Literal["float32", "float16"] = "float32"
    """Type of the stored networks and codes."""


def load_training_config(path: Path, overrides: Mapping[str, str] | None = None) -> TrainingConfig:
    """Read a preset and apply overrides such as ``{"shape.schedule.steps": "500"}``.

    Raises:
        InputError: the file is missing or not YAML, or a field is unknown, missing or of the wrong type.
    """
    remedy = "see the built-in presets"
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(path, "no such preset", remedy) from None
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise InputError(path, f"is not readable YAML ({error.__class__.__name__})", remedy) from None
    if not isinstance(tree, dict):
        raise InputError(path, "is not a preset", remedy)
    set_fields(tree, overrides or {}, remedy)
    try:
        config = TypeAdapter(TrainingConfig).validate_python(tree)
        _check_sizes(config)
        return config
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise InputError(path, f"field {field or '(root)'}: {first['msg']}", remedy) from None


def _check_sizes(config: TrainingConfig) -> None:
    """Refuse sizes that no decoder can have, before any data are read."""
    for stage in ("shape", "pose"):
        decoder = getattr(config, stage).decoder
        codes = config.shape.code_size + (config.pose.code_size if stage == "pose" else 0)
        try:
            decoder.check(codes)
        except ValueError as error:
            raise InputError(f"{stage}.decoder", str(error), "see the built-in presets") from None
        encoder = getattr(config, f"{stage}_encoder")
        if encoder is not None:
            try:
                EncoderConfig(getattr(config, stage).code_size, encoder.resolution, encoder.channels)
            except ValueError as error:
                raise InputError(f"{stage}_encoder", str(error), "see the built-in presets") from None


def as_dict(config: Any) -> dict[str, Any]:
    """A configuration as plain values for JSON."""
    return dataclasses.asdict(config)
