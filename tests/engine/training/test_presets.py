"""Every preset in `configs/` describes a whole model; those of published trainings have the published sizes."""

from pathlib import Path

import pytest
import torch

from engine.models.networks.coordinates import CoordinateConfig, CoordinateNetwork
from engine.models.networks.decoder import PoseDecoder, ShapeDecoder
from engine.models.networks.encoder import EncoderConfig, VoxelEncoder
from engine.training.config import EncoderStage, TrainingConfig, load_training_config

CONFIGS = Path(__file__).parents[3] / "configs"
PRESETS = sorted(path for size in ("tiny", "compact", "full") for path in CONFIGS.glob(f"*/{size}.yaml"))
PUBLISHED = {
    # identities, frames, code size, frames in a batch, epochs of the pose stage
    "cape": (35, 10_119, 384, 2, 200),
    "amass-mixamo-cape": (250, 45_533, 256, 4, 150),
    "mano": (200, 40_000, 256, 4, 150),
}


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_preset_says_for_whom_it_is_and_has_all_stages(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("# For ")
    config = load_training_config(path)
    encoders = [stage for stage in (config.shape_encoder, config.pose_encoder) if stage is not None]
    # what starts a fit: the canonical coordinates of what is seen, or codes
    assert config.coordinates is not None or len(encoders) == 2
    for encoder in encoders:
        # points without a weight, or a weight without points, would say nothing
        assert (encoder.surface_points > 0) == (encoder.surface_weight > 0)
    stages = (config.shape, config.pose, config.coordinates, *encoders)
    for schedule in [stage.schedule for stage in stages if stage is not None]:
        assert schedule.warmup < schedule.steps
        assert schedule.decay == "cosine" or 0 < schedule.halving_interval < schedule.steps


def test_no_two_presets_have_the_same_name() -> None:
    names = {load_training_config(path).name for path in PRESETS}
    assert len(names) == len(PRESETS)
    assert names >= {"anny-tiny", "anny-compact", "anny-full", "hand-compact"}


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_an_option_sets_a_field_of_one_stage_alone(path: Path) -> None:
    before = load_training_config(path)
    after = load_training_config(path, {"shape_encoder.schedule.steps": "7", "pose.schedule.steps": "9"})
    assert after.shape_encoder is not None and after.shape_encoder.schedule.steps == 7
    assert after.pose.schedule.steps == 9
    assert after.shape == before.shape and after.pose_encoder == before.pose_encoder


@pytest.mark.parametrize("preset", ["anny/full", "hands/full", "cape/full", "amass-mixamo-cape/full", "mano/full"])
def test_decoders_of_full_presets_have_the_published_number_of_parameters(preset: str) -> None:
    shape, pose = _decoder_parameters(load_training_config(CONFIGS / f"{preset}.yaml"))
    assert (shape, pose) == ((1_842_843, 7_357_853) if preset == "cape/full" else (1_843_099, 7_358_365))


@pytest.mark.parametrize("preset", ["amass-mixamo-cape", "mano"])
def test_encoders_of_published_presets_have_the_published_number_of_parameters(preset: str) -> None:
    config = load_training_config(CONFIGS / preset / "full.yaml")
    assert config.shape_encoder is not None and config.pose_encoder is not None
    assert _encoder_parameters(config.shape_encoder, config.shape.code_size) == 12_646_880
    assert _encoder_parameters(config.pose_encoder, config.pose.code_size) == 17_940_416


@pytest.mark.parametrize("preset", PUBLISHED)
def test_published_schedules_are_the_published_epochs_of_the_named_data(preset: str) -> None:
    identities, frames, code_size, batch, epochs = PUBLISHED[preset]
    config = load_training_config(CONFIGS / preset / "full.yaml")
    shape, pose, shape_encoder, pose_encoder = config.shape, config.pose, config.shape_encoder, config.pose_encoder
    assert shape_encoder is not None and pose_encoder is not None
    assert (shape.code_size, pose.code_size) == (code_size, code_size)
    assert (shape.identities_per_batch, pose.frames_per_batch) == (4, batch)
    assert (shape_encoder.frames_per_batch, pose_encoder.frames_per_batch) == (24, 16)
    # the decoders' last batch of an epoch is dropped when it is not full, the encoders' is not
    for stage, epoch, epochs_in_all, halving in (
        (shape, identities // 4, 4000, 500),
        (pose, frames // batch, epochs, 30),
        (shape_encoder, -(-frames // 24), 100, 5),
        (pose_encoder, -(-frames // 16), 100, 15),
    ):
        assert stage.schedule.steps == epochs_in_all * epoch
        assert (stage.schedule.decay, stage.schedule.halving_interval) == ("halving", halving * epoch)
    assert shape.code_weight_warmup == 100 * (identities // 4)
    assert pose.code_weight_warmup == 100 * (frames // batch)


def _decoder_parameters(config: TrainingConfig) -> tuple[int, int]:
    with torch.device("meta"):
        shape = ShapeDecoder(config.shape.code_size, config.shape.decoder)
        pose = PoseDecoder(config.shape.code_size, config.pose.code_size, config.pose.decoder)
    return _count(shape), _count(pose)


def _encoder_parameters(stage: EncoderStage, code_size: int) -> int:
    with torch.device("meta"):
        return _count(VoxelEncoder(EncoderConfig(code_size, stage.resolution, stage.channels)))


def _count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_the_network_of_hands_fits_among_the_assets_and_knows_all_that_a_hand_may_do() -> None:
    config = load_training_config(CONFIGS / "hands" / "compact.yaml")
    stage = config.coordinates
    assert stage is not None and config.shape_encoder is None and config.pose_encoder is None
    network = CoordinateNetwork(CoordinateConfig(stage.size, stage.channels, stage.heads, landmarks=stage.landmarks))
    assert 2 * sum(weight.numel() for weight in network.parameters()) < 4.7e6  # bytes of float16
    assert not stage.upright and stage.mirrored > 0 and stage.forearm > 0
    assert stage.distances[0] <= 0.3 * 3 and stage.distances[1] >= 0.8 * 3
