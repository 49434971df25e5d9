"""Entry point of the frozen `deskside-core`: a child of Deskside, or `deskside core ...` without the word core."""

import sys

from core.child import run_if_child

if __name__ == "__main__":
    run_if_child()  # before anything else is imported

    from core.cli import main

    sys.exit(main(["core", *sys.argv[1:]]))
