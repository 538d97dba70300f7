"""Names of the data, for reading."""


def pretty(name: str) -> str:
    """``name`` with spaces for underscores and a capital first letter."""
    text = name.replace("_", " ").strip()
    return text[:1].upper() + text[1:]
