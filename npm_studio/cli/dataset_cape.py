"""`npm-studio dataset cape`: the raw release of CAPE as a registered dataset, scans included."""

import argparse
from pathlib import Path
from typing import Any

from npm_studio.cli.console import ConsoleProgress
from npm_studio.cli.importing import add_import_options, run_import


def configure(parser: argparse.ArgumentParser) -> None:
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


def run(options: argparse.Namespace) -> dict[str, Any]:
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
