"""What a run says of itself, in numbers and words that every front end shares."""

from collections.abc import Iterable

import numpy as np

from engine.methods.run import IN_SCAN, KEPT_SHAPE, REFITTED, SCAN, SIDE, SUBJECTS, Run


def mean_distance_mm(run: Run) -> float | None:
    """Mean over the frames that are not lost of how far what was seen lies from the mesh; None where nothing tells."""
    known = [frame.mean_distance_mm for frame in run.frames if not frame.lost and frame.mean_distance_mm is not None]
    return float(np.mean(known)) if known else None


def lost_rows(run: Run) -> list[int]:
    """Rows of the frames that the method does not trust."""
    return [row for row, frame in enumerate(run.frames) if frame.lost]


def ranges(names: tuple[str, ...], rows: Iterable[int]) -> str:
    """The ``rows`` of ``names`` in words, with runs of neighbours as one: ``000003, 000007 to 000009``."""
    parts: list[list[int]] = []
    for row in sorted(rows):
        if parts and row == parts[-1][1] + 1:
            parts[-1][1] = row
        else:
            parts.append([row, row])
    return ", ".join(names[first] if first == last else f"{names[first]} to {names[last]}" for first, last in parts)


def lost_text(run: Run) -> str:
    """``lost: 000003, 000007 to 000009 (4 of 60 frames), filled between their neighbours``; empty where none is."""
    rows = lost_rows(run)
    if not rows:
        return ""
    filled = any(run.frames[row].filled for row in rows)
    count = f"{len(rows)} of {len(run.frames)} frames{', filled between their neighbours' if filled else ''}"
    return f"lost: {ranges(run.frame_names, rows)} ({count})"


def side_facts(run: Run) -> dict[str, str | None]:
    """What a run says of the side of a hand, see `engine.methods.npm.sides.Side`; None of each where it has none."""
    told = run.details.get(SIDE)
    facts = told if isinstance(told, dict) else {}
    return {name: facts.get(name) for name in ("word", "fitted", "how")}


def is_mirrored(run: Run) -> bool:
    """Whether the codes of a run are those of the mirror image of its subject."""
    told = run.details.get(SIDE)
    return isinstance(told, dict) and told.get("mirrored") is True


def side_text(run: Run) -> str:
    """``side: left, as stated``, or ``side: uncertain, fitted as right, ...``; empty where there is none."""
    facts = side_facts(run)
    if facts["word"] is None:
        return ""
    fitted = "" if facts["word"] == facts["fitted"] else f", fitted as {facts['fitted']}"
    return f"side: {facts['word']}{fitted}, {facts['how']}"


def scan_text(run: Run) -> str:
    """``scan to fit 2.7 mm, fit to scan 2.5 mm, ...``; empty where no scan was fitted."""
    told = run.details.get(SCAN)
    if not isinstance(told, dict) or "scan_to_fit_mm" not in told:
        return ""
    there, back = told["scan_to_fit_mm"], told["fit_to_scan_mm"]
    return f"mean distances: scan to fit {there:.3g} mm, fit to scan {back:.3g} mm; {IN_SCAN} is in {told['unit']}"


def refit_text(run: Run) -> str:
    """``fitted again: 000012 to 000030; all other frames are those of RUN``; empty where all were fitted."""
    told = run.details.get(REFITTED)
    if not isinstance(told, dict):
        return ""
    rows = [row for row, name in enumerate(run.frame_names) if name in told["frames"]]
    return f"fitted again: {ranges(run.frame_names, rows)}; all other frames are those of {told['of']}"


def shape_text(run: Run) -> str:
    """``shape: kept, of identity NAME``; empty where it was fitted."""
    told = run.details.get(KEPT_SHAPE)
    return f"shape: kept, {told}" if isinstance(told, str) else ""


def most_subjects(runs: Iterable[Run]) -> int:
    """The largest number of subjects that one of ``runs`` found, of which it is of one; 1 where none says it."""
    told = (run.details.get(SUBJECTS) for run in runs)
    return max((count for count in told if isinstance(count, int)), default=1)
