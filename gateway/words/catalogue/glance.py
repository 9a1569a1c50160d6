"""What ``status`` and ``accounts list`` say beside the words of alerts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

CHINESE: Final[Mapping[str, str]] = {
    "--json has them all": "--json 有全部",
    "and {} more": "另有 {} 个",
    "chmod 700 {}": "运行 chmod 700 {}",
    "cut off": "中断",
    "no accounts": "没有账号",
    "one of {} or null": "{} 之一，或 null",
    "the platform {} of {}": "{1} 的平台 {0}",
    "the sink {} of {}": "{1} 的输出端 {0}",
    "this system has no sockets in the file system": "本系统没有文件系统里的套接字",
    "timed out": "超时",
    "write URLs of apprise into it": "请写入 apprise 的 URL",
    "{} answered HTTP {}": "{} 应答 HTTP {}",
    "{} between {} and {} or null": "{!}，{} 到 {} 之间，或 null",
    "{} holds blanks or letters that no header can carry": "{} 含有空格或请求头不能携带的字符",
    "{} since {}": "{} 自 {} 起",
    "{}, process {}, up {} s": "{}，进程 {}，已运行 {} 秒",
}
