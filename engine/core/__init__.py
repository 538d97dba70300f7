"""Errors, progress, files, devices and the registry: what every room stands on."""
