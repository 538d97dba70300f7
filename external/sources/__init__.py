"""Sources of depth for tracking: one module per kind, registered in ``pyproject.toml``.

==================  ===============================================================================================
`recording`         any recording that `external.captures` reads, at its own rate or frame by frame
==================  ===============================================================================================
"""
