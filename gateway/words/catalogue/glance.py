"""What ``status`` and ``accounts list`` say beside the words of alerts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

CHINESE: Final[Mapping[str, str]] = {
    "--json has them all": "--json 有全部",
    "and {} more": "另有 {} 个",
    "no accounts": "没有账号",
    "{}, process {}, up {} s": "{}，进程 {}，已运行 {} 秒",
}
