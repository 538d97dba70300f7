"""Voxel encoders: sizes, names, and their output against the formulas."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from engine.core.errors import InputError
from engine.models.checkpoint import load_model, save_model
from engine.models.networks.encoder import POSE_CHANNELS, SHAPE_CHANNELS, EncoderConfig, VoxelEncoder
from tests.support.present import present
from tests.support.toy_model import toy_model


def by_hand(state: dict[str, Tensor], occupancy: Tensor) -> Tensor:
    """The published layout from its tensors alone, in float64."""
    weights = {name: value.double() for name, value in state.items()}

    def convolve(value: Tensor, name: str, stride: int = 1) -> Tensor:
        return functional.conv3d(value, weights[f"{name}.weight"], weights[f"{name}.bias"], stride, padding=1)

    def normalise(value: Tensor, name: str) -> Tensor:
        scale = weights[f"{name}.weight"] / (weights[f"{name}.running_var"] + 1e-5).sqrt()
        shift = weights[f"{name}.bias"] - weights[f"{name}.running_mean"] * scale
        return value * scale[:, None, None, None] + shift[:, None, None, None]

    def halve(value: Tensor, name: str) -> Tensor:
        return normalise(convolve(value, f"{name}.0.0", 2), f"{name}.0.1").clamp_min(0)

    def residual(value: Tensor, name: str) -> Tensor:
        inner = normalise(convolve(value, f"{name}.block0.0"), f"{name}.block0.1").clamp_min(0)
        return (value + normalise(convolve(inner, f"{name}.block1.0"), f"{name}.block1.1")).clamp_min(0)

    value = halve(occupancy.double()[:, None], "conv_in")
    count = sum(name.endswith(".0.0.weight") for name in weights) - 1  # conv_0, conv_1, ...
    for index in range(count - 1):
        value = residual(halve(value, f"conv_{index}"), f"conv_{index}_1")
    value = functional.pad(halve(value, f"conv_{count - 1}"), [1] * 6, "replicate")
    value = functional.conv3d(value, weights[f"conv_{count - 1}_1.weight"], weights[f"conv_{count - 1}_1.bias"])
    hidden = weights["fc_0.weight"][..., 0] @ value.flatten(1).T + weights["fc_0.bias"][:, None]
    hidden = torch.where(hidden > 0, hidden, 0.01 * hidden)
    return (weights["fc_out.weight"][..., 0] @ hidden).T + weights["fc_out.bias"]


def disturbed(encoder: VoxelEncoder) -> VoxelEncoder:
    """``encoder`` with running statistics and biases that are not those of the start."""
    for name, value in encoder.state_dict().items():
        if name.endswith(("running_mean", "bias")):
            value.normal_(std=0.2)
        elif name.endswith("running_var"):
            value.uniform_(0.5, 2)
    return encoder.eval()


@pytest.mark.parametrize(
    ("channels", "resolution", "count"),
    [
        (SHAPE_CHANNELS, 256, 12_646_880),
        (POSE_CHANNELS, 256, 17_940_416),
        (SHAPE_CHANNELS, 128, 5_354_336),
        (POSE_CHANNELS, 128, 12_629_696),
    ],
)
def test_the_encoders_have_the_published_number_of_parameters(
    channels: tuple[int, ...], resolution: int, count: int
) -> None:
    with torch.device("meta"):
        encoder = VoxelEncoder(EncoderConfig(256, resolution, channels))
    assert sum(parameter.numel() for parameter in encoder.parameters()) == count


@pytest.mark.parametrize("resolution", [128, 256])
def test_the_names_and_shapes_are_those_of_the_published_encoders(resolution: int) -> None:
    with torch.device("meta"):
        state = VoxelEncoder(EncoderConfig(256, resolution, SHAPE_CHANNELS)).state_dict()
    blocks, last = (("0", "1", "2"), "3") if resolution == 128 else (("0", "1", "2", "3"), "4")
    statistics = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    stacks = [f"{name}.0" for name in ("conv_in", *(f"conv_{index}" for index in (*blocks, last)))]
    stacks += [f"conv_{index}_1.block{half}" for index in blocks for half in (0, 1)]
    names = {f"{stack}.0.{name}" for stack in stacks for name in ("weight", "bias")}
    names |= {f"{stack}.1.{name}" for stack in stacks for name in statistics}
    names |= {f"{layer}.{name}" for layer in (f"conv_{last}_1", "fc_0", "fc_out") for name in ("weight", "bias")}
    assert set(state) == names
    assert state["conv_in.0.0.weight"].shape == (8, 1, 3, 3, 3)
    assert state["fc_0.weight"].shape == (512, 8192 if resolution == 128 else 16384, 1)
    assert state["fc_out.weight"].shape == (256, 512, 1)


@pytest.mark.parametrize(("resolution", "channels"), [(16, (3, 4)), (32, (2, 3, 4)), (64, (2, 3, 4, 5, 6))])
def test_an_encoder_equals_its_formulas(resolution: int, channels: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    encoder = disturbed(VoxelEncoder(EncoderConfig(7, resolution, channels)))
    occupancy = torch.rand(2, resolution, resolution, resolution) < 0.1
    codes = encoder(occupancy)
    assert codes.shape == (2, 7)
    torch.testing.assert_close(codes.double(), by_hand(encoder.state_dict(), occupancy), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("resolution", [0, 8, 48, 100, 4096])
def test_a_resolution_that_cannot_be_halved_to_the_end_is_refused(resolution: int) -> None:
    with pytest.raises(ValueError, match="power of two"):
        EncoderConfig(256, resolution)


def test_too_few_channels_are_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        EncoderConfig(256, 128, (8, 16, 32))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    encoder = disturbed(VoxelEncoder(EncoderConfig(8, 16, (2, 3))))
    save_model(replace(toy_model(), shape_encoder=encoder), tmp_path / "toy.npm")
    return tmp_path / "toy.npm"


def test_an_encoder_survives_the_round_trip_with_its_model(folder: Path) -> None:
    model = load_model(folder)
    assert model.pose_encoder is None
    encoder = present(model.shape_encoder)
    assert encoder.config == EncoderConfig(8, 16, (2, 3))
    assert not encoder.training
    torch.manual_seed(0)
    expected = disturbed(VoxelEncoder(EncoderConfig(8, 16, (2, 3)))).state_dict()
    for name, value in encoder.state_dict().items():
        assert value.dtype == expected[name].dtype
        assert torch.equal(value, expected[name])


def test_an_encoder_of_other_codes_than_the_model_is_not_taken() -> None:
    with pytest.raises(AssertionError):
        replace(toy_model(), shape_encoder=VoxelEncoder(EncoderConfig(5, 16, (2, 3))))


@pytest.mark.parametrize(
    ("part", "field", "value"),
    [("shape_encoder", "channels", [10**6, 10**6]), ("shape_encoder", "resolution", 8), ("shape", "width", 10**6)],
)
def test_a_description_of_sizes_that_the_files_do_not_have_is_refused_before_memory_is_taken(
    part: str, field: str, value: object, folder: Path
) -> None:
    description = json.loads((folder / "model.json").read_text())
    (description["shape"]["decoder"] if part == "shape" else description[part])[field] = value
    (folder / "model.json").write_text(json.dumps(description))
    with pytest.raises(InputError, match="does not fit together"):
        load_model(folder)
