"""What the command line calls the settings and tasks of the engine: flags and commands."""

import shlex

from engine.core.errors import Choice, ConfigField, Named, Setting
from npm_studio.command_lines import command

FLAGS: dict[Setting, tuple[str, ...]] = {
    Setting.DEVICE: ("--device",),
    Setting.OUT: ("--out",),
    Setting.SEED: ("--seed",),
    Setting.RESUME: ("--resume",),
    Setting.RESTART: ("--restart",),
    Setting.START_MODEL: ("--from",),
    Setting.FILL_LOST: ("--fill-lost",),
    Setting.DEPTH_UNITS: ("--depth-scale",),
    Setting.INTRINSICS: ("--intrinsics",),
    Setting.STREAM: ("--stream",),
    Setting.DEPTH_RANGE: ("--near", "--far"),
    Setting.MASKS: ("--masks",),
    Setting.REMOVE_PLANES: ("--remove-planes",),
    Setting.SUBJECT: ("--subject",),
    Setting.FOLLOW: ("--follow",),
    Setting.NEAR_SAMPLES: ("--near",),
    Setting.UNIFORM_SAMPLES: ("--uniform",),
    Setting.SURFACE_SAMPLES: ("--surface",),
    Setting.NORMALISATION: ("--normalise",),
    Setting.CANONICAL_MESH: ("--canonical",),
    Setting.MESH_UNIT: ("--unit",),
    Setting.UP_AXIS: ("--up",),
    Setting.IDENTITIES: ("--identities",),
    Setting.SEQUENCES: ("--sequences",),
    Setting.FRAMES: ("--frames",),
    Setting.POINTS: ("--points",),
    Setting.FRAME_RATE: ("--fps",),
    Setting.BODY_MODEL: ("--model",),
    Setting.FLAT_HAND_MEAN: ("--flat-hand-mean",),
    Setting.SPLIT: ("--split",),
    Setting.DATASET: ("--dataset",),
    Setting.TRUTH: ("--truth",),
    Setting.SHAPE_ENCODER: ("--shape-encoder",),
    Setting.POSE_ENCODER: ("--pose-encoder",),
    Setting.HELD_OUT_IDENTITIES: ("--identities",),
    Setting.HELD_OUT_MOTIONS: ("--motions",),
    Setting.VALIDATION: ("--validation",),
    Setting.SPREAD: ("--sigma",),
    Setting.TOLERANCE: ("--tolerance",),
    Setting.CHECKED: ("--check-fraction",),
    Setting.EXPORT_FORMAT: ("--format",),
    Setting.FRAME_OF_REFERENCE: ("--frame",),
    Setting.EVERY: ("--every",),
    Setting.ONLY: ("--only",),
    Setting.COLOURS: ("--colours",),
}


def words(named: Named) -> str:
    """Flags for a setting or field, ready for a shell with a value; the command to run for a task."""
    if isinstance(named, Setting):
        return " and ".join(FLAGS[named])
    if isinstance(named, Choice):
        return f"{words(named.setting)} {shlex.quote(named.value)}"
    if isinstance(named, ConfigField):
        return f"--{named.name} {shlex.quote(named.value)}" if named.value else f"--{named.name}"
    return f"run `{command(named)}`"
