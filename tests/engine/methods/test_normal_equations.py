"""Steps of a fit, against one dense system of all its unknowns."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from engine.methods.npm import normal_equations as normal_equations_module
from engine.methods.npm.normal_equations import Coupling, NormalEquations, normal_equations, shape_information, solve

FRAMES, RESIDUALS, OWN, SHAPE = 4, 12, 5, 3


def random(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def problem(shape: int = SHAPE, seed: int = 0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Jacobians, shape jacobians, residuals and weights."""
    return (
        random(FRAMES, RESIDUALS, OWN, seed=seed),
        random(FRAMES, RESIDUALS, shape, seed=seed + 1),
        random(FRAMES, RESIDUALS, seed=seed + 2),
        random(FRAMES, RESIDUALS, seed=seed + 3).abs(),
    )


def dense(
    jacobians: Tensor, shape_jacobians: Tensor, residuals: Tensor, weights: Tensor, damping: Tensor, of_shape: float
) -> tuple[Tensor, Tensor]:
    """Steps from the whole matrix of derivatives, row by row."""
    shape = shape_jacobians.shape[-1]
    rows, right, sizes = [], [], []
    for frame in range(FRAMES):
        for index in range(RESIDUALS):
            row = torch.zeros(FRAMES * OWN + shape, dtype=torch.float64)
            row[frame * OWN : (frame + 1) * OWN] = jacobians[frame, index]
            row[FRAMES * OWN :] = shape_jacobians[frame, index]
            rows.append(row)
            right.append(residuals[frame, index])
            sizes.append(weights[frame, index])
    matrix, vector, weight = torch.stack(rows), torch.stack(right), torch.diag(torch.stack(sizes))
    diagonal = torch.cat((damping.flatten(), torch.full((shape,), of_shape, dtype=torch.float64)))
    step = torch.linalg.solve(matrix.T @ weight @ matrix + torch.diag(diagonal), -matrix.T @ weight @ vector)
    return step[: FRAMES * OWN].view(FRAMES, OWN), step[FRAMES * OWN :]


def test_steps_are_those_of_the_dense_system() -> None:
    terms, damping = problem(), random(FRAMES, OWN, seed=9).abs()
    torch.testing.assert_close(solve(normal_equations(*terms), damping, 0.7), dense(*terms, damping, 0.7))


def test_the_information_of_the_shape_is_the_inverse_of_its_part_of_the_whole_covariance() -> None:
    jacobians, shape_jacobians, residuals, weights = problem()
    damping = random(FRAMES, OWN, seed=9).abs()
    rows = torch.zeros(FRAMES, RESIDUALS, FRAMES * OWN + SHAPE, dtype=torch.float64)
    for frame in range(FRAMES):
        rows[frame, :, frame * OWN : (frame + 1) * OWN] = jacobians[frame]
    rows[..., FRAMES * OWN :] = shape_jacobians
    rows = rows.flatten(0, 1)
    whole = rows.T @ torch.diag(weights.flatten()) @ rows
    whole += torch.diag(torch.cat((damping.flatten(), torch.zeros(SHAPE, dtype=torch.float64))))
    found = shape_information(normal_equations(jacobians, shape_jacobians, residuals, weights), damping)
    torch.testing.assert_close(found.inverse(), whole.inverse()[FRAMES * OWN :, FRAMES * OWN :])


def test_without_a_shape_frames_are_solved_alone() -> None:
    terms, damping = problem(shape=0), random(FRAMES, OWN, seed=9).abs()
    step, shape = solve(normal_equations(*terms), damping, 0.7)
    assert shape.shape == (0,)
    torch.testing.assert_close(step, dense(*terms, damping, 0.7)[0])


def test_equations_of_two_terms_are_added() -> None:
    one, two = problem(), problem(seed=20)
    together = normal_equations(*(torch.cat(pair, dim=1) for pair in zip(one, two, strict=True)))
    added = normal_equations(*one) + normal_equations(*two)
    for name in NormalEquations.__dataclass_fields__:
        torch.testing.assert_close(getattr(added, name), getattr(together, name))


def test_a_linear_problem_is_solved_in_one_step() -> None:
    jacobians, shape_jacobians, _, weights = problem()
    own, shape = random(FRAMES, OWN, seed=30), random(SHAPE, seed=31)
    residuals = (jacobians @ own[..., None])[..., 0] + shape_jacobians @ shape
    equations = normal_equations(jacobians, shape_jacobians, residuals, weights)
    step, shape_step = solve(equations, torch.zeros(FRAMES, OWN, dtype=torch.float64), 0.0)
    torch.testing.assert_close((step, shape_step), (-own, -shape))


def test_a_frame_that_says_nothing_stays_and_leaves_the_shape_to_others() -> None:
    terms, damping = problem(), torch.ones(FRAMES, OWN, dtype=torch.float64)
    terms[3][1] = 0
    step, shape = solve(normal_equations(*terms), damping, 0.7)
    assert not step[1].any()
    others = torch.tensor([0, 2, 3])
    alone = solve(normal_equations(*(part[others] for part in terms)), damping[others], 0.7)
    torch.testing.assert_close((step[others], shape), alone)


POSITIONS = 6


def coupled_problem(shape: int = SHAPE) -> tuple[NormalEquations, Coupling, Tensor, Tensor]:
    """Frames coupled in time, their damping, and the dense matrix (all, all) of all unknowns, damping and coupling."""
    terms, damping = problem(shape), random(FRAMES, OWN, seed=9).abs()
    departures, weights = random(FRAMES, FRAMES, seed=40), random(FRAMES, seed=41).abs()
    departures = departures.triu(-1).tril(1)
    matrix = departures.T @ weights.diag() @ departures  # of five diagonals
    band = torch.zeros(FRAMES, 5, dtype=torch.float64)
    for frame in range(FRAMES):
        for other in range(max(0, frame - 2), min(FRAMES, frame + 3)):
            band[frame, other - frame + 2] = matrix[frame, other]
    coupling = Coupling(
        band[:, None].expand(-1, POSITIONS, -1),
        random(FRAMES, POSITIONS, OWN, seed=42),
        random(FRAMES, POSITIONS, shape, seed=43),
    )
    own = coupling.jacobians.mT @ (band[:, 2, None, None] * coupling.jacobians)
    through = coupling.jacobians.mT @ (band[:, 2, None, None] * coupling.shape_jacobians)
    of_shape = (coupling.shape_jacobians.mT @ (band[:, 2, None, None] * coupling.shape_jacobians)).sum(0)
    alone = normal_equations(*terms)
    equations = replace(alone, frame=alone.frame + own, coupling=alone.coupling + through, shape=alone.shape + of_shape)
    moves = torch.cat((torch.block_diag(*coupling.jacobians), coupling.shape_jacobians.flatten(0, 1)), dim=1)
    diagonal = torch.cat((damping.flatten(), torch.full((shape,), 0.7, dtype=torch.float64)))
    blocks = torch.block_diag(*alone.frame, alone.shape) + diagonal.diag()
    blocks[: FRAMES * OWN, FRAMES * OWN :] = alone.coupling.flatten(0, 1)
    blocks[FRAMES * OWN :, : FRAMES * OWN] = alone.coupling.flatten(0, 1).T
    whole = blocks + moves.T @ torch.kron(matrix, torch.eye(POSITIONS, dtype=torch.float64)) @ moves
    return equations, coupling, damping, whole


@pytest.mark.parametrize("shape", [SHAPE, 0])
def test_frames_coupled_in_time_are_solved_as_the_dense_system(shape: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(normal_equations_module, "ITERATIONS", FRAMES * OWN)  # exact then, but for rounding
    equations, coupling, damping, whole = coupled_problem(shape)
    gradient = torch.cat((equations.frame_gradient.flatten(), equations.shape_gradient))
    expected = -torch.linalg.solve(whole, gradient)
    step, of_shape = solve(equations, damping, 0.7, coupling)
    torch.testing.assert_close(step.flatten(), expected[: FRAMES * OWN])
    if shape:
        torch.testing.assert_close(of_shape, expected[FRAMES * OWN :])


def test_frames_that_nothing_couples_are_solved_by_themselves() -> None:
    terms, damping = problem(), random(FRAMES, OWN, seed=9).abs()
    positions, of_shape = random(FRAMES, POSITIONS, OWN, seed=42), random(FRAMES, POSITIONS, SHAPE, seed=43)
    coupling = Coupling(torch.zeros(FRAMES, POSITIONS, 5, dtype=torch.float64), positions, of_shape)
    equations = normal_equations(*terms)
    torch.testing.assert_close(solve(equations, damping, 0.7, coupling), solve(equations, damping, 0.7))
