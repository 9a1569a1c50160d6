"""Words of the pages, in each language. Pure.

All have the same keys and places; English has ``one_`` keys, too, for a count of 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gateway.web.pages.words import en, en_screens, zh, zh_screens
from gateway.words import Language

WORDS: Final[Mapping[Language, Mapping[str, str]]] = {
    "en": {**en.WORDS, **en_screens.WORDS},
    "zh-CN": {**zh.WORDS, **zh_screens.WORDS},
}
