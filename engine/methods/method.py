"""What a fitting method is, and which are installed.

A package adds one by naming an object of this form in its metadata::

    [project.entry-points."npm_studio.methods"]
    mine = "my_package.method:METHOD"

The module of the object and that of its configuration are imported for a help text and for the list in the window, so
they should be light: what is heavy, such as PyTorch, is imported inside `FitMethod.fit`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel

from engine.core.errors import InputError
from engine.core.registry import METHODS, load, registered

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from engine.core.progress import Progress
    from engine.geometry.mesh import Mesh
    from engine.methods.refitting import Refit
    from engine.methods.run import Run
    from engine.models.model import NeuralParametricModel
    from engine.sequences.depth_sequence import DepthSequence
    from engine.sequences.mesh_sequence import MeshSequence

DEFAULT = "npm"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Requirements:
    """What a method cannot do without, beside a depth sequence."""

    model: bool = False
    """A neural parametric model."""
    pose: bool = False
    """A model with its pose part."""
    template: bool = False
    """A mesh of the subject or of one like it, metres."""
    surface: bool = False
    """A mesh of the subject to deform: a template, or else a model with its pose part, whose surface is one."""
    gpu: bool = False
    """A GPU with CUDA."""

    def takes_model(self, has_template: bool = False) -> bool:
        """Whether a model is of use, beside a template where there is one."""
        return self.model or self.pose or (self.surface and not has_template)


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A model in memory and the folder that it was read from."""

    folder: Path
    model: NeuralParametricModel


@dataclass(frozen=True, eq=False)
class FoundCodes:
    """What a method that fits codes knows of all frames before it makes meshes of them."""

    codes: Mapping[str, NDArray]
    """Arrays of ``codes.npz``: ``shape`` (1, 1, Cs), ``pose`` (F, 1, Cp), ..."""
    subject_to_world: NDArray[np.float64]
    """(F, 4, 4) rigid pose of the subject in each frame, or in the first ones if it knows no others."""
    timings: Mapping[str, float]
    """Seconds by name of a part of the work."""
    details: Mapping[str, Any]
    """What else there is to tell; JSON."""
    interrupted: bool
    confidence: NDArray[np.float64] | None = None
    """(F,), where it is known already."""
    masks: Sequence[bytes] | None = None
    """Of each frame what the method took for the subject, see `engine.sequences.isolation.packed`; None where it will
    find that again."""


def _not_kept(found: FoundCodes) -> None:
    """For those who have the patience to wait for meshes."""


@dataclass(frozen=True, eq=False)
class MethodInputs:
    """What a method is given beside the depth sequence; what it did not require may be None."""

    folder: Path
    """Of the run, which exists: files that the method writes here are kept as its artefacts."""
    device: torch.device
    """Where to compute: where the model is, if there is one."""
    seed: int = 0
    """Of every random choice."""
    model: LoadedModel | None = None
    template: Mesh | None = None
    """Metres, world."""
    refit: Refit | None = None
    """Frames of a run that alone are to be fitted again; None for all, and for methods without `refits`."""
    keep: Callable[[FoundCodes], None] = _not_kept
    """Told what is known before meshes are made, which are then left out if the user waits for the end. A method that
    calls it heeds `kept`. Of others the meshes are kept, and measured later."""
    kept: Run | None = None
    """What was told so: this time there is nothing left to fit, and its codes become meshes; None for a fit."""


@dataclass(frozen=True, eq=False)
class FitResult:
    """What a method found."""

    meshes: MeshSequence
    """Of the frames of the depth sequence or some of them, by their names; metres, world. Frames may be empty where
    they differ in their triangles; they are left out of the run."""
    confidence: NDArray[np.float64] | None = None
    """(F,) from 0 to 1; None where the method cannot say."""
    artefacts: Mapping[str, Mapping[str, NDArray]] = field(default_factory=dict)
    """Arrays by name for each npz file of the run, by its name without the ending."""
    timings: Mapping[str, float] = field(default_factory=dict)
    """Seconds by name of a part of the work."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """What else there is to tell; JSON."""
    interrupted: bool = False
    """Whether this is the best so far, after the user asked to stop or something else ended the work early."""
    lost_below: float | None = None
    """Confidence below which the method itself calls a frame lost; None where it has no such threshold."""
    subject_to_world: NDArray[np.float64] | None = None
    """(F, 4, 4) rigid pose of the subject in each frame; None where the method has none."""
    subject: DepthSequence | None = None
    """What of the depth sequence the method took for the subject, by which it is measured; None for all of it."""
    undeformed: Mesh | None = None
    """Of a method that deforms this mesh, whose triangles all frames have, and knows nothing of a class: the verdict
    asks how much of the result was seen, and how far the mesh was stretched. None where a model says the rest."""
    doubt: str | None = None
    """Why the result as a whole cannot be right, in plain words, such as 'nothing like a human body was found'."""


class FitMethod(Protocol):
    """A way from a depth sequence to meshes. Methods do not change while they are used.

    One that has an attribute ``refits`` that is true heeds `MethodInputs.refit`: it gives all frames of that run, those
    that are not fitted again as they are. One that has a method ``warm_up`` loads there what its first fit of a
    `engine.models.model.NeuralParametricModel` would have to, while a recording is read.
    """

    @property
    def id(self) -> str:
        """The name that it is registered by."""

    @property
    def title(self) -> str:
        """What a list calls it."""

    @property
    def config_type(self) -> type[BaseModel]:
        """Its configuration, a strict model such as `engine.core.config.Config`, explained by docstrings."""

    @property
    def requires(self) -> Requirements: ...

    def fit(self, source: DepthSequence, inputs: MethodInputs, config: Any, progress: Progress) -> FitResult:
        """Fit the subject of ``source``.

        A frame may show nothing. Its mesh, if it has one, counts as lost. A method that runs out of memory lets the
        error of PyTorch pass, or gives what it has found so far as `FitResult.interrupted`, with its `FitResult.doubt`.

        Args:
            config: of `config_type`
            progress: told of stages and steps, and asked after every step whether to stop. A preview may be a
                `MeshSequence` in metres, which is drawn over the points.

        Raises:
            InputError: the sequence or something in the inputs cannot be used.
            Cancelled: asked to stop before there was anything to keep.
        """


def method_names() -> tuple[str, ...]:
    """Names of the installed methods, the default one first, then others of this project."""
    return tuple(sorted(registered(METHODS), key=lambda name: name != DEFAULT))


def load_method(name: str) -> FitMethod:
    """The method called ``name``.

    Raises:
        InputError: it is not installed, or is not of the form of `FitMethod`; the line names those that are.
    """
    if name not in registered(METHODS):
        raise InputError(f"method {name!r}", "is not installed", f"use one of {', '.join(method_names())}")
    method = load(METHODS, name)
    missing = [part for part in ("id", "title", "config_type", "requires", "fit") if not hasattr(method, part)]
    if missing:
        raise InputError(f"method {name!r}", f"has no {' and no '.join(missing)}", "update or remove its package")
    found: FitMethod = method
    return found


def installed_methods() -> tuple[FitMethod, ...]:
    """All methods that can be loaded; the log says why others cannot."""
    found = []
    for name in method_names():
        try:
            found.append(load_method(name))
        except InputError as error:
            _log.warning("%s", error)
    return tuple(found)
