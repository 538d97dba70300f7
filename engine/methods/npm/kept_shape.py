"""A shape that is known before a fit: of a run of the same model, or of one of its identities."""

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from engine.core.errors import ConfigField, InputError
from engine.methods.method import LoadedModel
from engine.methods.run import Run, load_run
from engine.models.named_codes import find_identity, load_codes


@dataclass(frozen=True, eq=False)
class KeptShape:
    """A shape code and whose it is."""

    code: Tensor
    """(Cs,) on the model's device"""
    whose: str
    """In words"""


def kept_shape(wanted: str, loaded: LoadedModel) -> KeptShape | None:
    """The shape of the run or the identity ``wanted``; None where nothing is wanted.

    Raises:
        InputError: there is neither such a run nor such an identity, or the run is of another model.
    """
    if not wanted:
        return None
    folder = Path(wanted)
    if (folder / "run.json").is_file():
        return shape_of_run(load_run(folder), loaded)
    model = loaded.model
    if wanted not in model.info.identities and folder.exists():
        raise InputError(ConfigField("shape", wanted), "is not a run: it has no run.json", "give the folder of a run")
    index = find_identity(model, wanted)
    return KeptShape(model.shape_codes[index], f"of identity {model.info.identities[index]}")


def shape_of_run(run: Run, loaded: LoadedModel) -> KeptShape:
    """The shape that ``run`` has found.

    Raises:
        InputError: it has none, or is of another model.
    """
    shapes, _ = codes_of_run(run, loaded)
    return KeptShape(shapes[0], f"of run {run.folder.resolve()}")


def codes_of_run(run: Run, loaded: LoadedModel) -> tuple[Tensor, Tensor | None]:
    """Shape codes (K, Cs), and pose codes (F, Cp) or None, that ``run`` has found, see `load_codes`.

    Raises:
        InputError: it has none, or is of another model.
    """
    of = run.inputs.model
    if of is None or "codes.npz" not in run.artefacts:
        raise InputError(run.folder, "has no codes: its method fits none", "give a run of the method npm")
    if not _is_same(of, loaded.folder):
        problem = f"is a run of model {of.name}, and its codes mean nothing to {loaded.folder.name}"
        raise InputError(run.folder, problem, f"use {of}, or give a run of {loaded.folder.name}")
    return load_codes(run.folder / "codes.npz", loaded.model)


def _is_same(one: Path, other: Path) -> bool:
    """Whether two folders hold one model: by what they say of themselves, and by their names where one is gone."""
    one, other = one.resolve(), other.resolve()
    described = [folder / "model.json" for folder in (one, other)]
    if one == other or not all(path.is_file() for path in described):
        return one.name == other.name
    return described[0].read_bytes() == described[1].read_bytes()
