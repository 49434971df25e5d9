"""`python -m core <verb>` is `deskside core <verb>`."""

import sys

from core.cli import main

sys.exit(main(["core", *sys.argv[1:]]))
