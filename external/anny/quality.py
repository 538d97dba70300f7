"""Splits on which models are measured: identities and motions of our own generators that no training has seen."""

import dataclasses
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from engine.core.errors import InputError, Task, remedy
from engine.core.files import read_json
from engine.core.progress import Progress
from engine.dataset.registered import RegisteredDataset, load_registered_dataset
from external.anny.character import random_numbers
from external.anny.generate import generate_dataset
from external.anny.hands.generate import generate_hands
from external.anny.hands.motions import FAMILIES as HAND_FAMILIES
from external.anny.identities import HAND_LENGTHS, STATURES, sample_identity
from external.anny.motions import FAMILIES as BODY_FAMILIES
from external.anny.random_motions import check_families
from external.anny.rig import AnnyModel

Count = Annotated[int, Field(gt=0)]
Amount = Annotated[float, Field(gt=0)]
_YOUNGEST_ADULT = 0.6
"""Anny's ``age`` from which `external.anny.identities` draws adults; children stay well below."""


@dataclasses.dataclass(frozen=True)
class Bars:
    """Least IoU and largest of everything else; None: no bar."""

    training_iou: Amount | None = None
    training_chamfer_l2: Amount | None = None
    """Canonical units squared, as everything with this name."""
    training_deformation: Amount | None = None
    unseen_iou: Amount | None = None
    """Mean over adults and children."""
    children_iou: Amount | None = None
    unseen_deformation: Amount | None = None
    """Unseen identities in unseen motions."""
    arithmetic: Amount | None = None
    """Multiply-adds per point of both decoders against those of the published sizes."""


@dataclasses.dataclass(frozen=True)
class QualitySplit:
    """What is measured, on whom."""

    generator: Literal["anny", "hands"]
    seed: Annotated[int, Field(ge=0)]
    adults: Count
    children: Annotated[int, Field(ge=0)]
    families: tuple[str, ...]
    """Motion families, kept out of training."""
    sequences: Count
    """Per identity, each of a random one of the families."""
    frames: Count
    """Per sequence; evenly spaced where it has more."""
    shape_steps: Count
    """Of the fit of shape codes."""
    pose_steps: Count
    """Of the fit of pose codes."""
    bars: Mapping[str, Bars] = dataclasses.field(default_factory=dict)
    """By the name of the model."""


for _cls in (Bars, QualitySplit):
    setattr(_cls, "__pydantic_config__", ConfigDict(extra="forbid"))  # noqa: B010


def load_quality_split(path: Path) -> QualitySplit:
    """Read a split.

    Raises:
        InputError: the file is missing or not YAML, a field is unknown, missing or of the wrong type, or a motion
            family does not exist.
    """
    fix = "see configs/anny/quality.yaml"
    try:
        split = TypeAdapter(QualitySplit).validate_python(yaml.safe_load(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise InputError(path, "no such file", fix) from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(path, f"is not readable YAML ({error.__class__.__name__})", fix) from None
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise InputError(path, f"field {field or '(root)'}: {first['msg']}", fix) from None
    check_families(split.families, BODY_FAMILIES if split.generator == "anny" else HAND_FAMILIES)
    return split


def generate_unseen(split: QualitySplit, out: Path, progress: Progress | None = None) -> RegisteredDataset:
    """Generate as many identities as it takes to have the adults and children of ``split``, with their motions.

    Raises:
        InputError, Cancelled: as `generate_dataset` says.
    """
    is_body = split.generator == "anny"
    model = AnnyModel() if is_body else AnnyModel("R")
    sizes = STATURES if is_body else HAND_LENGTHS
    wanted = {True: split.children, False: split.adults}
    for index in count():
        phenotype, _ = sample_identity(model, random_numbers(split.seed, index), sizes)
        wanted[_is_child(phenotype)] -= 1
        if max(wanted.values()) <= 0:
            break
    generate = generate_dataset if is_body else generate_hands
    generate(out, index + 1, split.sequences, split.frames, split.seed, families=split.families, progress=progress)
    return load_registered_dataset(out)


def choose_identities(split: QualitySplit, dataset: RegisteredDataset) -> tuple[list[int], list[int]]:
    """The first adults and the first children of a generated dataset, as many as ``split`` wants or there are.

    Raises:
        InputError: ``dataset`` does not say what its identities are, or has no adults.
    """
    recipe = read_json(dataset.root / "dataset.json").get("recipe")
    phenotypes = recipe.get("phenotypes") if isinstance(recipe, dict) else None
    if not isinstance(phenotypes, dict) or not set(dataset.identities) <= set(phenotypes):
        fix = remedy("{} or {}", Task.MAKE_BODIES, Task.MAKE_HANDS)
        raise InputError(dataset.root, "does not say who is a child", fix)
    children = [i for i, name in enumerate(dataset.identities) if _is_child(phenotypes[name])]
    adults = [i for i in range(len(dataset.identities)) if i not in children]
    if not adults:
        raise InputError(dataset.root, "has no adults", "make it with more identities")
    return adults[: split.adults], children[: split.children]


def _is_child(phenotype: Mapping[str, float]) -> bool:
    return phenotype["age"] < _YOUNGEST_ADULT
