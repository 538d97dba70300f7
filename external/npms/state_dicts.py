"""What network a state dictionary of the published NPM code belongs to: every dimension from the tensors."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from engine.core.errors import InputError
from engine.models.networks.decoder import DecoderConfig, PoseDecoder, ShapeDecoder
from engine.models.networks.encoder import EncoderConfig, VoxelEncoder
from engine.models.networks.rigid_motion import PARAMETERS

Module = TypeVar("Module", bound=nn.Module)

_REMEDY = "it is not a network of the published NPM code"
_MOST_LAYERS = 64
_LAYER = re.compile(r"lin(\d{1,4})\.(?:weight|weight_g|weight_v|bias)|bn(\d{1,4})\.(?:weight|bias)")
_WRAPPED = re.compile(r"^(?:module\.|_orig_mod\.)+|(?<=\.)_orig_mod\.")
_PARAMETRIZED = {
    "parametrizations.weight.original0": "weight_g",
    "parametrizations.weight.original1": "weight_v",
}


def shape_decoder_of(state: Mapping[str, Tensor], code_size: int, path: Path) -> ShapeDecoder:
    """The shape decoder with the tensors ``state``, for codes of ``code_size``.

    Raises:
        InputError: they are not those of one; ``path`` is where they are from.
    """
    state = _by_published_names(state, path)
    config, outputs = _config_of(state, code_size, path, "shape decoder")
    if outputs != 1:
        raise InputError(path, f"has a shape decoder with {outputs} outputs, needs 1", _REMEDY)
    with torch.device("meta"):
        decoder = ShapeDecoder(code_size, config)
    return _filled(decoder, state, path, "shape decoder")


def pose_decoder_of(state: Mapping[str, Tensor], shape_code_size: int, pose_code_size: int, path: Path) -> PoseDecoder:
    """The pose decoder with the tensors ``state``: of translations (3 outputs) or rigid motions (9).

    Raises:
        InputError: they are not those of one; ``path`` is where they are from.
    """
    state = _by_published_names(state, path)
    config, outputs = _config_of(state, shape_code_size + pose_code_size, path, "pose decoder")
    if outputs not in (3, PARAMETERS):
        raise InputError(path, f"has a pose decoder with {outputs} outputs, needs 3 or {PARAMETERS}", _REMEDY)
    with torch.device("meta"):
        decoder = PoseDecoder(shape_code_size, pose_code_size, replace(config, se3=outputs == PARAMETERS))
    return _filled(decoder, state, path, "pose decoder")


def encoder_of(state: Mapping[str, Tensor], path: Path) -> VoxelEncoder:
    """The voxel encoder with the tensors ``state``.

    Raises:
        InputError: they are not those of one; ``path`` is where they are from.
    """
    state = _by_published_names(state, path)
    channels = []
    for name in ("conv_in", *(f"conv_{index}" for index in range(8))):
        weight = state.get(f"{name}.0.0.weight")
        if weight is None:
            break
        channels.append(_dimension(weight, 0))
    code_size = _dimension(state.get("fc_out.weight"), 0)
    try:
        config = EncoderConfig(code_size, 4 << len(channels), tuple(channels))
    except ValueError as error:
        raise InputError(path, f"has no voxel encoder ({error})", _REMEDY) from None
    with torch.device("meta"):
        encoder = VoxelEncoder(config)
    return _filled(encoder, state, path, "encoder")


def _config_of(state: Mapping[str, Tensor], code_size: int, path: Path, what: str) -> tuple[DecoderConfig, int]:
    """Configuration of a decoder and units of its last layer."""

    def refuse(problem: str) -> InputError:
        return InputError(path, f"has a {what} {problem}", _REMEDY)

    indices = set()
    for name in state:
        found = _LAYER.fullmatch(name)
        if found is None:
            raise refuse(f"with an unknown tensor {name[:60]!r}")
        indices.add(int(found[1] or found[2]))
    layers = len(indices) - 1
    if not 2 <= layers <= _MOST_LAYERS or indices != set(range(layers + 1)):
        raise refuse("whose layers are not numbered lin0, lin1, ...")
    weights = [state.get(f"lin{index}.weight_v", state.get(f"lin{index}.weight")) for index in range(layers + 1)]
    sizes: list[tuple[int, int]] = []  # inputs and outputs
    for index, weight in enumerate(weights):
        if weight is None or weight.ndim != 2 or 0 in weight.shape:
            raise refuse(f"without a weight matrix in lin{index}")
        sizes.append((weight.shape[1], weight.shape[0]))
    embedded = sizes[0][0]
    bands, rest = divmod(embedded - code_size - 3, 6)
    if bands < 0 or rest:
        raise refuse(f"with {embedded} inputs, which do not go with codes of {code_size}")
    grown = [sizes[index][0] - sizes[index - 1][1] for index in range(1, layers + 1)]
    skips = [index for index, extra in enumerate(grown, start=1) if extra == embedded]
    appended = {extra for extra in grown if extra != embedded}
    if len(skips) != 1 or appended not in ({0}, {3}):
        raise refuse(f"with {len(skips)} skips of the input, needs one, or whose layers do not fit together")
    width = sizes[-1][0]
    config = DecoderConfig(
        width=width,
        layers=layers,
        skip_layer=skips[0],
        full_width_skip=sizes[skips[0] - 1][1] == width,
        frequencies=bands,
        weight_norm="lin0.weight_v" in state,
        layer_norm="bn0.weight" in state,
        positional_encoding=bands > 0,
        xyz_in_all=appended == {3},
    )
    try:
        config.check(code_size)
    except ValueError as error:
        raise refuse(f"that cannot be ({error})") from None
    return config, sizes[-1][1]


def _filled(module: Module, state: Mapping[str, Tensor], path: Path, what: str) -> Module:
    """``module`` (on the meta device) with ``state`` as its tensors."""
    expected = module.state_dict()
    missing = [name for name in expected if name not in state]
    if missing:
        raise InputError(path, f"has a {what} without {missing[0]}", _REMEDY)
    unknown = [name for name in state if name not in expected]
    if unknown:
        raise InputError(path, f"has a {what} with an unknown tensor {unknown[0][:60]!r}", _REMEDY)
    for name, value in expected.items():
        if state[name].shape != value.shape:
            problem = f"has in {name} of the {what} the shape {tuple(state[name].shape)}, needs {tuple(value.shape)}"
            raise InputError(path, problem, _REMEDY)
    module.load_state_dict(state, assign=True)
    return module.eval().requires_grad_(False)


def _by_published_names(state: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    """``state`` under the names that the published code gives its tensors.

    Training on several devices puts ``module.`` in front of them, `torch.compile` puts ``_orig_mod.`` where a compiled
    module begins, and PyTorch 2 calls the parts of a normalised weight, its lengths and directions,
    ``parametrizations.weight.original0`` and ``original1``.
    """
    renamed: dict[str, Tensor] = {}
    for name, value in state.items():
        plain = _WRAPPED.sub("", name)
        for new, old in _PARAMETRIZED.items():
            plain = plain.removesuffix(new) + old if plain.endswith(new) else plain
        if plain in renamed:
            raise InputError(path, f"has two tensors called {plain[:60]!r}", _REMEDY)
        renamed[plain] = value
    return renamed


def _dimension(weight: Tensor | None, axis: int) -> int:
    return 0 if weight is None or weight.ndim <= axis else weight.shape[axis]
