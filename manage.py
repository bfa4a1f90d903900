#!/usr/bin/env python
"""Django's door; adds nothing to the command `switchboard`."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(1, str(Path(__file__).resolve().parent / "platform"))
    from switchboard.cli import main

    main()
