"""Before any test module is imported: the process is set up as the command line and the application set theirs up."""

from engine.core.process import prepare_process

prepare_process()
