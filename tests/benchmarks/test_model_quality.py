"""The benchmark of models, on dolls that a model made itself and so represents without error."""

import dataclasses

import model_quality
import numpy as np
import pytest
import torch
from model_quality import (
    against_bars,
    arithmetic,
    evenly,
    print_section,
    training_figures,
    unseen_figures,
)

from engine.core.errors import InputError
from engine.dataset.registered import RegisteredDataset, load_registered_dataset, write_description
from engine.evaluate import representation
from engine.models.model import NeuralParametricModel
from engine.surface.extract import extract_surface, pose_vertices
from external.anny.quality import Bars, QualitySplit
from tests.support.toy_model import DOLLS, SEQUENCES, toy_model

SPLIT = QualitySplit("anny", 0, 2, 1, ("throw",), sequences=2, frames=2, shape_steps=20, pose_steps=20)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> RegisteredDataset:
    """The training dataset that the toy model would fit exactly; one doll is said to be a child."""
    root, model = tmp_path_factory.mktemp("data") / "dolls", toy_model()
    assert model.pose_codes is not None
    for row, name in enumerate(DOLLS):
        (root / name).mkdir(parents=True)
        mesh, code = extract_surface(model, model.shape_codes[row], 64), model.shape_codes[row]
        np.save(root / name / "canonical.npy", mesh.vertices)
        np.save(root / name / "faces.npy", mesh.faces)
        for sequence in SEQUENCES:
            rows = [r for r in model.frames_of(row) if model.info.frames[r].sequence == sequence]
            posed = [pose_vertices(model, code, model.pose_codes[r], mesh.vertices) for r in rows]
            np.save(root / name / f"{sequence}.npy", np.stack(posed))
    write_description(
        root,
        name="dolls",
        category="dolls",
        licence="MIT",
        similarity=model.info.similarity,
        frame_rate=10.0,
        frames_per_sequence={name: {s: len(amounts) for s, amounts in SEQUENCES.items()} for name in DOLLS},
        recipe={"phenotypes": {name: {"age": 0.4 if name == "small" else 0.8} for name in DOLLS}},
    )
    return load_registered_dataset(root)


@pytest.fixture(autouse=True)
def few_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("_IOU_POINTS", 30_000), ("SAMPLES", 20_000), ("RESOLUTION", 64)):
        monkeypatch.setattr(representation, name, value)
    for name, samples in (("POOL", (4000, 2000, 1)), ("FITTED_POINTS", 500), ("MEASURED_POINTS", 500)):
        monkeypatch.setattr(model_quality, name, samples)


def test_the_training_data_of_a_perfect_model_have_no_errors(dataset: RegisteredDataset) -> None:
    figures = training_figures(toy_model(), dataset, surfaces=2, frames=10)
    assert figures["surfaces"] == 4 and figures["chamfer_surfaces"] == 2 and figures["frames"] == 10
    assert figures["iou_min"] > 0.96  # chords of the lattice
    assert figures["chamfer_l2"] == pytest.approx(figures["chamfer_l2_floor"], rel=0.2)
    # a chord does not stay one exactly when it is bent
    assert figures["deformation_mean"] < 0.001 and figures["deformation_p99"] < 0.005


def test_data_that_the_model_was_not_trained_on_are_refused(dataset: RegisteredDataset) -> None:
    model = toy_model()
    renamed = dataclasses.replace(model.info, identities=("tall", "small", "stout", "other"))
    with pytest.raises(InputError, match="lean"):
        training_figures(dataclasses.replace(model, info=renamed), dataset, 1, 1)


def test_strangers_are_fitted_and_measured_apart(dataset: RegisteredDataset) -> None:
    """Dolls of the model itself, but for their codes: it has to find them."""
    model = forgetful(toy_model())
    shapes, motions = unseen_figures(model, SPLIT, dataset, surfaces=1)
    assert shapes["surfaces"] == 3 and shapes["adults_surfaces"] == 2 and shapes["children_surfaces"] == 1
    assert 0.9 < shapes["iou_min"] <= shapes["iou_mean"] < 1
    assert motions["frames"] == 3 * 2 * 2
    assert motions["deformation_median"] < motions["deformation_p99"]
    assert motions["worst_mean"] == max(motions["sequences"].values()) >= motions["deformation_mean"]
    # two thirds of the frames are of adults
    mixed = (2 * motions["adults_deformation_mean"] + motions["children_deformation_mean"]) / 3
    assert motions["deformation_mean"] == pytest.approx(mixed, rel=1e-4)


def test_bars_are_from_below_for_iou_and_from_above_for_the_rest() -> None:
    results = {
        "arithmetic": {"ratio": 0.1},
        "unseen_identities": {"iou_mean": 0.95},
        "unseen_motions": {"deformation_mean": 0.002},
    }
    rows = against_bars(results, Bars(unseen_iou=0.96, unseen_deformation=0.003, arithmetic=0.1, training_iou=0.9))
    assert {row["bar"]: row["passed"] for row in rows} == {
        "unseen_iou": False,
        "unseen_deformation": True,
        "arithmetic": True,
    }


def test_arithmetic_is_told_as_a_share_of_the_published_sizes() -> None:
    figures = arithmetic(toy_model())
    assert figures["ratio"] == pytest.approx((figures["shape"] + figures["pose"]) / 7.87e6, rel=0.01)


def test_what_was_not_measured_is_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    print_section("shapes", {"surfaces": 3, "chamfer_l2": 1.5e-6, "iou": 0.9, "floor": None, "worst": "a", "all": {}})
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows == [["shapes"], ["surfaces", "3"], ["chamfer_l2", "0.00150e-3"], ["iou", "0.90000"], ["worst", "a"]]


def test_indices_are_evenly_spaced() -> None:
    assert evenly(10, 3) == [0, 3, 6]
    assert evenly(2, 5) == [0, 1]


def forgetful(model: NeuralParametricModel) -> NeuralParametricModel:
    """The same networks; codes that are all a little off."""
    assert model.pose_codes is not None
    generator = torch.Generator().manual_seed(0)

    def off(codes: torch.Tensor) -> torch.Tensor:
        return codes + 0.2 * codes.std(dim=0) * torch.randn(codes.shape, generator=generator)

    return dataclasses.replace(model, shape_codes=off(model.shape_codes), pose_codes=off(model.pose_codes))
