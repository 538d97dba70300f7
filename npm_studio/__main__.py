"""`python -m npm_studio`: the same as the `npm-studio` command."""

import sys

from npm_studio.cli.main import main

sys.exit(main())
