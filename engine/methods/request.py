"""What a fit is asked for, and whether it can be done."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from engine.core.devices import resolve_device
from engine.core.errors import InputError, Setting, Task, remedy
from engine.geometry.mesh import Mesh
from engine.methods.method import FitMethod, LoadedModel, Requirements
from engine.methods.refitting import Refit
from engine.methods.run import Run, not_of_the_run
from engine.models.model import NeuralParametricModel
from engine.sequences.capture_options import AS_RECORDED, CaptureOptions
from engine.sequences.depth_sequence import DepthSequence


@dataclass(frozen=True, eq=False)
class FitRequest:
    """Everything that a fit needs to know, opened and loaded."""

    method: FitMethod
    config: BaseModel
    """Of the type that the method wants."""
    sequence: DepthSequence
    """The subject, isolated and placed."""
    out: Path
    """Run folder to write; replaced when it holds a run already."""
    model: LoadedModel | None = None
    template: Mesh | None = None
    """Metres, world."""
    seed: int = 0
    device: str = "auto"
    """Where a method without a model computes; others do so where the model is."""
    fill_lost: bool = False
    """Whether meshes of lost frames are interpolated between their neighbours."""
    capture: CaptureOptions = AS_RECORDED
    """How the sequence was opened; kept for those who show the run."""
    refit: Refit | None = None
    """Which frames of which run alone are fitted again; None for all."""
    kept: Run | None = None
    """The run without meshes that is completed; None for a fit, see `engine.methods.completing`."""

    @property
    def steps(self) -> int | None:
        """That the method takes; None where its configuration does not say it."""
        steps = getattr(self.config, "steps", None)
        return steps if isinstance(steps, int) else None


def check_request(request: FitRequest) -> None:
    """Refuse a request that would destroy something or cannot be done, before any work is done.

    Raises:
        InputError: ``out`` holds something that is not a run, or the method needs what there is not.
    """
    check_out(request.out)
    assert isinstance(request.config, request.method.config_type), type(request.config)
    if request.kept is not None and request.kept.decoding is None:  # which its method has nothing left to do for
        return
    needs, name = request.method.requires, f"method {request.method.id!r}"
    if request.refit is not None:
        if not getattr(request.method, "refits", False):
            raise InputError(name, "cannot fit some frames of a run again", "choose another method, or fit all")
        if request.fill_lost:
            problem = "would change frames that are to stay as they are"
            raise InputError(Setting.FILL_LOST, problem, "leave it out when some frames are fitted again")
    wants_pose = needs.pose or (needs.surface and request.template is None)
    if request.model is not None and wants_pose and not request.model.model.has_pose:
        raise InputError(request.model.folder, "has no pose part yet", remedy("{} first", Task.TRAIN_POSE))
    lacking = what_lacks(needs, None if request.model is None else request.model.model, request.template)
    if lacking:
        raise InputError(name, f"needs {lacking}", "choose another method, or give it what it needs")
    if needs.gpu and resolve_device(request.device).type != "cuda":
        raise InputError(name, "needs a GPU", remedy("state {} of one, or choose another method", Setting.DEVICE))


def check_out(out: Path) -> None:
    """Refuse to replace what is not a run, or more than one.

    Raises:
        InputError: ``out`` holds something else.
    """
    if out.exists() and not (out.is_dir() and ((out / "run.json").is_file() or not any(out.iterdir()))):
        raise InputError(out, "exists and is not a run", remedy("choose another folder for {}", Setting.OUT))
    others = not_of_the_run(out) if (out / "run.json").is_file() else []
    if others:
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        fix = remedy("move that away, or choose another folder for {}", Setting.OUT)
        raise InputError(out, f"holds a run and {others[0]}{more}, which would be lost", fix)


def what_lacks(needs: Requirements, model: NeuralParametricModel | None, template: Mesh | None = None) -> str:
    """What a method with ``needs`` lacks, in words; nothing when it can begin. A GPU is not looked for."""
    posed = needs.pose or (needs.surface and template is None)
    if posed and (model is None or not model.has_pose):
        return "a model with a pose part"
    if needs.model and model is None:
        return "a model"
    if needs.template and template is None:
        return "a template mesh"
    return ""
