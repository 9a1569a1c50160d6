"""The catalogue of 简体中文, ready to translate; its own module, for it costs some memory."""

from __future__ import annotations

from typing import Final

from gateway.words.catalogue import CHINESE, WORDS
from gateway.words.translating import Catalogue

CATALOGUE: Final = Catalogue(CHINESE, WORDS)
