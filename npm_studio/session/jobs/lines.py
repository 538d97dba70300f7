"""What a command in a process of its own and the program that started it say to each other, line by line.

The command writes what happens as JSON to its standard error. It reads `HOLD`, `GO_ON` and `STOP` from its standard
input, whose end means that the other program is gone.
"""

import json
from typing import Any

SWITCH = "NPM_STUDIO_LINES"
"""Environment variable that makes a command speak so."""
PREVIEWS = "NPM_STUDIO_PREVIEWS"
"""Environment variable with the folder in which a command leaves meshes to be shown meanwhile, if they are wanted."""
PREVIEW_NAME = "preview.npz"
"""Of the file with them; the window takes it away when it has read it."""
HOLD, GO_ON, STOP = "hold", "go on", "stop"


def line_of(event: str, **fields: Any) -> str:
    """One line, without its end."""
    return json.dumps({"event": event, **fields})


def event_in(line: str) -> dict[str, Any] | None:
    """What ``line`` says; None where it is not one of these lines."""
    if not line.startswith('{"event": '):
        return None
    try:
        said = json.loads(line)
    except ValueError:
        return None
    return said if isinstance(said, dict) else None
