"""Red flags in the data, measured before a climb: can it carry a decision at all?"""

from rung.audit.base import Audit, Ceiling, Checked
from rung.audit.checks.shelf import audit
from rung.audit.material import Material, Window

__all__ = ["Audit", "Ceiling", "Checked", "Material", "Window", "audit"]
