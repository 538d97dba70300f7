"""`npm-studio render`: pictures and videos of a run."""

import argparse
from pathlib import Path
from typing import Any

from npm_studio.cli.console import ConsoleProgress, add_json


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Pictures and videos of a run, without a display: the fit over the observed points when the depth sequence is "
        "still where it was, the fit alone otherwise."
    )
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="run folder that `npm-studio fit` wrote")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="FILE.mp4 for a video, FILE.png for some frames"
    )
    add_json(parser)


def run(options: argparse.Namespace) -> dict[str, Any]:
    from engine.core.errors import InputError
    from engine.methods.run import load_run

    if options.out.suffix.lower() not in (".mp4", ".png"):
        raise InputError(options.out, "unknown ending", "use .mp4 for a video or .png for a picture")
    if options.out.is_dir():
        raise InputError(options.out, "is a folder", "name a file")
    fitted = load_run(options.run_folder)

    from npm_studio.reports.pictures import save_picture
    from npm_studio.reports.pictures.runs import find_sequence, fit_sheet, run_video

    sequence = find_sequence(fitted)
    with ConsoleProgress() as progress:
        if sequence is None:
            progress.message(
                f"{fitted.inputs.sequence}: the depth sequence is not there any more, showing the fit alone"
            )
        if options.out.suffix.lower() == ".mp4":
            run_video(fitted, sequence, options.out, progress)
        else:
            save_picture(fit_sheet(fitted, sequence), options.out)
        progress.message(f"wrote {options.out}")
    return {"file": str(options.out), "frames": len(fitted.frame_names), "over_observation": sequence is not None}
