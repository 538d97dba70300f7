"""A coordinate network on disk: one safetensors file that says what it goes with, in a model's folder or beside it.

Several models of one class and one similarity may name one file beside their folders.
"""

import dataclasses
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from engine.core.errors import InputError
from engine.core.files import replacing_file
from engine.geometry.similarity import Similarity
from engine.models.labels import ModelInfo
from engine.models.networks.coordinates import CoordinateConfig, CoordinateNetwork
from engine.models.tensor_files import first_line, read_metadata, read_tensors, write_tensors

FILE_NAME = "coordinates.safetensors"
"""In the folder of a model."""
_FORMAT = "npm-studio coordinate network"
_NAMED = re.compile(r"(?:\.\./)?[A-Za-z0-9][A-Za-z0-9_.-]*\.safetensors")


@dataclass(frozen=True, eq=False)
class CoordinateNetworkFile:
    """A network, and what it was trained for."""

    network: CoordinateNetwork
    category: str
    licence: str
    similarity: Similarity
    training: Mapping[str, Any]
    """How it was trained."""

    def check_goes_with(self, info: ModelInfo, source: Path) -> None:
        """Refuse a network whose canonical space is another than that of a model.

        Args:
            source: of the model

        Raises:
            InputError: naming the difference.
        """
        remedy = "use the coordinate network that was trained for it"
        if self.category != info.category:
            raise InputError(source, f"is of {info.category}, its coordinate network of {self.category}", remedy)
        mine, its = self.similarity, info.similarity
        near = all(abs(one - other) < 1e-4 for one, other in zip(mine.centre, its.centre, strict=True))
        if abs(mine.scale / its.scale - 1) > 1e-4 or not near:
            problem = f"has the similarity {_words(its)}, its coordinate network {_words(mine)}"
            raise InputError(source, problem, remedy)


def network_path(folder: Path, name: object) -> Path:
    """Where the file is that the model in ``folder`` names: in that folder or beside it, nowhere else.

    Raises:
        InputError: the name leads elsewhere.
    """
    if not isinstance(name, str) or not _NAMED.fullmatch(name):
        problem = f"names the coordinate network {str(name)!r}"
        raise InputError(folder / "model.json", problem, "name a file in its folder, or ../NAME.safetensors beside it")
    parent, _, plain = name.rpartition("/")
    return folder.resolve().parent / plain if parent else folder / plain


def write_coordinate_network(file: CoordinateNetworkFile, path: Path) -> None:
    """Write a network as float16, replacing what was there only once everything is written."""
    metadata = {
        "format": _FORMAT,
        "class": file.category,
        "licence": file.licence,
        "similarity": json.dumps(file.similarity.as_dict()),
        "network": json.dumps(dataclasses.asdict(file.network.config)),
        "training": json.dumps(dict(file.training)),
    }
    with replacing_file(path) as temporary:
        write_tensors(temporary, file.network.state_dict(), torch.float16, metadata)


def read_coordinate_network(path: Path) -> CoordinateNetworkFile:
    """Read a network, on the CPU, frozen and in evaluation mode.

    Raises:
        InputError: the file is missing, damaged, or no coordinate network.
    """
    state = read_tensors(path, "copy the coordinate network of the model's class to this place as well")
    described = read_metadata(path)
    if described.get("format") != _FORMAT:
        raise InputError(path, "is no coordinate network", "give a file that training has written")
    try:
        with torch.device("meta"):
            network = CoordinateNetwork(CoordinateConfig(**json.loads(described["network"])))
        network.load_state_dict(state, assign=True)
        similarity = Similarity.from_dict(json.loads(described["similarity"]), path)
        training = dict(json.loads(described["training"]))
        category, licence = described["class"], described["licence"]
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(path, f"does not fit together ({first_line(error)})", "copy or train it again") from None
    return CoordinateNetworkFile(network.eval().requires_grad_(False), category, licence, similarity, training)


def _words(similarity: Similarity) -> str:
    centre = ", ".join(f"{value:g}" for value in similarity.centre)
    return f"{similarity.scale:g} per metre about ({centre})"
