from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCENARIOS = ROOT / "examples" / "scenarios"
sys.path.insert(0, str(ROOT / "docs"))  # the page's maker is no part of the wheel
