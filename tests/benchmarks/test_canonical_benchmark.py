"""The canonical benchmark: what passes, what differs beyond chance, and what is measured of a run."""

import dataclasses
from pathlib import Path

import canonical_fit
import numpy as np
import pytest
from canonical_fit import bars_of, comparisons, measure_all, print_bars, print_header, totals_by_seed
from canonical_measures import (
    BODY_BARS,
    HAND_BARS,
    Bar,
    PosedSurface,
    against_bars,
    compared,
    is_worse,
    measure_run,
    measure_surface,
    totals_of,
)

from engine.comparison.intervals import UNKNOWN, Interval
from engine.geometry.mesh import Mesh
from engine.geometry.ply import save_compact_ply
from engine.geometry.similarity import Similarity
from engine.methods.run import Run, RunInputs, frame_records, save_run
from engine.sequences.mesh_sequence import mesh_sequence, regular_times
from engine.sequences.truth import save_truth
from tests.support.surfaces import sphere

GOOD = {"iou": 0.95, "chamfer_l2": 0.003e-3, "epe": 0.002}
FRAMES = 4
BALL, FACES = sphere(0.2, detail=3)
SCALE = Similarity(0.4)


def row_of(
    model: str, sequence: str = "1234 anny_000 throw", worse: float = 0.0, failed: float = 0.0
) -> dict[str, object]:
    """Twenty frames of figures, all ``worse`` times worse than good ones."""
    noise = 1 + 1e-3 * np.random.default_rng(len(sequence)).normal(size=20)
    per_frame = {name: value * (1 - worse if name == "iou" else 1 + worse) * noise for name, value in GOOD.items()}
    means = {name: float(values.mean()) for name, values in per_frame.items()}
    return {
        "model": model, "sequence": sequence, **means, "per_frame": per_frame, "failed_frames": failed, "frames": 20,
        "seconds": 2.0,
    }  # fmt: skip


def test_a_bar_of_iou_is_the_least_and_any_other_the_largest() -> None:
    assert Bar("iou", 0.94).passes(0.94) and not Bar("iou", 0.94).passes(0.93)
    assert Bar("epe", 0.0026).passes(0.0026) and not Bar("epe", 0.0026).passes(0.0027)


def test_what_is_not_known_passes_no_bar() -> None:
    assert not any(bar.passes(float("nan")) for bar in (*BODY_BARS, *HAND_BARS))


def test_good_fits_pass_and_one_failed_frame_does_not() -> None:
    good = totals_of([row_of("m"), row_of("m", "1234 b throw")])
    assert all(row["passed"] for row in against_bars(good, BODY_BARS))
    failed = totals_of([row_of("m"), row_of("m", "1234 b throw", failed=0.05)])
    assert failed["failed_frames"] == pytest.approx(0.025)
    assert [row["bar"] for row in against_bars(failed, BODY_BARS) if not row["passed"]] == ["failed_frames"]


def test_one_bad_sequence_is_not_hidden_by_the_mean() -> None:
    good = [row_of("m", f"1234 {name} throw") for name in "abcdefg"]
    totals = totals_of([*good, row_of("m", "1234 h throw") | {"chamfer_l2": 0.0105e-3}])
    assert [row["bar"] for row in against_bars(totals, BODY_BARS) if not row["passed"]] == ["worst_chamfer_l2"]


def test_a_refused_sequence_leaves_no_figure_known() -> None:
    refused = row_of("m", "1234 b throw", failed=1.0) | dict.fromkeys(GOOD, float("nan"))
    totals = totals_of([row_of("m"), refused])
    assert not any(row["passed"] for row in against_bars(totals, BODY_BARS))


def test_what_is_not_known_counts_as_worse() -> None:
    assert is_worse(UNKNOWN, "iou") and is_worse(UNKNOWN, "epe")


def test_only_a_whole_interval_on_the_wrong_side_is_worse() -> None:
    below, above = Interval(-0.02, -0.03, -0.01), Interval(0.02, 0.01, 0.03)
    assert is_worse(below, "iou") and not is_worse(below, "epe")
    assert is_worse(above, "epe") and not is_worse(above, "iou")
    assert not is_worse(Interval(-0.01, -0.03, 0.01), "iou")


def test_models_are_compared_in_the_same_frames() -> None:
    names = [f"1234 {name} throw" for name in "abc"]
    first = [row_of("full", name, worse=0.01) for name in names]
    second = [row_of("compact", name) for name in reversed(names)]  # in another order
    found = compared(first, second)
    assert all(is_worse(found[name], name) for name in GOOD)  # the frames' own noise, ten times smaller, is in both
    assert found["epe"].mean == pytest.approx(0.01 * 0.002, rel=0.01)


def test_the_first_model_is_judged_against_the_second_and_not_against_an_older_commit(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = [row_of("full", worse=0.01), row_of("compact"), row_of("full (old)")]
    found = comparisons(rows, ["full", "compact"])
    assert {(row["second"], row["is_bar"]) for row in found} == {("compact", True), ("full (old)", False)}
    assert not any(row["passed"] for row in found)
    totals = totals_by_seed([*rows, row_of("full", "5 anny_000 throw")])
    assert [(total["model"], total["seed"]) for total in totals if total["model"] == "full"] == [
        ("full", 1234),
        ("full", 5),
    ]
    bars = bars_of(totals, ["full", "compact"], hands=False)
    assert {bar["model"] for bar in bars} == {"full"}
    assert {bar["bar"] for bar in bars_of(totals, ["full", "compact"], hands=True)} == {"iou", "epe"}
    print_header()
    print_bars(bars, found)
    assert "FAIL  full less compact iou" in capsys.readouterr().out


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    """A ball that moves to the right."""
    folder = tmp_path / "ball" / "truth"
    folder.mkdir(parents=True)
    ball = ball_at(np.zeros(FRAMES))
    names = [f"{frame:06d}" for frame in range(FRAMES)]
    save_truth(folder, ball, FACES, names, regular_times(FRAMES, 30), SCALE, ball[0])
    return folder


def ball_at(errors: np.ndarray) -> np.ndarray:
    """Canonical vertices (F, V, 3), off by ``errors`` (F,)."""
    x = 0.02 * np.arange(len(errors)) + errors
    moved: np.ndarray = BALL[None] + x[:, None, None] * np.array([1.0, 0, 0])
    return moved.astype(np.float32)


def run_with(errors: np.ndarray, out: Path) -> Path:
    vertices = SCALE.to_world(ball_at(errors)).astype(np.float32)
    faces, names = FACES, [f"{frame:06d}" for frame in range(len(errors))]
    meshes = mesh_sequence("fit", vertices, faces, names, regular_times(len(errors), 30))
    out.mkdir()
    save_compact_ply(Mesh(vertices[0], faces), out / "canonical.ply")
    inputs = RunInputs(out.parent / "ball", similarity=SCALE)
    save_run(
        Run(out, "npm", inputs, meshes, frame_records(meshes, np.tile(np.eye(4), (len(errors), 1, 1))), {"total": 1.0})
    )
    return out


def test_frames_that_are_off_by_a_limb_and_frames_without_a_mesh_have_failed(truth: Path, tmp_path: Path) -> None:
    run = run_with(np.array([0.0, 0.03, 0.0]), tmp_path / "run")  # the last of four is lacking
    found = measure_run(run, truth, samples=20_000, iou_points=20_000)
    assert found["failed_frames"] == pytest.approx(0.5) and found["frames"] == FRAMES
    assert found["per_frame"]["iou"][0] > 0.97 > found["per_frame"]["iou"][1]


def test_what_was_refused_has_failed_in_all_frames(
    truth: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(canonical_fit, "ProcessPoolExecutor", InThisProcess)
    run = run_with(np.zeros(FRAMES), tmp_path / "run")
    row = {"model": "m", "sequence": "1 ball", "folder": str(truth.parent), "seconds": 1.0}
    fitted, refused = measure_all([row | {"run": str(run)}, row | {"refused": "why"}], FRAMES, 20_000, 20_000)
    assert fitted["failed_frames"] == 0 and fitted["iou"] > 0.97
    assert refused["failed_frames"] == 1 and np.isnan(refused["iou"]) and refused["verdict"] == "refused"


class InThisProcess:
    """Stands for a pool of processes."""

    def __init__(self, *_: object) -> None: ...

    def __enter__(self) -> "InThisProcess":
        return self

    def __exit__(self, *_: object) -> None: ...

    def submit(self, function: object, *values: object) -> "Done":
        assert callable(function)
        return Done(function(*values))


@dataclasses.dataclass(frozen=True)
class Done:
    value: object

    def result(self) -> object:
        return self.value


def test_a_surface_is_measured_as_a_run_is(truth: Path, tmp_path: Path) -> None:
    errors = np.array([0.0, 0.01, 0.0, 0.01])
    vertices = SCALE.to_world(ball_at(errors)).astype(np.float32)
    surface = PosedSurface(Mesh(vertices[0], FACES), vertices)
    found = measure_surface(surface, SCALE, truth, 20_000, 20_000)
    run = measure_run(run_with(errors, tmp_path / "run"), truth, 20_000, 20_000)
    assert {name: found[name] for name in GOOD} == {name: run[name] for name in GOOD}
    assert found["correspondence_mm"] == pytest.approx(0.005 / 0.4 * 1000, rel=1e-3)
