"""Whether the side of a hand is told right: recordings of left and of right hands, unseen identities in all motions.

    python benchmarks/hand_sides.py [--model hand-compact] [--recordings 100] [--seed 4321] [--json FILE]

Every other hand is a left one, with a mesh of its own, as Anny has it. Each is seen by one camera that is turned away
from the front by up to 60 degrees to either side and up to 30 up or down, and rolled by any angle; every other pair
through the noise of a depth sensor. The fit's own start says the side: left, right or uncertain.

The bar: of those that are told, 95 % are told right. What is uncertain is counted, and the fraction of all recordings
that is told right is printed beside it, as is how both would change with another limit of what is certain. The exit
status is 1 when the bar is missed.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from canonical_measures import Figures
from numpy.typing import NDArray
from plain import plain
from scipy.spatial.transform import Rotation

from engine.core.devices import describe_device, resolve_device
from engine.core.errors import InputError
from engine.core.files import write_json
from engine.core.process import prepare_process
from engine.dataset.registered import RegisteredDataset, load_registered_dataset
from engine.dataset.rendering import render_sequence
from engine.geometry.camera import front_camera_to_world
from engine.geometry.sensor_noise import KinectNoise
from engine.geometry.similarity import Similarity
from engine.methods.npm.observing import observe
from engine.methods.npm.sides import CERTAIN, log_odds, told
from engine.models.checkpoint import load_model
from engine.models.model import NeuralParametricModel
from engine.sequences.capture_options import CaptureOptions
from engine.sequences.mirroring import mirrored_sequence
from engine.sequences.opening import open_subject
from engine.sequences.reader import registered_readers
from external.anny.hands.generate import generate_hands
from external.anny.hands.motions import FAMILIES
from npm_studio.resources import model_path

BAR = 0.95
"""Of the recordings whose side is told, those that are told right."""
WIDEST_TURN, WIDEST_TILT = 60.0, 30.0
"""Degrees from the front."""
LIMITS = 0.25, 0.5, 1.0, 1.5, 2.0, 3.0
"""Log odds from which a side might be called certain."""


def camera_pose(similarity: Similarity, random: np.random.Generator) -> NDArray[np.float64]:
    """A camera (4, 4) that looks at the middle of the cube from about the front, rolled by any angle."""
    turn = random.uniform(-WIDEST_TURN, WIDEST_TURN)
    tilt, roll = random.uniform(-WIDEST_TILT, WIDEST_TILT), random.uniform(-180, 180)
    pose = front_camera_to_world(similarity)
    around = Rotation.from_euler("YX", (turn, tilt), degrees=True).as_matrix()
    pose[:3, 3] = around @ (pose[:3, 3] - similarity.centre) + similarity.centre
    pose[:3, :3] = around @ pose[:3, :3] @ Rotation.from_euler("z", roll, degrees=True).as_matrix()
    return pose


def make_recordings(count: int, frames: int, seed: int, work: Path, device: str) -> list[tuple[str, Path]]:
    """The true side and the folder of ``count`` recordings; what is in ``work`` already is kept."""
    root = work / f"hands-{seed}-{count}x{frames}"
    if not (root / "dataset").is_dir():
        generate_hands(root / "dataset", count, 1, frames, seed, side="both", families=tuple(FAMILIES))
    dataset = load_registered_dataset(root / "dataset")
    found = []
    for index, name in enumerate(dataset.identities):
        folder = root / name
        if not (folder / "truth" / "truth.json").is_file():
            _render(dataset, index, folder, seed, device)
        found.append(("left" if name.startswith("hand_L") else "right", folder))
    return found


def _render(dataset: RegisteredDataset, index: int, folder: Path, seed: int, device: str) -> None:
    pose = camera_pose(dataset.similarity_of(index), np.random.default_rng((seed, index)))
    noise = KinectNoise() if index // 2 % 2 else None
    sequence = dataset.sequences_of(index)[0]
    render_sequence(dataset, index, sequence, folder, camera_to_world=pose, noise=noise, seed=seed, device=device)


def tell_all(recordings: Sequence[tuple[str, Path]], model: NeuralParametricModel) -> list[Figures]:
    """A row for each recording: what it is, and the log odds that it is of the other side than the model."""
    own, rows = model.info.side, []
    if own is None or model.coordinate_network is None or not model.coordinate_network.config.sides:
        raise InputError(f"model {model.info.name}", "cannot tell sides", "use a model of hands whose network does")
    for side, folder in recordings:
        clock = time.perf_counter()
        source = open_subject(folder, registered_readers(), CaptureOptions(), model)
        mirror = mirrored_sequence(source, model.info.similarity.centre[0])
        odds = log_odds(observe(source, model), mirror, model, 0)
        row = {"recording": folder.name, "side": side, "log_odds": odds, "word": told(odds, own).word}
        rows.append(row | {"is_other": side != own, "seconds": time.perf_counter() - clock})
        seconds = rows[-1]["seconds"]
        print(f"{folder.name:14s}{side:8s}{row['word']:12s}{odds:8.2f}{seconds:7.1f} s", flush=True)
    return rows


def counted(rows: Sequence[Figures], limit: float) -> Figures:
    """How many recordings are told right, told wrong and uncertain, with ``limit`` of what is certain."""
    odds = np.array([row["log_odds"] for row in rows])
    is_other = np.array([row["is_other"] for row in rows])
    certain = np.abs(odds) >= limit
    right = int((certain & ((odds > 0) == is_other)).sum())
    wrong = int(certain.sum()) - right
    return {
        "limit": limit,
        "right": right,
        "wrong": wrong,
        "uncertain": len(rows) - right - wrong,
        "right_of_told": right / max(1, right + wrong),
        "right_of_all": right / len(rows),
    }


def print_counts(counts: Figures) -> None:
    shares = f"{counts['right_of_told']:.1%} of those told, {counts['right_of_all']:.1%} of all"
    told_as = f"{counts['right']} right, {counts['wrong']} wrong, {counts['uncertain']} uncertain"
    print(f"limit {counts['limit']:4.2f}: {told_as}; {shares}")


def main() -> int:
    prepare_process()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="hand-compact", help="folder or name")
    parser.add_argument("--recordings", type=int, default=100)
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--seed", type=int, default=4321)
    parser.add_argument("--work", type=Path, metavar="FOLDER", help="keep data and recordings here")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    device = resolve_device(options.device)
    try:
        model = load_model(model_path(options.model), device)
        with tempfile.TemporaryDirectory() as kept:
            work = options.work or Path(kept)
            recordings = make_recordings(options.recordings, options.frames, options.seed, work, str(device))
            rows = tell_all(recordings, model)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"measured on {describe_device(device)}")
    for limit in LIMITS:
        print_counts(counted(rows, limit))
    counts = counted(rows, CERTAIN)
    passed = counts["right_of_told"] >= BAR
    share, word = counts["right_of_told"], "pass" if passed else "FAIL"
    print(f"{word}  {model.info.name} {options.seed} side told right {share:.3f} (bar {BAR})")
    if options.json:
        write_json(options.json, plain({"recordings": rows, "counts": counts, "bar": BAR, "passed": passed}))
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
