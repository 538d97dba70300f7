"""Height, girths, lengths and volume of fitted bodies that no training has seen, against those of the true bodies.

    python benchmarks/body_measurements.py [--model anny-compact] [--seeds 1234] [--frames 12] [--work FOLDER]
    python benchmarks/body_measurements.py --seeds 4001 4002 --calibrate

Of each seed 8 bodies, 3 of them children, in motions that no training has seen, are seen by one camera in front,
without noise, and fitted as `npm-studio fit` does. Printed for each measurement of each body: the error, and in
brackets the standard error that the run itself states. Then, for each measurement,

- the mean absolute error and the largest one;
- how many errors are within one and two of the stated standard errors: 68 and 95 % if these are right;
- the bars: height within 2 cm, girths within 4 cm, of every body.

The true values are measured by the same rules on the true surface in the canonical pose. As a check on the rules,
beside them stand Anny's own height, waist and volume of these bodies at rest (`anny.anthropometry`): feet a little
apart, arms lowered, the waist along a fixed loop of vertices.

--calibrate prints the factor of the spreads and the parts of the values that explain the errors best (maximum
likelihood), for `engine/methods/measured_body.py`. Bodies that standard errors are chosen on are not those that they
are reported for.

--work FOLDER keeps sequences and runs; what is there is not made again. The exit status is 1 when a bar is missed.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from canonical_fit import fit_all
from numpy.typing import NDArray
from plain import measured

from engine.core.devices import describe_device, resolve_device
from engine.core.files import read_json
from engine.core.process import prepare_process
from engine.dataset.registered import load_registered_dataset
from engine.evaluate.body_measurements import BODY_MEASUREMENTS, measure_body
from engine.geometry.mesh import Mesh
from engine.methods.measured_body import OF_SPREAD, OF_VALUE, measured_body, noise_factor
from engine.methods.run import load_run
from npm_studio.suites.canonical import BODIES, CanonicalSequence, make_sequences

NAMES = tuple(definition.name for definition in BODY_MEASUREMENTS)
BARS = {"height": 2.0} | {name: 4.0 for name in NAMES if name.endswith("girth")}
"""Centimetres that no body may be off by more."""
FACTORS = np.array([1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0])
PARTS = np.geomspace(0.001, 0.05, 60)


def measure(options: argparse.Namespace, work: Path) -> dict:
    device = resolve_device(options.device)
    rows = []
    for seed in options.seeds:
        sequences = make_sequences(replace(BODIES, seed=seed, frames=options.frames), work / "sequences", device=device)
        runs = work / "runs"
        missing = [each for each in sequences if not (_run(each, runs) / "run.json").is_file()]
        failed = [row for row in fit_all(missing, options.model, options.device, runs, None) if "refused" in row]
        for row in failed:
            print(f"{row['sequence']} was refused: {row['refused']}")
        rows += [_row(each, _run(each, runs)) for each in sequences if (_run(each, runs) / "run.json").is_file()]
    print(f"measured on {describe_device(device)}; {options.model}, {options.frames} frames; cm and litres")
    for row in rows:
        print_row(row)
    totals = {name: total_of(rows, name) for name in NAMES}
    print_totals(totals, len(rows))
    print_check(rows)
    results = {"bodies": rows, "totals": totals}
    if options.calibrate:
        results["calibrated"] = calibrated(rows)
    return results


def _run(sequence: CanonicalSequence, runs: Path) -> Path:
    return runs / sequence.folder.parent.name / sequence.folder.name


def _row(sequence: CanonicalSequence, folder: Path) -> dict:
    """What a run says of its body, the truth, and what Anny itself says."""
    dataset = load_registered_dataset(sequence.folder.parent / "dataset")
    _, name, _ = sequence.name.split(" ", 2)
    identity = dataset.identities.index(name)
    surface = dataset.similarity_of(identity).to_world(dataset.canonical(identity))
    run = load_run(folder)
    body = measured_body(run)
    phenotype = read_json(dataset.root / "dataset.json")["recipe"]["phenotypes"][name]
    return {
        "sequence": sequence.name,
        "child": sequence.is_child,
        "note": body.note,
        "noise_factor": noise_factor(run),
        "values": dict(body.values),
        "standard_errors": dict(body.standard_errors),
        "true": measure_body(Mesh(surface, dataset.faces(identity))),
        "anny": anthropometry(phenotype),
    }


def anthropometry(phenotype: Mapping[str, float]) -> dict[str, float]:
    """What Anny says of a body at rest: height and waist in centimetres, volume in litres."""
    import torch
    from anny import Anny
    from anny.anthropometry import Anthropometry

    model = Anny(skinning_method="lbs", pose_parameterization="local-ref")
    columns = {name: torch.tensor([value], dtype=torch.float64) for name, value in phenotype.items()}
    vertices = model.get_rest_model(model.get_phenotype_blendshape_coefficients(**columns))["rest_vertices"]
    found = Anthropometry(model)(vertices)
    return {
        "height": 100 * float(found["height"]),
        "waist_girth": 100 * float(found["waist_circumference"]),
        "volume": 1000 * float(found["volume"]),
    }


def errors_of(rows: Sequence[dict], name: str) -> NDArray[np.float64]:
    """(N,) of the bodies; NaN where a run says nothing."""
    return np.array([row["values"].get(name, np.nan) - row["true"][name] for row in rows])


def total_of(rows: Sequence[dict], name: str) -> dict:
    errors = errors_of(rows, name)
    stated = np.array([row["standard_errors"].get(name, np.nan) for row in rows])
    total = {
        "mean_absolute_error": float(np.abs(errors).mean()),
        "mean_error": float(errors.mean()),
        "largest_error": float(np.abs(errors).max()),
        "mean_standard_error": float(stated.mean()),
        "within_one": float((np.abs(errors) <= stated).mean()),
        "within_two": float((np.abs(errors) <= 2 * stated).mean()),
    }
    return total | ({"bar": BARS[name], "passed": total["largest_error"] <= BARS[name]} if name in BARS else {})


def print_row(row: dict) -> None:
    if not row["values"]:
        print(f"{row['sequence']:34s} {row['note']}")
        return
    errors = (
        f"{name.removesuffix('_girth').removesuffix('_length')} "
        f"{row['values'][name] - row['true'][name]:+.1f} ({row['standard_errors'].get(name, np.nan):.1f})"
        for name in NAMES
    )
    print(f"{row['sequence']:34s}{'child ' if row['child'] else ''}{', '.join(errors)}")


def print_totals(totals: Mapping[str, dict], bodies: int) -> None:
    print(f"{'':14s}{'mean abs':>9s}{'mean':>7s}{'largest':>9s}{'stated':>8s}{'within 1':>10s}{'within 2':>10s}  bar")
    for name, total in totals.items():
        bar = "" if "bar" not in total else f"{'pass' if total['passed'] else 'FAIL'} {total['bar']:g} cm"
        print(
            f"{name:14s}{total['mean_absolute_error']:9.2f}{total['mean_error']:+7.2f}{total['largest_error']:9.2f}"
            f"{total['mean_standard_error']:8.2f}{total['within_one']:10.0%}{total['within_two']:10.0%}  {bar}"
        )
    share = [np.mean([total[which] for total in totals.values()]) for which in ("within_one", "within_two")]
    print(f"of all measurements of {bodies} bodies {share[0]:.0%} within one standard error, {share[1]:.0%} within two")


def print_check(rows: Sequence[dict]) -> None:
    """By how much the true values by the rules of this project are larger than those of Anny, and fits, too."""
    for name in rows[0]["anny"]:
        rules = np.array([row["true"][name] - row["anny"][name] for row in rows])
        fits = np.array([row["values"].get(name, np.nan) - row["anny"][name] for row in rows])
        print(
            f"{name}: true surfaces by these rules less Anny's own figure {rules.mean():+.1f} ± {rules.std():.1f}, "
            f"fits {fits.mean():+.1f} ± {fits.std():.1f}"
        )


def calibrated(rows: Sequence[dict]) -> dict:
    """The factor of the spreads, and the part of each value, under which the errors are likeliest."""
    rows = [row for row in rows if row["standard_errors"]]
    noise = np.array([row["noise_factor"] for row in rows])
    best: tuple[float, float, dict[str, float]] = (-np.inf, np.nan, {})
    for factor in FACTORS:
        parts, total = {}, 0.0
        for name in NAMES:
            errors, values = errors_of(rows, name), np.array([row["values"][name] for row in rows])
            stated = np.array([row["standard_errors"][name] for row in rows]) / noise
            spreads = np.sqrt(np.maximum(stated**2 - (OF_VALUE[name] * values) ** 2, 0)) / OF_SPREAD
            variances = noise**2 * ((factor * spreads) ** 2 + (PARTS[:, None] * values) ** 2)  # (P, N)
            likelihoods = -0.5 * (errors**2 / variances + np.log(variances)).sum(axis=1)
            parts[name], total = float(PARTS[likelihoods.argmax()]), total + float(likelihoods.max())
        print(f"factor {factor:g}: log likelihood {total:.1f}, " + ", ".join(f"{n} {p:.4f}" for n, p in parts.items()))
        best = max(best, (total, float(factor), parts), key=lambda each: each[0])
    print(f"likeliest: factor {best[1]:g} of {len(rows)} bodies")
    return {"factor": best[1], "parts": best[2], "log_likelihood": best[0]}


def main() -> int:
    prepare_process()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="anny-compact", metavar="M", help="folder or name")
    parser.add_argument("--seeds", nargs="+", type=int, default=[BODIES.seed])
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--calibrate", action="store_true")
    parser.add_argument("--work", type=Path, metavar="FOLDER", help="keep sequences and runs here")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results = measured(lambda work: measure(options, options.work or work), options.json)
    if results is None:
        return 2
    return 0 if all(total.get("passed", True) for total in results["totals"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
