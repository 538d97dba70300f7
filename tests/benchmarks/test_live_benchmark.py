"""What the benchmark of live surfaces counts and checks, against slow twins and surfaces that are known."""

import itertools
import json
import sys
from pathlib import Path

import dense_surface
import live
import numpy as np
import pytest
import torch

from engine.geometry.mesh import Mesh
from engine.models.code_space import CodeSpace
from engine.surface.extract import dense_field, extract_surface
from tests.support.toy_model import toy_model

CPU = torch.device("cpu")


def tetrahedron() -> Mesh:
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    return Mesh(vertices, np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]], np.int32))


def test_crossed_cells_are_those_with_corners_of_both_signs() -> None:
    field = torch.randn(6, 6, 6, generator=torch.Generator().manual_seed(0)) + 1.0
    slow = []
    for x, y, z in itertools.product(range(5), repeat=3):
        inside = field[x : x + 2, y : y + 2, z : z + 2] < 0
        if inside.any() and not inside.all():
            slow.append([x, y, z])
    assert 20 < len(slow) < 125
    keys = dense_surface.cell_keys(torch.tensor(slow, dtype=torch.int32), 6)
    torch.testing.assert_close(dense_surface.crossed_cells(field), keys)


def test_missed_and_extra_cells_are_counted() -> None:
    found, true = torch.tensor([1, 2, 3, 9]), torch.tensor([2, 3, 4, 5, 6])
    assert dense_surface.difference(found, true) == {"missed_cells": 3, "extra_cells": 2}


def test_a_mesh_with_a_hole_or_inside_out_or_with_a_triangle_turned_round_is_not_whole() -> None:
    whole = tetrahedron()
    turned = whole.faces.copy()
    turned[2] = turned[2, ::-1]
    assert dense_surface.is_closed_and_outward(whole, CPU)
    assert not dense_surface.is_closed_and_outward(Mesh(whole.vertices, whole.faces[:3]), CPU)
    assert not dense_surface.is_closed_and_outward(Mesh(whole.vertices, whole.faces[:, ::-1]), CPU)
    assert not dense_surface.is_closed_and_outward(Mesh(whole.vertices, turned), CPU)
    assert not dense_surface.is_closed_and_outward(
        Mesh(whole.vertices, np.concatenate([whole.faces, whole.faces])), CPU
    )
    assert dense_surface.is_closed_and_outward(extract_surface(toy_model(), toy_model().shape_codes[1], 32), CPU)


def test_codes_are_drawn_within_the_limit_and_by_the_seed() -> None:
    model = toy_model()
    codes = live.draw_codes(model, 200, seed=3)
    steps = CodeSpace.from_codes(model.shape_codes).coefficients(torch.stack([one.shape for one in codes]))
    assert steps.abs().max() < live.LIMIT + 1e-3
    assert steps.std() == pytest.approx(1, abs=0.1)
    again = live.draw_codes(model, 200, seed=3)[7]
    torch.testing.assert_close(again.pose, codes[7].pose)
    torch.testing.assert_close(again.shape, codes[7].shape)


def test_stages_evaluate_what_the_surface_needs_and_find_the_same() -> None:
    model = toy_model()
    for resolution in (33, 64):
        codes = live.draw_codes(model, 1, seed=1)[0]
        stages = live.run_stages(model, codes, resolution, half=False)
        dense = dense_surface.crossed_cells(torch.from_numpy(dense_field(model, codes.shape, resolution)))
        assert dense_surface.difference(dense_surface.cell_keys(stages.cells, resolution), dense) == {
            "missed_cells": 0,
            "extra_cells": 0,
        }
        np.testing.assert_array_equal(stages.mesh.vertices, extract_surface(model, codes.shape, resolution).vertices)
        assert 0 < sum(stages.points.values()) < resolution**3
        assert all(stages.milliseconds[name] > 0 for name in ("prune", "exact", "contour", "copy"))


def test_fewer_codes_meet_finer_dense_grids() -> None:
    assert [live.compared_codes(20, resolution, CPU) for resolution in (32, 64, 128, 256)] == [20, 20, 1, 0]


def test_a_float32_surface_that_misses_cells_fails_and_a_half_one_may() -> None:
    row = {"precision": "float32", "missed_cells": 0, "extra_cells": 0, "not_closed_or_outward": 0}
    assert not live.has_failed(row)
    assert live.has_failed(row | {"missed_cells": 1})
    assert not live.has_failed(row | {"missed_cells": 1, "precision": "half"})
    assert live.has_failed(row | {"not_closed_or_outward": 1, "precision": "half"})


def test_the_benchmark_finds_the_surfaces_of_dolls_exact(
    toy_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["--resolutions", "32", "--precisions", "float32", "--codes", "3", "--compared", "2", "--device", "cpu"]
    files = ["--model", str(toy_folder), "--json", str(tmp_path / "live.json")]
    monkeypatch.setattr(sys, "argv", ["live.py", *arguments, *files])
    assert live.main() == 0
    (row,) = json.loads((tmp_path / "live.json").read_text())["rows"]
    assert (row["compared"], row["missed_cells"], row["extra_cells"]) == (2, 0, 0)
    assert row["cells_of_dense"] > 100
    assert row["change"] > row["pose_change"] > 0
    assert row["pose_off"] < 1e-6
    assert "32^3" in capsys.readouterr().out


def test_a_benchmark_that_is_stopped_has_written_the_times_that_it_knows(
    toy_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    arguments = ["--resolutions", "24", "32", "--precisions", "float32", "--codes", "2", "--device", "cpu"]
    files = ["--model", str(toy_folder), "--json", str(tmp_path / "live.json")]
    monkeypatch.setattr(sys, "argv", ["live.py", *arguments, *files])
    monkeypatch.setattr(live, "published_way", stopped)
    with pytest.raises(KeyboardInterrupt):
        live.main()
    assert [row["resolution"] for row in json.loads((tmp_path / "live.json").read_text())["rows"]] == [24, 32]
