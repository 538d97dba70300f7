"""Native checkpoints: a folder ``NAME.npm`` of safetensors files and a ``model.json``. No pickle anywhere."""

import dataclasses
import logging
import shutil
from itertools import groupby
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from engine.core.errors import InputError, Setting, in_words, remedy
from engine.core.files import check_name, read_json, replacing_folder, write_json
from engine.geometry.similarity import Similarity
from engine.models.coordinate_file import (
    FILE_NAME,
    CoordinateNetworkFile,
    network_path,
    read_coordinate_network,
    write_coordinate_network,
)
from engine.models.labels import FrameLabel, ModelInfo
from engine.models.model import NeuralParametricModel
from engine.models.networks.decoder import DecoderConfig, PoseDecoder, ShapeDecoder
from engine.models.networks.encoder import EncoderConfig, VoxelEncoder
from engine.models.tensor_files import read_tensors, write_tensors

_log = logging.getLogger(__name__)

FORMAT_VERSION = 2
"""Version 1 named the sequence of every sample again."""
_BETWEEN = "/"
"""Between the names of samples, in none of which it can be."""
_REMEDY = "give the folder of a model, NAME.npm"


def save_model(model: NeuralParametricModel, folder: Path, dtype: torch.dtype = torch.float32) -> None:
    """Write ``model`` to ``folder``, replacing what was there only once everything is written.

    Args:
        dtype: float32, or float16 to halve the files (reading gives float32 again).

    Raises:
        InputError: ``folder`` holds something that is not a model.
    """
    check_replaceable(folder)
    info = model.info
    description: dict[str, Any] = {
        "format": "npm-studio model",
        "format_version": FORMAT_VERSION,
        "name": info.name,
        "class": info.category,
        "licence": info.licence,
        "similarity": info.similarity.as_dict(),
        "shape": {"code_size": model.shape_decoder.code_size, "decoder": _as_dict(model.shape_decoder.config)},
        "identities": list(info.identities),
        "identity_datasets": list(info.identity_datasets),
        "training": info.training,
    }
    tensors: dict[str, dict[str, Tensor]] = {
        "shape_decoder": model.shape_decoder.state_dict(),
        "shape_codes": {"codes": model.shape_codes},
    }
    if model.pose_decoder is not None and model.pose_codes is not None:
        description["pose"] = {
            "code_size": model.pose_decoder.pose_code_size,
            "decoder": _as_dict(model.pose_decoder.config),
        }
        description["frames"] = [
            [identity, sequence, _BETWEEN.join(frame.sample for frame in frames)]
            for (identity, sequence), frames in groupby(info.frames, key=lambda f: (f.identity, f.sequence))
        ]
        tensors["pose_decoder"] = model.pose_decoder.state_dict()
        tensors["pose_codes"] = {"codes": model.pose_codes}
    for name, encoder in (("shape_encoder", model.shape_encoder), ("pose_encoder", model.pose_encoder)):
        if encoder is not None:
            description[name] = _as_dict(encoder.config)
            tensors[name] = encoder.state_dict()
    if model.coordinate_network is not None:
        description["coordinate_network"] = {"file": FILE_NAME}
    with replacing_folder(folder) as temporary:
        for name, state in tensors.items():
            write_tensors(temporary / f"{name}.safetensors", state, dtype)
        if model.coordinate_network is not None:
            note = info.training.get("coordinates", {})
            file = CoordinateNetworkFile(model.coordinate_network, info.category, info.licence, info.similarity, note)
            write_coordinate_network(file, temporary / FILE_NAME)
        write_json(temporary / "model.json", description)
        for extra in sorted(folder.glob("*.md")):  # the model card and its pictures outlive a re-save
            (temporary / extra.name).write_bytes(extra.read_bytes())
        if (folder / "card").is_dir():
            shutil.copytree(folder / "card", temporary / "card")


def check_replaceable(folder: Path) -> None:
    """Refuse a place where a model cannot be written without destroying something else.

    Raises:
        InputError: ``folder`` is a file, or a folder with something else than a model in it.
    """
    if folder.exists() and not (folder / "model.json").is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(folder, "exists and is not a model", remedy("choose another folder for {}", Setting.OUT))


def load_model(folder: Path, device: torch.device | str = "cpu") -> NeuralParametricModel:
    """Read a model folder; decoders come frozen, in evaluation mode, on ``device``, in float32.

    Raises:
        InputError: the folder is not a model, or a file of it is missing, truncated or does not match.
    """
    _log.info("model %s, on %s", folder, device)
    if not folder.is_dir():
        problem = "is a file, not a model folder" if folder.exists() else "no such model"
        raise InputError(folder, problem, _REMEDY)
    if not (folder / "model.json").is_file():
        raise InputError(folder, "is not a model: it has no model.json", _REMEDY)
    description = read_json(folder / "model.json", _REMEDY)
    if not isinstance(description, dict) or description.get("format") != "npm-studio model":
        raise InputError(folder / "model.json", "does not describe a model", _REMEDY)
    version = description.get("format_version")
    if version not in range(1, FORMAT_VERSION + 1):
        raise InputError(
            folder, f"has format version {version}, this program reads up to {FORMAT_VERSION}", "upgrade npm-studio"
        )
    try:
        model = _build(folder, description)
    except (KeyError, TypeError, ValueError, AssertionError, RuntimeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(folder, f"does not fit together{in_words(error)}", "copy or train it again") from None
    return model.to(device)


def share_coordinate_network(folder: Path, name: str) -> None:
    """Have the model in ``folder`` name a coordinate network beside it, in place of one of its own.

    Args:
        name: ``../NAME.safetensors``

    Raises:
        InputError: the folder is no model, or the file is missing, damaged or goes with other models.
    """
    model = load_model(folder)
    file = read_coordinate_network(network_path(folder, name))
    file.check_goes_with(model.info, folder)
    description = read_json(folder / "model.json", _REMEDY)
    training = {key: value for key, value in description["training"].items() if key != "coordinates"}
    write_json(folder / "model.json", {**description, "training": training, "coordinate_network": {"file": name}})
    if name != FILE_NAME:
        (folder / FILE_NAME).unlink(missing_ok=True)


def _build(folder: Path, description: dict[str, Any]) -> NeuralParametricModel:
    shape = description["shape"]
    # on the meta device: sizes that the files do not have cost no memory, and nothing is initialised in vain
    with torch.device("meta"):
        shape_decoder = ShapeDecoder(int(shape["code_size"]), DecoderConfig(**shape["decoder"]))
    shape_decoder.load_state_dict(_read(folder, "shape_decoder"), assign=True)
    shape_codes = _read(folder, "shape_codes")["codes"]
    pose_decoder, pose_codes = None, None
    frames: tuple[FrameLabel, ...] = ()
    if "pose" in description:
        pose = description["pose"]
        with torch.device("meta"):
            config = DecoderConfig(**pose["decoder"])
            pose_decoder = PoseDecoder(shape_decoder.code_size, int(pose["code_size"]), config)
        pose_decoder.load_state_dict(_read(folder, "pose_decoder"), assign=True)
        pose_codes = _read(folder, "pose_codes")["codes"]
        frames = tuple(
            FrameLabel(int(i), check_name(sequence, folder), check_name(sample, folder))
            for i, sequence, samples in description["frames"]
            for sample in str(samples).split(_BETWEEN)
        )
    identities = tuple(check_name(name, folder / "model.json") for name in description["identities"])
    if any(not 0 <= frame.identity < len(identities) for frame in frames):
        raise ValueError("a frame names an identity that is not there")
    info = ModelInfo(
        name=str(description["name"]),
        category=str(description["class"]),
        licence=str(description["licence"]),
        similarity=Similarity.from_dict(description["similarity"], folder / "model.json"),
        identities=identities,
        identity_datasets=tuple(str(name) for name in description.get("identity_datasets", [])),
        frames=frames,
        training=dict(description["training"]),
    )
    shape_encoder, pose_encoder = (_encoder(folder, description, name) for name in ("shape_encoder", "pose_encoder"))
    network = None
    if "coordinate_network" in description:
        file = read_coordinate_network(network_path(folder, description["coordinate_network"]["file"]))
        file.check_goes_with(info, folder)
        network = file.network
        info = dataclasses.replace(info, training={"coordinates": file.training, **info.training})
    return NeuralParametricModel(
        info, shape_decoder, shape_codes, pose_decoder, pose_codes, shape_encoder, pose_encoder, network
    )


def _encoder(folder: Path, description: dict[str, Any], name: str) -> VoxelEncoder | None:
    if name not in description:
        return None
    with torch.device("meta"):
        encoder = VoxelEncoder(EncoderConfig(**description[name]))
    encoder.load_state_dict(_read(folder, name), assign=True)
    return encoder


def _read(folder: Path, name: str) -> dict[str, Tensor]:
    return read_tensors(folder / f"{name}.safetensors")


def _as_dict(config: DecoderConfig | EncoderConfig) -> dict[str, Any]:
    return dataclasses.asdict(config)
