"""Body measurements in words."""

from engine.evaluate.body_measurements import BODY_MEASUREMENTS
from engine.methods.measured_body import MeasuredBody


def body_rows(body: MeasuredBody) -> list[tuple[str, str]]:
    """Title and value with its standard error, ``height`` and ``172.4 ± 0.9 cm``, of each measurement there is."""
    rows = []
    for definition in BODY_MEASUREMENTS:
        if definition.name in body.values:
            error = body.standard_errors.get(definition.name)
            spread = "" if error is None else f" ± {error:.1f}"
            rows.append((definition.title, f"{body.values[definition.name]:.1f}{spread} {definition.unit}"))
    return rows
