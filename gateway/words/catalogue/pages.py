"""Refusals of pages, in 简体中文."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

CHINESE: Final[Mapping[str, str]] = {
    # where to go
    "go to the first page": "请回到首页",
    "go to its first page": "请回到第一页",
    "go to its newest messages": "请回到最新消息",
    "load the page again": "请重新加载页面",
    "choose one of the list": "请从列表里选",
    "choose fewer": "请少选一些",
    "choose some, then press the button again": "请先选中，再按按钮",
    "press the button again": "请再按一次按钮",
    "press the button again to send this, too": "若也要发送这条，请再按一次按钮",
    "look for less": "请缩短要找的内容",
    "send less": "请少发一些",
    "close other pages": "请关闭其他页面",
    "ask again in a second": "请过一秒再试",
    "see on its page what helps": "请在该账号的页面查看怎么办",
    "answer once they have written": "请等对方写过之后再回复",
    "write something, then send it": "请先写内容再发送",
    "give another name": "请换一个名字",
    "leave one of them out": "请去掉其中一个",
    # addresses and forms
    "there is no such page": "没有这个页面",
    "nobody can read this address": "无法识别这个地址",
    "nobody can read this form": "无法读取这个表单",
    "this address takes {}, not {}": "这个地址只接受 {}，不接受 {}",
    "page must be a number from 1 on": "page 必须是从 1 开始的数字",
    "state is none there is": "没有这种状态",
    "lang must be one of {}": "lang 必须是 {} 之一",
    "verb must be one of {}": "verb 必须是 {} 之一",
    "{} has {} characters, at most {} are taken": "{} 有 {} 个字符，最多 {} 个",
    "{} characters are looked for, at most {} are taken": "要找的内容有 {} 个字符，最多 {} 个",
    "too many pages are open": "打开的页面太多",
    "this one looks again by itself": "本页会自己再看",
    # how a sign-in by a code ends
    "it was cancelled": "已取消",
    "it failed": "没有成功",
    "begin again": "请重新开始",
    "What was kept stays": "原来保存的不动",
    "no code was scanned in time": "二维码没有及时扫描",
    "{} when the phone is at hand": "手机在手边时，{!}",
    "{} later, or {}": "{!}；或者{!}",
    "{}, and do on the phone what it asks": "{!}，并在手机上按提示操作",
    "paste a cookie with {}": "用 {} 粘贴 cookie",
    "another user has scanned the code": "扫码的是另一个用户",
    "scan it with the 闲鱼 app that is signed in as this account": (
        "请用登录了这个账号的闲鱼应用扫码"
    ),
    "its gateway stopped": "网关已停止",
    "the account was removed": "账号已被移除",
    "the platform's sign-in page is not as it was known": "平台的登录页与已知的不同",
    "the platform's answers cannot be used": "平台的回答无法使用",
    "the platform reports an error": "平台报告了错误",
    "the platform's identity check was not finished in time": "平台的身份核验没有及时完成",
    "the platform took the login back at once": "平台马上收回了登录",
    "the platform cannot be reached: {}": "无法连接平台：{}",
    "the gateway failed": "网关出错",
    "its log says why under sign_in.crashed": "原因见日志中的 sign_in.crashed",
    "take the id from the ticket or from sends.list(), ended sends are kept as long as the "
    "journal's retention says": "结束的发送按日志库的保留期保存；请从列表里取编号",
    "no account {}": "没有账号 {}",
    # lists and conversations
    "this is no page of the list": "列表没有这一页",
    "this is no place of the conversation": "对话里没有这个位置",
    "a message has no such id": "没有这样编号的消息",
    "no message is chosen": "没有选中任何消息",
    "{} messages are chosen, at most {} are taken at a time": "选中了 {} 条，一次最多 {} 条",
    "nothing is written": "没有写任何内容",
    "the form lacks its key": "表单缺少标识",
    "this page has sent another message already": "本页已经发过另一条消息",
    "nothing tells yet who the buyer of this conversation is": "还不知道这个对话的买家是谁",
    "{} is not online, so nothing can be sent": "{} 不在线，无法发送",
    # what the gateway refuses
    "event {} is neither a dead letter nor parked": "消息 {} 不是死信，也没有被搁置",
    "it was replayed, dropped, or never was one: list them": "它已被重放或丢弃，或从来不是：请查看列表",
    "no send {}": "没有发送 {}",
    "send {} is {}": "发送 {} 的状态是 {}",
    "nothing was accepted": "没有接受任何内容",
    "the gateway is stopping or has stopped": "网关正在停止或已停止",
    "the gateway was not started": "网关没有启动",
    "{} is there already": "{} 已经存在",
    "{} is made, but {} cannot be deleted ({})": "{} 已生成，但无法删除 {}（{}）",
    "change the owner or mode of {}": "请更改 {} 的属主或权限",
    "account {} was not signed in by a code since its gateway started": (
        "网关启动以来，账号 {} 没有扫码登录过"
    ),
    "ask again then: until then the platform is asked nothing": (
        "请到那时再试：在此之前不会向平台提出任何请求"
    ),
}
