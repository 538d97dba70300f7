"""Documents as earlier programs wrote them, in the form of today."""

from typing import Any

_SECONDS = 2.0
"""From one end of an interpolation to the other, when it had no times."""
_RATE = 30


def with_keyframes(document: dict[str, Any]) -> dict[str, Any]:
    """``document`` with keyframes where an interpolation had two ends, and with bodies where a transfer had two.

    The codes of both are looked up when the model is there. What is not as it should be is left to those who check.
    """
    changed = dict(document)
    way, pair = document.get("interpolate"), document.get("transfer")
    if isinstance(way, dict) and isinstance(way.get("ends"), list):
        ends = [end for end in way["ends"] if isinstance(end, dict)]
        keys = [
            {"time_s": place * _SECONDS, "body": {"identity": end.get("identity"), "row": end.get("frame")}}
            for place, end in enumerate(ends)
        ]
        kept = {name: value for name, value in way.items() if name not in ("ends", "step")}
        changed["interpolate"] = kept | {"keys": keys}
    if isinstance(pair, dict) and isinstance(pair.get("identities"), list):
        bodies = [{"identity": identity} for identity in pair["identities"]]
        kept = {name: value for name, value in pair.items() if name not in ("identities", "row")}
        changed["transfer"] = kept | {"bodies": bodies, "source": {"row": pair.get("row")}}
    return changed
