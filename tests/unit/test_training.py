import json
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.checkpoint import load_model
from engine.dataset.registered import RegisteredDataset, load_registered_dataset
from engine.errors import InputError
from engine.prepare.sdf_pools import prepare_pools
from engine.progress import Progress
from engine.training.config import Schedule, load_training_config
from engine.training.flow_samples import FlowSampler
from engine.training.run import train_stage
from engine.training.schedule import rate_factor
from tests.registered import write_ellipsoids

CPU = torch.device("cpu")
PRESET = """
name: ellipsoids
shape:
  code_size: 8
  decoder: {width: 64, layers: 4, skip_layer: 2, full_width_skip: true, frequencies: 4}
  points_per_identity: 512
  schedule: {steps: 150, network_rate: 3.0e-3, warmup: 10}
pose:
  code_size: 8
  decoder: {width: 64, layers: 4, skip_layer: 2, full_width_skip: true, frequencies: 4}
  frames_per_batch: 12
  points_per_frame: 256
  schedule: {steps: 150, network_rate: 3.0e-3, codes_rate: 5.0e-3, warmup: 10}
"""


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> RegisteredDataset:
    root = write_ellipsoids(tmp_path_factory.mktemp("data") / "ellipsoids")
    prepared = load_registered_dataset(root)
    prepare_pools(prepared, (4000, 2000, 1000))
    return prepared


@pytest.fixture
def preset(tmp_path: Path) -> Path:
    path = tmp_path / "preset.yaml"
    path.write_text(PRESET)
    return path


class StopAfter(Progress):
    def __init__(self, polls: int) -> None:
        self.polls = polls

    def cancelled(self) -> bool:
        self.polls -= 1
        return self.polls < 0


def test_both_stages_learn_the_ellipsoids(dataset: RegisteredDataset, preset: Path, tmp_path: Path) -> None:
    config, out = load_training_config(preset), tmp_path / "e.npm"
    train_stage("shape", dataset, config, out, CPU)
    model, result = train_stage("pose", dataset, config, out, CPU)
    assert result.figures["flow"] < 0.01
    sphere_axis = torch.tensor([[[0.0, 0.0, 0.0], [0.3, 0.0, 0.0], [0.0, 0.42, 0.0]]])
    sdf = model.sdf(model.shape_codes[:1], sphere_axis)[0]
    assert sdf[0] < -0.05
    assert sdf[1] > 0.05
    assert sdf[2] > 0.03
    stored = load_model(out)
    assert stored.info.identities == dataset.identities
    assert [str(frame) for frame in stored.info.frames] == [str(label) for label in dataset.labels]
    log = [json.loads(line) for line in (tmp_path / "e.training" / "log.jsonl").read_text().splitlines()]
    assert {entry["stage"] for entry in log} == {"train shape", "train pose"}


def test_the_same_seed_trains_the_same_model(dataset: RegisteredDataset, preset: Path, tmp_path: Path) -> None:
    config = load_training_config(preset, {"shape.schedule.steps": "12"})
    first, _ = train_stage("shape", dataset, config, tmp_path / "a.npm", CPU, seed=4)
    second, _ = train_stage("shape", dataset, config, tmp_path / "b.npm", CPU, seed=4)
    assert torch.equal(first.shape_codes, second.shape_codes)


def test_a_resumed_run_ends_where_an_uninterrupted_one_does(
    dataset: RegisteredDataset, preset: Path, tmp_path: Path
) -> None:
    config = load_training_config(preset, {"shape.schedule.steps": "20"})
    whole, _ = train_stage("shape", dataset, config, tmp_path / "whole.npm", CPU)
    _, result = train_stage("shape", dataset, config, tmp_path / "parts.npm", CPU, progress=StopAfter(7))
    assert result.interrupted
    assert result.steps == 8
    parts, result = train_stage("shape", dataset, config, tmp_path / "parts.npm", CPU, resume="last")
    assert result.steps == 20
    assert torch.equal(whole.shape_codes, parts.shape_codes)
    for expected, actual in zip(whole.shape_decoder.parameters(), parts.shape_decoder.parameters(), strict=True):
        assert torch.equal(expected, actual)


def test_resuming_nothing_is_refused(dataset: RegisteredDataset, preset: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing to resume"):
        train_stage("shape", dataset, load_training_config(preset), tmp_path / "e.npm", CPU, resume="last")


def test_the_pose_stage_asks_for_the_shape_stage(dataset: RegisteredDataset, preset: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="train shape"):
        train_stage("pose", dataset, load_training_config(preset), tmp_path / "e.npm", CPU)


def test_flow_samples_correspond_like_a_slow_loop_says(dataset: RegisteredDataset) -> None:
    sampler = FlowSampler.load(dataset, CPU)
    frames = torch.tensor([3, 9, 17])
    generator = torch.Generator().manual_seed(0)
    canonical, posed = sampler.draw(frames, 40, (0.002, 0.01), generator)
    uniform = torch.rand((4, 3, 40), generator=torch.Generator().manual_seed(0)).numpy().astype(np.float64)
    for row, frame in enumerate(frames.tolist()):
        label = dataset.labels[frame]
        source = dataset.canonical(label.identity).astype(np.float64)
        target = dataset.sequence(label.identity, label.sequence)[int(label.sample)].astype(np.float64)
        a, b, c = source[dataset.faces(label.identity)].swapaxes(0, 1)
        areas = np.linalg.norm(np.cross(b - a, c - a), axis=1)
        share = np.cumsum(areas) / areas.sum()
        for point in range(40):
            face = dataset.faces(label.identity)[np.searchsorted(share, uniform[0, row, point], side="right")]
            root, v = np.sqrt(uniform[1, row, point]), uniform[2, row, point]
            weights = np.array([1 - root, root * (1 - v), root * v])
            sigma = 0.002 if point < 20 else 0.01
            offset = (2 * uniform[3, row, point] - 1) * sigma
            for mesh, sample in ((source, canonical[row, point]), (target, posed[row, point])):
                a, b, c = mesh[face]
                normal = np.cross(b - a, c - a)
                expected = weights @ mesh[face] + offset * normal / np.linalg.norm(normal)
                assert np.abs(expected - sample.numpy()).max() < 1e-5


def test_flow_samples_stay_within_their_offsets_of_the_surface(dataset: RegisteredDataset) -> None:
    sampler = FlowSampler.load(dataset, CPU)
    canonical, _ = sampler.draw(torch.arange(3), 500, (0.002, 0.01), torch.Generator().manual_seed(1))
    radii = torch.tensor([0.12, 0.35, 0.15])
    level = ((canonical[0] / radii).square().sum(-1).sqrt() - 1).abs() * 0.12
    assert level[:250].max() < 0.006
    assert level.max() < 0.02


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (Schedule(100, warmup=10), {0: 0.1, 9: 1.0, 10: 1.0, 55: 0.505, 100: 0.01}),
        (Schedule(100, decay="halving", halving_interval=30), {0: 1.0, 29: 1.0, 30: 0.5, 60: 0.25}),
    ],
)
def test_learning_rates_follow_their_schedule(schedule: Schedule, expected: dict[int, float]) -> None:
    for step, factor in expected.items():
        assert rate_factor(schedule, step) == pytest.approx(factor)


def test_dotted_overrides_change_one_field(preset: Path) -> None:
    config = load_training_config(preset, {"shape.schedule.steps": "7", "pose.sigmas": "[0.01]"})
    assert config.shape.schedule.steps == 7
    assert config.pose.sigmas == (0.01,)
    assert config.pose.schedule.steps == 150


@pytest.mark.parametrize(
    ("overrides", "field"),
    [
        ({"shape.schedule.stps": "7"}, "shape.schedule.stps"),
        ({"shape.schedule.steps": "many"}, "shape.schedule.steps"),
        ({"shape.code_size.x": "1"}, "shape.code_size.x"),
    ],
)
def test_a_wrong_field_is_refused_by_name(preset: Path, overrides: dict[str, str], field: str) -> None:
    with pytest.raises(InputError, match=field):
        load_training_config(preset, overrides)


@pytest.mark.parametrize("text", ["", "- 1\n- 2\n", "shape: [", "!!python/object/apply:os.system ['true']"])
def test_a_file_that_is_no_preset_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "preset.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        load_training_config(path)
    assert "\n" not in str(caught.value)
    assert "preset.yaml" in str(caught.value)


def test_frames_are_paired_with_vertices_by_their_labels(tmp_path: Path) -> None:
    root = write_ellipsoids(tmp_path / "d")
    whole = FlowSampler.load(load_registered_dataset(root), CPU)
    labels = json.loads((root / "labels.json").read_text())
    order = [5, 0, 17, 3]
    (root / "labels.json").write_text(json.dumps([labels[row] for row in order]))
    part = FlowSampler.load(load_registered_dataset(root), CPU)
    draw = [
        s.draw(f, 9, (0.0,), torch.Generator().manual_seed(0))
        for s, f in ((part, torch.arange(4)), (whole, torch.tensor(order)))
    ]
    assert torch.equal(draw[0][0], draw[1][0])
    assert torch.equal(draw[0][1], draw[1][1])
    assert torch.equal(part.identity_of_frame, whole.identity_of_frame[order])


def test_a_label_of_a_frame_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    root = write_ellipsoids(tmp_path / "d")
    labels = json.loads((root / "labels.json").read_text())
    labels[2]["sample_id"] = "000400"
    (root / "labels.json").write_text(json.dumps(labels))
    with pytest.raises(InputError, match="000400"):
        FlowSampler.load(load_registered_dataset(root), CPU)
