import dataclasses
from pathlib import Path
from typing import Literal

import pytest
import torch

from engine.core.errors import InputError
from engine.core.progress import Progress
from engine.dataset.registered import RegisteredDataset, load_registered_dataset
from engine.models.model import NeuralParametricModel
from engine.training.config import EncoderStage, Schedule, Validation
from engine.training.encoder_stage import EncoderTraining
from tests.support.ellipsoids import write_ellipsoids
from tests.support.toy_dataset import write_dolls
from tests.support.toy_model import DOLLS, LABELS, toy_model

CONFIG = EncoderStage(Schedule(1), resolution=16, channels=(8, 16), frames_per_batch=4, noise=0.0)
CPU = torch.device("cpu")
ALL = slice(None)
Kind = Literal["shape", "pose"]


@pytest.fixture(scope="module")
def dolls(tmp_path_factory: pytest.TempPathFactory) -> RegisteredDataset:
    """Two of the four dolls, in another order than the model has them."""
    return load_registered_dataset(write_dolls(tmp_path_factory.mktemp("data") / "dolls", ("stout", "tall")))


def training(
    kind: Kind,
    dataset: RegisteredDataset,
    model: NeuralParametricModel | None = None,
    validation: RegisteredDataset | None = None,
    **changes: object,
) -> EncoderTraining:
    torch.manual_seed(0)
    config = dataclasses.replace(CONFIG, **changes)  # type: ignore[arg-type]
    settings = Validation(rows=3, fit_steps=20)
    return EncoderTraining(kind, dataset, model or toy_model(), config, False, CPU, validation, settings, Progress())


def few_frames(dataset: RegisteredDataset, rows: tuple[int, ...]) -> RegisteredDataset:
    return dataclasses.replace(dataset, labels=tuple(dataset.labels[row] for row in rows))


def learn(stage: EncoderTraining, samples: tuple[torch.Tensor, ...], steps: int) -> list[dict[str, float]]:
    optimiser = torch.optim.Adam(stage.network.parameters(), 3e-3)
    stage.network.train()
    history = []
    for _ in range(steps):
        optimiser.zero_grad()
        loss, metrics = stage.loss(None, torch.zeros(0), *samples)
        loss.backward()
        optimiser.step()
        history.append({name: float(value) for name, value in metrics.items()})
    return history


@pytest.mark.parametrize("kind", ["shape", "pose"])
def test_an_encoder_learns_the_codes_of_four_frames_by_heart(kind: Kind, dolls: RegisteredDataset) -> None:
    rows = (0, 2, 6, 8)
    stage = training(kind, few_frames(dolls, rows), surface_points=32, surface_weight=1.0)
    frames = torch.arange(4)
    samples = stage.draw(frames, ALL, torch.Generator().manual_seed(0))
    history = learn(stage, samples, 60)
    assert history[-1]["code"] < 0.15 * history[0]["code"]  # in standard deviations of the codes
    assert history[-1]["surface"] < 0.25 * history[0]["surface"]
    learned = stage.model()
    encoder = learned.shape_encoder if kind == "shape" else learned.pose_encoder
    assert encoder is not None and not encoder.training
    model = toy_model()
    assert model.pose_codes is not None
    owners = [list(DOLLS).index(dolls.identities[dolls.labels[row].identity]) for row in rows]
    if kind == "shape":
        codes = model.shape_codes
        expected = codes[owners]
    else:
        codes = model.pose_codes
        known = [(label.identity, str(label)) for label in LABELS]
        expected = codes[
            [known.index((owner, str(dolls.labels[row]))) for owner, row in zip(owners, rows, strict=True)]
        ]
    stage.network.train()  # batch statistics: the running ones have seen few batches
    encoder.train()
    with torch.no_grad():
        error = (encoder(samples[0]) - expected).norm(dim=1).mean()
    assert error < 0.2 * (expected - codes.mean(0)).norm(dim=1).mean()


def test_samples_of_a_row_do_not_depend_on_the_share_of_a_process(dolls: RegisteredDataset) -> None:
    stage = training("pose", dolls, surface_points=8, surface_weight=1.0)
    rows = torch.tensor([5, 1, 9, 3])
    whole = stage.draw(rows, ALL, torch.Generator().manual_seed(1))
    halves = [stage.draw(rows, mine, torch.Generator().manual_seed(1)) for mine in (slice(0, 2), slice(2, 4))]
    assert len(whole) == 4
    for together, first, second in zip(whole, *halves, strict=True):
        assert torch.equal(together, torch.cat((first, second)))
    assert len(training("pose", dolls).draw(rows, ALL, torch.Generator())) == 2  # nothing that has no weight


def test_frames_are_found_by_name_and_those_the_model_lacks_are_refused(dolls: RegisteredDataset) -> None:
    strange = dataclasses.replace(dolls.labels[1], sample="000009")
    renamed = dataclasses.replace(dolls, labels=(dolls.labels[0], strange))
    with pytest.raises(InputError, match=r"has no pose code of 1 frames of .*stout/bend/000009 first; train the pose"):
        training("pose", renamed)


def test_a_model_of_other_identities_is_refused(tmp_path: Path) -> None:
    ellipsoids = load_registered_dataset(write_ellipsoids(tmp_path / "data", 1, 1, 1))
    for kind in ("shape", "pose"):
        with pytest.raises(InputError, match=r"has no shape of 1 identities of .*ellipsoid_000"):
            training(kind, ellipsoids)  # type: ignore[arg-type]


def test_a_shape_encoder_needs_no_pose_stage(dolls: RegisteredDataset) -> None:
    toy = toy_model()
    info = dataclasses.replace(toy.info, frames=())
    shape_alone = NeuralParametricModel(info, toy.shape_decoder, toy.shape_codes)
    model = training("shape", dolls, shape_alone).model()
    assert model.shape_encoder is not None and model.pose_decoder is None
    with pytest.raises(InputError, match="has no pose code"):
        training("pose", dolls, shape_alone)


@pytest.mark.parametrize("kind", ["shape", "pose"])
def test_what_is_held_out_is_measured_as_distance_from_the_true_surface(
    kind: Kind, dolls: RegisteredDataset, tmp_path: Path
) -> None:
    held_out = load_registered_dataset(write_dolls(tmp_path / "held", ("lean",)))
    assert training(kind, dolls).validate(0) == {}
    stage = training(kind, dolls, validation=held_out)
    metrics = stage.validate(0)
    assert list(metrics) == ["surface"] and 0 < metrics["surface"] < 0.5
    assert stage.validate(0) == metrics
    assert stage.network.training  # looking leaves training as it was


def test_rows_are_described_by_their_names(dolls: RegisteredDataset) -> None:
    stage = training("shape", dolls)
    assert (stage.name, stage.rows, stage.rows_per_batch) == ("shape-encoder", 12, 4)
    assert stage.describe([0, 11]) == "stout/bend/000000, tall/raise/000002"


def test_grids_of_files_need_files(dolls: RegisteredDataset) -> None:
    with pytest.raises(InputError, match="has no occupancy grids of stout; set inputs: rendered"):
        training("shape", dolls, inputs="files")
