"""An example of a plug-in for NPM Studio: the method ``visible-surface`` and recordings in ``.dep`` files."""
