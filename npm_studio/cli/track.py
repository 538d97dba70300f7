"""`npm-studio track`: a subject followed frame by frame, as a source shows it."""

import argparse
import contextlib
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from npm_studio.cli.capture_options import add_capture_options, positive, stated
from npm_studio.cli.console import ConsoleProgress, add_device, add_json, add_model, add_seed

if TYPE_CHECKING:
    from engine.methods.method import LoadedModel
    from engine.sequences.depth_source import DepthFrame, DepthSource
    from engine.tracking.announcing import Announcer
    from engine.tracking.kept_frames import KeptFrames
    from engine.tracking.live import TrackControl
    from engine.tracking.npm_tracker import NpmTracker
    from engine.tracking.tracker import TrackedFrame

STANDARD_OUTPUT = "stdout"
_LAST_PORT = 65535
_SAID_EVERY_S = 5.0


def configure(parser: argparse.ArgumentParser) -> None:
    from engine.sequences.source_kind import PATIENCE_S

    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="a recording, a folder (with --follow one that another program is writing), or a camera such as realsense",
    )
    add_model(parser)
    parser.add_argument("--out", type=Path, metavar="RUN", help="run folder to write at the end")
    parser.add_argument(
        "--every-frame",
        action="store_true",
        help="track every frame, however late; else the newest one wins, and those that were missed are counted",
    )
    parser.add_argument("--follow", action="store_true", help="SOURCE is a folder that is still being written")
    parser.add_argument(
        "--wait",
        type=positive,
        default=PATIENCE_S,
        metavar="SECONDS",
        help="without a new frame, after which a folder that is followed has ended and a camera is lost"
        " (default: %(default)g)",
    )
    parser.add_argument(
        "--send",
        type=_address,
        metavar="stdout|PORT|PATH",
        help="poses as lines of JSON: to standard output, or to all who connect to a port of this machine or to a Unix"
        " socket; whoever reads too slowly loses lines or is disconnected",
    )
    parser.add_argument("--send-meshes", action="store_true", help="coarse meshes as well, metres")
    add_capture_options(parser)
    add_device(parser)
    add_seed(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> dict[str, Any]:
    from engine.core.devices import resolve_device
    from engine.core.errors import InputError
    from engine.methods.method import LoadedModel
    from engine.methods.request import check_out
    from engine.models.checkpoint import load_model
    from engine.sequences.source_kind import Pace, SourceOptions, open_source
    from engine.tracking.config import TrackerConfig
    from engine.tracking.kept_frames import KeptFrames
    from engine.tracking.live import TrackControl, track
    from engine.tracking.npm_tracker import NpmTracker

    if options.out is not None:
        check_out(options.out)
    pace = Pace.EVERY if options.every_frame else Pace.LIVE
    capture, control = stated(options), TrackControl()
    with ConsoleProgress() as progress, contextlib.ExitStack() as stack:
        loaded = LoadedModel(options.model, load_model(options.model, resolve_device(options.device)))
        source = open_source(options.source, SourceOptions(capture, pace, options.follow, options.wait), progress)
        stack.callback(source.close)
        progress.message(f"{options.source}: {source.origin}")
        said = source.warnings
        for notice in said:
            progress.notice(notice)
        tracker = NpmTracker(loaded, TrackerConfig())
        announcer = _announcer(options, source, tracker, control, progress)
        kept = None if options.out is None else stack.enter_context(KeptFrames(source, Path(options.source)))

        state = _State(progress)

        def tell(frame: "DepthFrame", tracked: "TrackedFrame") -> None:
            state.see(tracked)
            if announcer is not None:
                announcer.tell(tracked)
            if kept is not None:
                kept.keep(frame, tracked)

        results: dict[str, Any] = {}
        lost_source: InputError | None = None
        try:
            summary = track(source, tracker, pace, progress, control, tell, bool(capture.isolation), kept is not None)
            results = summary.as_dict()
            progress.message(_line(results))
        except InputError as error:  # what was tracked until then is kept
            lost_source = error
        for notice in source.warnings:
            if notice not in said:
                progress.notice(notice)
        if announcer is not None:
            announcer.end(results)
        if kept is not None and len(kept) > 0:
            interrupted = lost_source is not None or results["interrupted"]
            results |= _written(options, loaded, tracker, kept, interrupted, progress)
        if lost_source is not None:
            raise lost_source
    return results


class _State:
    """Says every few seconds how it goes."""

    def __init__(self, progress: ConsoleProgress) -> None:
        self._progress, self._said_s = progress, time.monotonic()
        self._frames = self._lost = 0

    def see(self, tracked: "TrackedFrame") -> None:
        self._frames, self._lost, now = self._frames + 1, self._lost + tracked.lost, time.monotonic()
        if now - self._said_s < _SAID_EVERY_S:
            return
        latency = f"{1000 * tracked.latency_s:.1f} ms"
        place = "lost" if tracked.lost else f"confidence {tracked.confidence:.2f}"
        self._progress.message(f"track: {self._frames} frames, {self._lost} lost; {tracked.name}: {place}, {latency}")
        self._said_s = now


def _announcer(
    options: argparse.Namespace,
    source: "DepthSource",
    tracker: "NpmTracker",
    control: "TrackControl",
    progress: ConsoleProgress,
) -> "Announcer | None":
    """Who tells other programs; None where nobody is to be told."""
    from engine.tracking.announcing import Announcer
    from engine.tracking.lines import start_line
    from engine.tracking.sending import Sender, SocketSender, StreamSender

    if options.send is None:
        return None
    start = start_line(source.name, options.model.name, source.camera)

    def senders(greeting: "Callable[[], Sequence[str]]") -> Sender:
        if options.send == STANDARD_OUTPUT:
            return StreamSender(sys.stdout.fileno(), on_gone=control.stop)
        sender = SocketSender(options.send, greeting)
        progress.message(f"poses are sent to those who connect to {options.send or sender.port}")
        return sender

    return Announcer(start, senders, tracker.mesh if options.send_meshes else None)


def _written(
    options: argparse.Namespace,
    loaded: "LoadedModel",
    tracker: "NpmTracker",
    kept: "KeptFrames",
    interrupted: bool,
    progress: ConsoleProgress,
) -> dict[str, Any]:
    """The run of a track that has ended, and what is known of it."""
    from engine.methods.job import run_fit
    from engine.methods.request import FitRequest
    from engine.tracking.config import TrackerConfig
    from engine.tracking.method import METHOD, FinishedTrack
    from npm_studio.cli.fit import lines, summary

    method = FinishedTrack(METHOD, tracker, interrupted, kept.skipped)
    request = FitRequest(
        method, TrackerConfig(), kept.sequence(), options.out, loaded, seed=options.seed, capture=stated(options)
    )
    run = run_fit(request, progress)
    for line in lines(run):
        progress.message(line)
    known = summary(run)
    return {name: known[name] for name in ("run", "verdict", "reason", "mean_distance_mm", "per_frame")}


def _line(results: dict[str, Any]) -> str:
    """What a user wants to know of a track."""
    counts = ", ".join(f"{results[f'{name}_frames']} {name}" for name in ("dropped", "lost", "searched"))
    text = f"{results['frames']} frames in {results['seconds']:.1f} s, {counts}"
    if results["latency_median_ms"] is None:
        return text
    parts = ", ".join(f"{results[f'latency_{name}_ms']:.1f} ({name})" for name in ("median", "p95", "max"))
    return f"{text}; ms from a frame to codes and place: {parts}"


def _address(text: str) -> "int | str | Path":
    if text == STANDARD_OUTPUT:
        return text
    if text.isdecimal():
        if int(text) > _LAST_PORT:
            raise argparse.ArgumentTypeError(f"{text} is not a port from 0 to {_LAST_PORT}")
        return int(text)
    return Path(text)
