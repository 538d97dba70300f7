"""What a fit leaves unexplained, said after it."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from engine.geometry.mesh import Mesh
from engine.methods.residual import residual_notice
from engine.methods.run import load_run
from engine.sequences.depth_sequence import load_depth_sequence
from tests.support.present import present


def test_a_fit_that_lies_on_what_was_seen_says_how_near(fitted_run: Path, depth_capture: Path) -> None:
    found = present(residual_notice(load_run(fitted_run), load_depth_sequence(depth_capture)))
    assert found.text.startswith("what was seen lies ")
    assert " mm from the fit on average, " in found.text
    assert found.remedy is None


def test_a_fit_beside_what_was_seen_is_called_poor(fitted_run: Path, depth_capture: Path) -> None:
    run = load_run(fitted_run)
    there = run.meshes
    meshes = replace(there, read=lambda row: Mesh(there.read(row).vertices + np.float32(1), there.read(row).faces))
    beside = replace(run, meshes=meshes)
    found = present(residual_notice(beside, load_depth_sequence(depth_capture)))
    assert found.text.startswith("warning: a poor fit: what was seen lies ")
    assert found.remedy is not None
