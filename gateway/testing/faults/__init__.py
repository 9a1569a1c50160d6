"""Misbehaviour as data: everything about it under one name.

Actions are in ``actions.py``, rules in ``rules.py``, faults with a name in ``presets.py``,
scripts in ``scripts.py``. Each says in its ``__all__`` what is shown here.
"""

from __future__ import annotations

from gateway.testing.faults import actions, presets, rules, scripts
from gateway.testing.faults.actions import *  # noqa: F403  # a list of names has one place
from gateway.testing.faults.presets import *  # noqa: F403
from gateway.testing.faults.rules import *  # noqa: F403
from gateway.testing.faults.scripts import *  # noqa: F403

__all__ = actions.__all__ + presets.__all__ + rules.__all__ + scripts.__all__
