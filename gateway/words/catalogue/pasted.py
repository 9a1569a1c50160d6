"""What is wrong with cookies as somebody pasted them, and what to paste instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

CHINESE: Final[Mapping[str, str]] = {
    "a quote of the command is not closed": "命令里有引号没有闭合",
    "all cookies in it have expired": "里面的 cookie 全都过期了",
    "choose 'Copy as cURL' and paste the command whole": "选“Copy as cURL”，把整条命令粘贴进来",
    "copy it again, from where it stands whole": "请从显示完整的地方重新复制",
    "copy the request header Cookie of {}/im and paste it whole, on one line": "复制 {}/im 的请求头 Cookie，整行粘贴",
    "entry {} of the list has no name or no value": "列表第 {} 项缺少名字或值",
    "export the cookies of {}/im again, as JSON or as cookies.txt": "重新导出 {}/im 的 cookie，JSON 或 cookies.txt 都行",
    "is too long or holds letters no header can carry, as when only its beginning is shown": "太长，或含有请求头不能携带的字符，例如只显示了开头",
    "it begins like JSON and is none": "开头像 JSON，其实不是",
    "it holds cookies of two accounts": "里面有两个账号的 cookie",
    "it is a piece of a program": "是一段程序",
    "it is an answer's Set-Cookie": "是应答里的 Set-Cookie",
    "it is JSON without a list of cookies": "是 JSON，但没有 cookie 列表",
    "it is larger than 64 KiB": "大于 64 KiB",
    "line {} is none of a cookies.txt": "第 {} 行不是 cookies.txt 的格式",
    "on {}/im, {}": "在 {}/im，{}",
    "paste nothing but the cookies": "只粘贴 cookie",
    "sign in again and {}": "重新登录，然后{}",
    "sign in on {}/im, then {}": "在 {}/im 登录，然后{}",
    "sign in to one of them alone": "只登录其中一个",
    "the command goes to another site": "命令访问的是别的网站",
    "the cookies.txt": "这份 cookies.txt",
    "the export": "导出的内容",
    "there is a line break in it": "里面有换行",
    "there is no cookie in the command": "命令里没有 cookie",
    "there is no name=value in it": "里面没有 name=value",
    "there is nothing in it": "里面什么都没有",
    "{} holds no cookie of {}": "{} 里没有 {} 的 cookie",
}
