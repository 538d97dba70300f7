"""`npm-studio dataset` kinds that turn foreign data into a registered dataset, or read it in place."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from npm_studio.cli.console import ConsoleProgress, add_json, add_seed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.dataset.importing import RawDataset
    from engine.geometry.similarity import Similarity


_MOST_SHOWN = 48
"""Identities in the picture of guessed canonical meshes."""


def add_import_options(parser: argparse.ArgumentParser, normalise: str = "bounds") -> None:
    """Options of every import; ``normalise`` is the default of ``--normalise``."""
    parser.add_argument(
        "out", type=Path, metavar="OUT", help="dataset folder to write; an interrupted one is completed"
    )
    parser.add_argument(
        "--normalise",
        default=normalise,
        metavar="HOW",
        help="bounds (of the dataset), subject (each by its own), cape, mano, anny, none, SCALE,X,Y,Z, or a "
        "dataset or model whose scale and centre to take "
        f"(default: {normalise})",
    )
    add_json(parser)


def run_import(
    raw: RawDataset,
    options: argparse.Namespace,
    progress: ConsoleProgress,
    known: Mapping[str, Similarity] | None = None,
) -> dict[str, Any]:
    """Import ``raw`` into ``options.out``; returns the results of the command.

    ``known`` similarities of the identities are used instead of those that ``--normalise`` would find.
    """
    from engine.dataset.importing import import_dataset
    from engine.dataset.normalisation import parse_normalisation

    summary = import_dataset(raw, options.out, parse_normalisation(options.normalise), progress, known)
    progress.message(
        f"{options.out}: {summary.identities} identities, {summary.sequences} sequences, {summary.frames} frames"
        + (f" ({summary.kept} sequences were there already)" if summary.kept else "")
    )
    return {
        "dataset": str(options.out),
        "identities": summary.identities,
        "sequences": summary.sequences,
        "frames": summary.frames,
        "kept": summary.kept,
        "largest_coordinate": round(summary.largest_coordinate, 4),
    }


def configure_smpl(parser: argparse.ArgumentParser) -> None:
    add_import_options(parser, normalise="cape")
    parser.add_argument(
        "--model",
        type=Path,
        required=True,
        metavar="FILE|DIR",
        help="your SMPL, SMPL-H or SMPL-X model file (.pkl or .npz), or a folder of them by gender",
    )
    add_motion_options(parser, "bodies")
    parser.add_argument(
        "--up", choices=("z", "y"), default="z", help="axis that points up in the recordings (default: z, as in AMASS)"
    )


def add_motion_options(parser: argparse.ArgumentParser, what: str) -> None:
    """Options that bodies and hands share."""
    parser.add_argument(
        "--motions",
        type=Path,
        metavar="DIR",
        help="recorded motions: .npz files with poses (or root_orient and pose_body) and betas, as in AMASS",
    )
    parser.add_argument(
        "--identities", type=int, metavar="N", help=f"number of {what} (default: 16; all that are in the recordings)"
    )
    parser.add_argument(
        "--sequences", type=int, metavar="N", help="motions of each (default: 8; all that are in the recordings)"
    )
    parser.add_argument("--frames", type=int, default=16, metavar="N", help="frames of each motion (default: 16)")
    add_seed(parser)


def run_smpl(options: argparse.Namespace) -> dict[str, Any]:
    from external.smpl.bodies import random_bodies, recorded_bodies

    with ConsoleProgress() as progress:
        if options.motions:
            raw = recorded_bodies(
                options.model,
                options.motions,
                options.frames,
                options.up,
                options.identities,
                options.sequences,
                progress,
            )
        else:
            identities, sequences = default_counts(options)
            raw = random_bodies(options.model, identities, sequences, options.frames, options.seed)
        return run_import(raw, options, progress)


def default_counts(options: argparse.Namespace) -> tuple[int, int]:
    """Numbers of identities and of sequences where motions are made up."""
    return (
        16 if options.identities is None else options.identities,
        8 if options.sequences is None else options.sequences,
    )


def configure_mano(parser: argparse.ArgumentParser) -> None:
    add_import_options(parser, normalise="bounds")
    parser.add_argument(
        "--model",
        type=Path,
        required=True,
        metavar="FILE|DIR",
        help="your MANO_RIGHT.pkl or MANO_LEFT.pkl, or the folder with them",
    )
    parser.add_argument("--side", choices=("right", "left"), help="which hand of a folder with both (default: right)")
    add_motion_options(parser, "hands")
    parser.add_argument(
        "--flat-hand-mean",
        choices=("yes", "no"),
        help="whether a pose of zeros in the recordings is the flat hand, as smplx calls it, or the mean "
        "hand of the model (default: the flat hand)",
    )


def run_mano(options: argparse.Namespace) -> dict[str, Any]:
    from external.smpl.hands import load_hand, random_hands, recorded_hands

    with ConsoleProgress() as progress:
        hand = load_hand(options.model, options.side, progress)
        if options.motions:
            flat = None if options.flat_hand_mean is None else options.flat_hand_mean == "yes"
            raw = recorded_hands(
                hand, options.motions, options.frames, options.identities, options.sequences, flat, progress
            )
        else:
            identities, sequences = default_counts(options)
            raw = random_hands(hand, identities, sequences, options.frames, options.seed)
        return run_import(raw, options, progress)


def configure_cape(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("raw", type=Path, metavar="RAW", help="the folder cape_release")
    add_import_options(parser, normalise="cape")
    parser.add_argument(
        "--model",
        type=Path,
        metavar="FILE|DIR",
        help="SMPL model file (.pkl or .npz), or a folder of them by gender; without it the canonical meshes keep "
        "their legs as they are in the release",
    )
    parser.add_argument("--no-scans", action="store_true", help="leave out the real scans")


def run_cape(options: argparse.Namespace) -> dict[str, Any]:
    from engine.dataset.registered import load_registered_dataset
    from external.cape.release import CapeRelease
    from external.cape.scans import ScanSummary, import_scans

    with ConsoleProgress() as progress:
        raw = CapeRelease(options.raw, options.model, progress)
        if options.model is None:
            progress.message(
                "without --model: canonical meshes are v_cano as it is, legs not moved apart, and posed frames are "
                "v_posed without translation; give your SMPL model file for the published preparation"
            )
        results = run_import(raw, options, progress)
        scans = ScanSummary()
        if not options.no_scans:
            scans = import_scans(raw, load_registered_dataset(options.out), progress)
            progress.message(f"scans: {scans.written} written, {scans.kept} there already, {scans.skipped} skipped")
        if raw.skipped:
            progress.message(f"warning: {raw.skipped} frames could not be read and were left out")
    return {
        **results,
        "skipped_frames": raw.skipped,
        "scans": scans.written + scans.kept,
        "skipped_scans": scans.skipped,
    }


def configure_meshes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder", type=Path, metavar="FOLDER", help="meshes as IDENTITY/SEQUENCE/FRAME.ply (.obj, .glb, .stl, .off)"
    )
    add_import_options(parser)
    parser.add_argument(
        "--canonical",
        metavar="FILE",
        help="canonical mesh inside the folder of each identity, such as tpose.ply (default: found by its name, else "
        "the frame whose limbs are stretched out most)",
    )
    parser.add_argument("--unit", choices=("m", "cm", "mm"), default="m", help="unit of the files (default: m)")
    parser.add_argument("--up", choices=("y", "z"), default="y", help="axis that points up in the files (default: y)")
    parser.add_argument("--class", dest="category", default="meshes", metavar="TEXT", help="what the meshes show")
    parser.add_argument("--frame-rate", type=float, default=30.0, metavar="FPS", help="frames per second (default: 30)")


def run_meshes(options: argparse.Namespace) -> dict[str, Any]:
    from engine.core.errors import InputError
    from external.meshes.folder import MeshFolder

    if not 0 < options.frame_rate < 10_000:
        raise InputError(f"--frame-rate {options.frame_rate:g}", "must be positive")
    with ConsoleProgress() as progress:
        raw = MeshFolder(
            options.folder,
            options.canonical,
            options.unit,
            options.up,
            options.category,
            options.frame_rate,
            progress=progress,
        )
        results = run_import(raw, options, progress)
        if raw.guessed:
            results["canonical_picture"] = _show_guessed(options.out, progress)
        return results


def _show_guessed(out: Path, progress: ConsoleProgress) -> str | None:
    """Write a picture of the canonical meshes beside the dataset ``out``, and say where; None where none can be drawn.

    Last of all: a graphics driver that fails takes nothing with it.
    """
    from engine.core.errors import InputError, Notice, Remedy
    from external.datasets import open_dataset
    from npm_studio.reports.pictures import save_picture
    from npm_studio.reports.pictures.dataset_sheet import dataset_sheet

    picture = out.absolute().with_name(f"{out.absolute().name}.canonical.png")
    try:
        save_picture(dataset_sheet(open_dataset(out), "canonical", _MOST_SHOWN, progress), picture)
    except InputError as error:
        again = f"npm-studio dataset show {shlex.quote(str(out))} --kind canonical --out {shlex.quote(picture.name)}"
        text = f"no picture of the guessed canonical meshes: {error.subject}: {error.problem}"
        progress.notice(Notice(text, Remedy(f"look at them where pictures can be drawn, by `{again}`")))
        return None
    fix = Remedy("look whether all are in one pose with nothing touching; if not, name a file with --canonical")
    progress.notice(Notice(f"{picture} shows the canonical meshes that were guessed", fix))
    return str(picture)


def configure_dt4d(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, metavar="SOURCE", help="folder with .anime files below it, or one file")
    add_import_options(parser, normalise="subject")
    parser.add_argument("--only", metavar="NAME", help="take animations whose names begin so, such as bear")


def run_dt4d(options: argparse.Namespace) -> dict[str, Any]:
    from external.dt4d.dataset import AnimeFolder

    with ConsoleProgress() as progress:
        return run_import(AnimeFolder(options.source, options.only, progress), options, progress)


def configure_npms(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("root", type=Path, metavar="ROOT", help="folder of one processed dataset, or of several")
    parser.add_argument("out", type=Path, metavar="OUT", help="small folder to write; train, prepare, ... take it")
    parser.add_argument(
        "--split", metavar="NAME|DIR", help="labels to use: a folder, or its name in ZSPLITS_* (default: all frames)"
    )
    parser.add_argument(
        "--dataset", nargs="+", default=[], metavar="NAME", help="take only these datasets of ROOT (default: all)"
    )
    add_json(parser)


def run_npms(options: argparse.Namespace) -> dict[str, Any]:
    from external.npms.view import write_view

    with ConsoleProgress() as progress:
        summary = write_view(options.root, options.out, options.split, options.dataset, progress)
        progress.message(
            f"{options.out}: {summary.identities} identities, {summary.frames} frames of {', '.join(summary.datasets)}"
            + (f"; {summary.without_meshes} identities have samples alone" if summary.without_meshes else "")
        )
    return {
        "dataset": str(options.out),
        "sources": list(summary.datasets),
        "identities": summary.identities,
        "frames": summary.frames,
        "without_meshes": summary.without_meshes,
    }
