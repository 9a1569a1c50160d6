"""What ``doctor`` finds, as a value."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Verdict(enum.Enum):
    """How bad a finding is."""

    FINE = "ok"
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked.

    Attributes:
        name: What.
        verdict: How it is.
        detail: What was seen; no secret.
        next_step: What to do; empty if nothing.
    """

    name: str
    verdict: Verdict
    detail: str
    next_step: str = ""

    def plain(self) -> dict[str, str]:
        """Return it for JSON."""
        return {
            "name": self.name,
            "verdict": self.verdict.value,
            "detail": self.detail,
            "next_step": self.next_step,
        }
