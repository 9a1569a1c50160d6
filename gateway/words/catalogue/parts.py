"""What is said of parts that other packages bring: sinks, plugins, targets of the bell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

CHINESE: Final[Mapping[str, str]] = {
    "an unknown package": "未知的包",
    "apprise cannot be imported ({})": "无法导入 apprise（{}）",
    "apprise does not understand this URL of {}://": "apprise 读不懂这个 {}:// 的 URL",
    "apprise fails on it ({})": "apprise 处理它时出错（{}）",
    "apprise is not installed, so nobody is told": "没装 apprise，不会通知任何人",
    "call: cannot import {} ({}: {})": "call：无法导入 {}（{}：{}）",
    "call: mypackage.mymodule:on_event": "call: mypackage.mymodule:on_event",
    "call: {} has no function {}": "call：{} 里没有函数 {}",
    "call: {} is no place": "call：{} 不是函数的位置",
    "choose another name for the entry point in {}, or uninstall the package": "给 {} 里的入口点换个名字，或卸载那个包",
    "derive it from gateway.platforms.base.BasePlatform": "请从 gateway.platforms.base.BasePlatform 派生",
    "did you mean {}? (known: {})": "是不是 {}？（可用：{}）",
    "install what it needs, correct its entry point, or uninstall the package": "安装它需要的东西，改正它的入口点，或卸载那个包",
    "is closed": "已关闭",
    "is it installed or on PYTHONPATH?": "装了吗？或者在 PYTHONPATH 里吗？",
    "its author must annotate every parameter, with names that are imported": "其作者必须给每个参数写类型注解，且名字都要导入",
    "its entry point in {} must name what makes one": "它在 {} 里的入口点必须指向能创建它的东西",
    "no answer within {} s": "{} 秒内没有应答",
    "no platform {}": "没有平台 {}",
    "no platform {} (known: {})": "没有平台 {}（可用：{}）",
    "platform {} cannot be made ({}: {})": "无法创建平台 {}（{}：{}）",
    "platform {} is none: it lacks {}": "{} 不是平台：缺少 {}",
    "sink {}: {}": "输出端 {}：{}",
    "tell its author": "请告诉其作者",
    "the delivery before still hangs": "上一次发送还卡着",
    "the gateway is stopping": "网关正在停止",
    "the machine gives no more threads": "机器无法再开线程",
    "the options of {} cannot be told ({}: {})": "无法得知 {} 的选项（{}：{}）",
    "the platform {} of {}": "{1} 的平台 {0}",
    "the service did not take it": "对方服务没有收下",
    "the sink {} of {}": "{1} 的输出端 {0}",
    "there is no sink {}": "没有输出端 {}",
    "uninstall one of them": "卸载其中一个",
    "write it as the wiki of apprise has it": "请按 apprise 的 wiki 来写",
    "{} cannot be imported ({}: {})": "无法导入 {}（{}：{}）",
    "{} cannot be told apart by its name": "无法凭名字分辨 {}",
    "{} has the name of a built-in one": "{} 与内置的同名",
    "{} is no class and no function": "{} 既不是类也不是函数",
}
