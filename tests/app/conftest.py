from __future__ import annotations

import os

# Before any QApplication exists. Set it yourself to see the windows.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
