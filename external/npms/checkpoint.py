"""Checkpoints of the published NPM code (Palafox et al. 2021): `import_checkpoint`, `export_checkpoint`.

A file is what ``torch.save`` makes of a dictionary::

    epoch                              number of finished epochs
    model_state_dict_shape_decoder     lin{l}.bias, lin{l}.weight_g, lin{l}.weight_v; the last layer: weight, bias
    model_state_dict_pose_decoder      the same; random numbers in files of the shape stage
    shape_codes, pose_codes            (N, 1, C)
    optimizer_state_dict               Adam: shape decoder, pose decoder, shape codes, pose codes

Those of the voxel encoders have ``model_state_dict_shape_encoder`` or ``model_state_dict_pose_encoder`` instead.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from engine.core.errors import InputError, Setting, remedy
from engine.core.files import replacing_file
from engine.geometry.similarity import Similarity
from engine.models.labels import UNLABELLED, FrameLabel, ModelInfo
from engine.models.model import NeuralParametricModel
from engine.models.networks.decoder import Decoder, PoseDecoder
from engine.models.networks.encoder import VoxelEncoder
from external.npms.sample_files import SampleLabel, read_labels
from external.npms.state_dicts import encoder_of, pose_decoder_of, shape_decoder_of
from external.npms.torch_archive import float_tensors, number, read_archive

SHAPE, POSE = "model_state_dict_shape_decoder", "model_state_dict_pose_decoder"
_LICENCE = "as the checkpoint: ask who published it"
_ENCODERS = {"shape": Setting.SHAPE_ENCODER, "pose": Setting.POSE_ENCODER}
_LEARNING_RATES = (5e-4, 5e-4, 1e-3, 1e-3)  # of the published configurations, in the order of Adam's groups


@dataclass(frozen=True)
class Sources:
    """The files that a model is imported from."""

    checkpoint: Path
    pose_checkpoint: Path | None = None
    """Where the pose decoder and its codes are, if not in ``checkpoint``."""
    shape_encoder: Path | None = None
    pose_encoder: Path | None = None
    labels: Path | None = None
    """``labels.json``: the frame of each pose code."""
    labels_tpose: Path | None = None
    """``labels_tpose.json``: the identity of each shape code."""


def import_checkpoint(
    sources: Sources, name: str, category: str = "unknown", similarity: Similarity | None = None
) -> NeuralParametricModel:
    """The model in ``sources``; every dimension is inferred from the tensors.

    Without labels, identities and frames are numbered, and frames are those of every identity.

    Args:
        similarity: between metres and canonical space, which checkpoints do not say.

    Raises:
        InputError: a file is missing, damaged, hostile, or does not go with the others.
    """
    path = sources.checkpoint
    content = read_archive(path)
    shape_codes = _codes(content, "shape_codes", path)
    shape_decoder = shape_decoder_of(_state(content, SHAPE, path), shape_codes.shape[1], path)
    tposes = () if sources.labels_tpose is None else read_labels(sources.labels_tpose)
    labels = () if sources.labels is None else read_labels(sources.labels)

    pose_path = sources.pose_checkpoint or path
    pose_content = read_archive(pose_path) if sources.pose_checkpoint else content
    pose_decoder, pose_codes = None, None
    frames: tuple[FrameLabel, ...] = ()
    rows = list(range(len(shape_codes)))
    if sources.pose_checkpoint or _pose_is_trained(content, path):
        pose_codes = _codes(pose_content, "pose_codes", pose_path)
        state = _state(pose_content, POSE, pose_path)
        pose_decoder = pose_decoder_of(state, shape_codes.shape[1], pose_codes.shape[1], pose_path)
        if sources.pose_checkpoint:
            rows = _rows_of(_codes(pose_content, "shape_codes", pose_path), shape_codes, pose_path, path)
        frames = _frames(labels, len(pose_codes), rows, sources)
    identities, datasets = _identities(tposes, labels, rows, len(shape_codes), sources)
    held = {path: content, pose_path: pose_content}  # one entry if they are the same file
    info = ModelInfo(
        name=name,
        category=category,
        licence=_LICENCE,
        similarity=similarity or Similarity(),
        identities=identities,
        identity_datasets=datasets,
        frames=frames,
        training={
            "imported": {
                "layout": "npms",
                "files": [file.name for file in held],
                "epochs": [_epoch(entries) for entries in held.values()],
            }
        },
    )
    return NeuralParametricModel(
        info,
        shape_decoder,
        shape_codes,
        pose_decoder,
        pose_codes,
        _encoder(sources.shape_encoder, "shape", shape_codes),
        _encoder(sources.pose_encoder, "pose", pose_codes),
    )


def export_checkpoint(model: NeuralParametricModel, path: Path) -> dict[str, Any]:
    """Write the decoders and codes of ``model`` to ``path``, for the published code to load.

    A model without a pose part gets a random one, as files of the shape stage have. The state of the optimiser is that
    of one that has not made a step.

    Returns:
        Arguments that the published constructors need to build these networks, of each decoder.

    Raises:
        InputError: the published code has no such network.
    """
    for decoder in (model.shape_decoder, model.pose_decoder):
        if decoder is not None and decoder.config.positional_encoding and decoder.config.frequencies == 0:
            raise InputError(model.info.name, "encodes points without any band", "set positional_encoding off instead")
    if not model.shape_decoder.config.tanh:
        problem = "has no tanh after its shape decoder, the published code always has one"
        raise InputError(model.info.name, problem, "train it with tanh")
    pose_decoder, pose_codes = model.pose_decoder, model.pose_codes
    if pose_decoder is None or pose_codes is None:
        pose_decoder, pose_codes = _random_pose_part(model)
    parts = [
        list(model.shape_decoder.parameters()),
        list(pose_decoder.parameters()),
        [nn.Parameter(model.shape_codes[:, None].float().cpu().clone())],
        [nn.Parameter(pose_codes[:, None].float().cpu().clone())],
    ]
    groups = [{"params": part, "lr": rate} for part, rate in zip(parts, _LEARNING_RATES, strict=True)]
    content = {
        "epoch": _exported_epoch(model.info),
        SHAPE: _plain_state(model.shape_decoder),
        POSE: _plain_state(pose_decoder),
        "shape_codes": parts[2][0].detach(),
        "pose_codes": parts[3][0].detach(),
        "optimizer_state_dict": torch.optim.Adam(groups).state_dict(),
    }
    _save(content, path)
    return {
        "shape_decoder": _constructor_arguments(model.shape_decoder),
        "pose_decoder": _constructor_arguments(pose_decoder),
    }


def export_encoder(encoder: VoxelEncoder, path: Path, kind: Literal["shape", "pose"]) -> None:
    """Write ``encoder`` to ``path``, for the published code to load."""
    optimizer = torch.optim.Adam(list(encoder.parameters()))
    content = {"epoch": 0, f"model_state_dict_{kind}_encoder": _plain_state(encoder)}
    _save({**content, "optimizer_state_dict": optimizer.state_dict()}, path)


def _state(content: Mapping[str, Any], key: str, path: Path) -> dict[str, Tensor]:
    return float_tensors(_entry(content, key, path), path, key)


def _codes(content: Mapping[str, Any], key: str, path: Path) -> Tensor:
    """Codes (N, C) of the stored (N, 1, C)."""
    codes = float_tensors({key: _entry(content, key, path)}, path, key)[key]
    if codes.ndim != 3 or codes.shape[1] != 1 or 0 in codes.shape:
        raise InputError(path, f"'{key}' has shape {tuple(codes.shape)}, needs (N, 1, C)", "check what the file is")
    return codes[:, 0]


def _entry(content: Mapping[str, Any], key: str, path: Path) -> Any:
    if key in content:
        return content[key]
    encoders = [kind for kind in ("shape", "pose") if f"model_state_dict_{kind}_encoder" in content]
    if encoders:
        raise InputError(
            path, f"is the checkpoint of a {encoders[0]} encoder", remedy("give it as {}", _ENCODERS[encoders[0]])
        )
    raise InputError(path, f"has no entry '{key}'", "use a checkpoint of the published NPM code")


def _pose_is_trained(content: Mapping[str, Any], path: Path) -> bool:
    """Whether the pose part is more than the random numbers that files of the shape stage have.

    Adam keeps no state of parameters without a gradient. In files without any such state, those of the shape stage
    have as many pose codes as identities, of which there is one canonical frame each.
    """
    if POSE not in content and "pose_codes" not in content:
        return False
    optimizer = content.get("optimizer_state_dict")
    try:
        assert isinstance(optimizer, Mapping)
        stepped = set(optimizer["state"])
        shape, pose = (stepped & set(group["params"]) for group in optimizer["param_groups"][:2])
    except (AssertionError, KeyError, TypeError, ValueError):
        shape, pose = set(), set()
    if shape or pose:
        return bool(pose)
    return len(_codes(content, "pose_codes", path)) != len(_codes(content, "shape_codes", path))


def _rows_of(used: Tensor, shape_codes: Tensor, pose_path: Path, path: Path) -> list[int]:
    """Row of ``shape_codes`` (N, C) that each of the codes ``used`` (M, C) by the pose stage is."""
    row_of = {code.numpy().tobytes(): row for row, code in enumerate(shape_codes)}
    rows = [row_of.get(code.numpy().tobytes(), -1) for code in used]
    if -1 in rows:
        problem = f"was trained on other shape codes than those of {path.name}"
        raise InputError(pose_path, problem, "give the checkpoint of the shape stage that it was started from")
    return rows


def _frames(labels: Sequence[SampleLabel], count: int, rows: Sequence[int], sources: Sources) -> tuple[FrameLabel, ...]:
    """The label of each of ``count`` pose codes; ``rows`` of the shape codes by identity_id."""
    if sources.labels is None:
        return tuple(FrameLabel(0, UNLABELLED, f"{index:06d}") for index in range(count))
    if len(labels) != count:
        raise InputError(
            sources.labels, f"has {len(labels)} labels for {count} pose codes", "give those of the training"
        )
    if not all(0 <= label.identity_id < len(rows) for label in labels):
        raise InputError(
            sources.labels, f"has an identity_id outside 0 to {len(rows) - 1}", "give those of the training"
        )
    return tuple(FrameLabel(rows[label.identity_id], label.sequence, label.sample) for label in labels)


def _identities(
    tposes: Sequence[SampleLabel], labels: Sequence[SampleLabel], rows: Sequence[int], count: int, sources: Sources
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Name and dataset of each of ``count`` shape codes; no datasets where some are unknown."""
    known: dict[int, SampleLabel] = {}
    if sources.labels_tpose is not None:
        path = sources.labels_tpose
        if len(tposes) != count:
            raise InputError(path, f"has {len(tposes)} labels for {count} shape codes", "give those of the training")
        if any(label.identity_id != row for row, label in enumerate(tposes)):
            raise InputError(path, "is not in the order of identity_id", "give those of the training")
        known = dict(enumerate(tposes))
    for label in labels:
        if not 0 <= label.identity_id < len(rows):
            continue  # `_frames` refuses it where frames are taken
        named = known.setdefault(rows[label.identity_id], label)
        if named.identity != label.identity:
            problem = f"names {label.identity} what is {named.identity} elsewhere (identity_id {label.identity_id})"
            raise InputError(str(sources.labels), problem, "give the labels of the training")
    names = tuple(known[row].identity if row in known else f"identity_{row:03d}" for row in range(count))
    datasets = tuple((known[row].dataset if row in known else None) or "" for row in range(count))
    return names, datasets if all(datasets) else ()


def _encoder(path: Path | None, kind: str, codes: Tensor | None) -> VoxelEncoder | None:
    if path is None:
        return None
    if codes is None:
        raise InputError(
            path, f"cannot be used: the model has no {kind} codes", remedy("leave out {}", _ENCODERS[kind])
        )
    key = f"model_state_dict_{kind}_encoder"
    content = read_archive(path)
    if key not in content:
        raise InputError(path, f"has no entry '{key}'", f"give the checkpoint of a {kind} encoder")
    encoder = encoder_of(_state(content, key, path), path)
    if encoder.config.code_size != codes.shape[1]:
        problem = f"makes codes of {encoder.config.code_size}, the model has {codes.shape[1]}"
        raise InputError(path, problem, "give the encoder of this model")
    return encoder


def _epoch(content: Mapping[str, Any]) -> int | None:
    epoch = number(content.get("epoch"))
    return epoch if isinstance(epoch, int) and 0 <= epoch < 2**31 else None


def _exported_epoch(info: ModelInfo) -> int:
    """The last epoch of an imported model; others do not count epochs."""
    imported = info.training.get("imported")
    epochs = imported.get("epochs") if isinstance(imported, dict) else None
    last = epochs[-1] if isinstance(epochs, list) and epochs else None
    return last if isinstance(last, int) else 0


def _random_pose_part(model: NeuralParametricModel) -> tuple[PoseDecoder, Tensor]:
    """Of twice the width, as published, with one code per identity."""
    size, config = model.shape_decoder.code_size, model.shape_decoder.config
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        decoder = PoseDecoder(size, size, replace(config, width=2 * config.width))
        return decoder, torch.randn(len(model.shape_codes), size) / size


def _plain_state(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().cpu().clone() for name, value in module.state_dict().items()}


def _constructor_arguments(decoder: Decoder) -> dict[str, Any]:
    """As the published constructors name them; ``dims`` are the inputs of the layers after the first."""
    config = decoder.config
    dims = [config.width] * config.layers
    if config.full_width_skip:
        # the published rule takes the input's width away from the layer before the skip, so it is added here
        dims[config.skip_layer - 1] += decoder.code_size + config.point_width
    return {
        "latent_size": decoder.code_size,
        "dims": dims,
        "latent_in": [config.skip_layer],
        "norm_layers": list(range(config.layers)) if config.weight_norm or config.layer_norm else [],
        "weight_norm": config.weight_norm,
        "positional_enc": config.positional_encoding,
        "n_positional_freqs": config.frequencies,
        "xyz_in_all": config.xyz_in_all,
    }


def _save(content: dict[str, Any], path: Path) -> None:
    if path.is_dir():
        raise InputError(path, "is a folder", "name a file to write, FILE.tar")
    with replacing_file(path) as temporary, temporary.open("wb") as file:
        torch.save(content, file)
