"""Runs of the first version: one method, meshes and metrics in canonical units, one pose of the camera."""

from pathlib import Path
from typing import Any

from engine.core.errors import InputError


def as_version_2(description: dict[str, Any], folder: Path) -> dict[str, Any]:
    """What version 2 would say in ``run.json``, with meshes that stay in canonical units; what is missing stays so.

    Raises:
        InputError: the run in ``folder`` is damaged.
    """
    details = _table(description.get("details"))
    frames, rate = description.get("frames"), description.get("frame_rate")
    pose = details.pop("camera_to_world", None)
    if not isinstance(frames, list) or not isinstance(rate, int | float) or not rate > 0:
        raise InputError(folder, "is a damaged run: it lacks frames or their rate", "fit it again")
    versions = {name: details.pop(name) for name in ("npm_studio", "torch") if name in details}
    inputs = {
        "sequence": description.get("sequence"),
        "model": description.get("model"),
        "similarity": description.get("similarity"),
        "capture": details.pop("capture", {}),
        "config": details.pop("config", {}),
        "seed": details.pop("seed", 0),
        "device": details.pop("device", "unknown"),
    }
    unknown = {"subject_to_world": None, "confidence": None, "lost": None}
    return {
        "format_version": 2,
        "method": description.get("method"),
        "inputs": inputs,
        "versions": versions,
        "timings": {"total": description.get("seconds")},
        "interrupted": description.get("interrupted"),
        "subject": None,
        "verdict": None,
        "reason": None,
        "unit": "canonical",
        "one_topology": True,
        "frames": [
            {"name": name, "timestamp_s": index / rate, "camera_to_world": pose, **unknown}
            for index, name in enumerate(frames)
        ],
        "artefacts": ["codes.npz"],
        "details": details,
    }


def _table(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, dict) else {}
