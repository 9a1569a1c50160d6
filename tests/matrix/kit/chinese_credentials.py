"""The words of the fault page about credentials in 简体中文; see :mod:`chinese`."""

from __future__ import annotations

from typing import Final

CREDENTIALS: Final[dict[str, str]] = {
    # faults
    "there is no `_m_h5_tk` yet": "还没有 `_m_h5_tk`",
    "`_m_h5_tk` is over at every call": "每次调用时 `_m_h5_tk` 都已过期",
    "the sign is refused without a Set-Cookie": "签名被拒绝，又没有 Set-Cookie",
    "the session is over, the long login valid": "会话已结束，长期登录仍有效",
    "session and long login are over": "会话和长期登录都已结束",
    "the login's renewal says yes, the token call no": "登录续期说成功，取令牌却被拒",
    "a captcha at the start": "启动时遇到验证码",
    "a captcha at the renewal, the link stands": "续期时遇到验证码，连接还在",
    "B8, then a restart": "B8 之后重启",
    "login over and a captcha's link in one answer": "一个答复里既说登录结束又带验证码链接",
    "throttled": "被限流",
    "illegal access three times": "三次“非法请求”",
    "ret is unknown, missing, a number, null, nested junk": (
        "ret 未知、缺失、是数字、null、嵌套垃圾"
    ),
    "head or body drips, never ends, has 1 GiB": "头或体一滴一滴地来、没有尽头、有 1 GiB",
    "HTML, 302 to another host, 500, cut in the middle": "HTML、302 到别的主机、500、中途断开",
    "refused, black hole, DNS, TLS mistrusted, proxy down": (
        "连接被拒、石沉大海、DNS、TLS 不可信、代理不可用"
    ),
    "fifty reconnects in a storm, the token valid": "风暴中重连五十次，令牌有效",
    "the registration with a stored token is answered 401": "用已存的令牌注册得到 401",
    "so is that with each new token": "用每个新令牌注册都得到 401",
    "a hundred needs at once": "同时有一百个需要",
    "an answer after the deadline, a newer renewal has won": "期限之后才来答复，更新的续期已成功",
    "a person pastes a cookie while a renewal runs": "续期进行中有人粘贴 cookie",
    "pasted: another account's, without unb, garbage, 10 MB": (
        "粘贴的是别的账号的、没有 unb 的、垃圾、10 MB"
    ),
    "kill -9 between the question and the registration": "从询问到注册之间 kill -9",
    "store: disk full, not ours, 0644, half a file, newer format": (
        "存储：磁盘满、不属于我们、0644、半个文件、更新的格式"
    ),
    "a restart with the seed of thirty rotations ago": "用三十次轮换之前的种子重启",
    "a restart with a changed seed": "用改过的种子重启",
    "one cookie in two scopes, one of them deleted": "同一个 cookie 有两个作用域，其一被删除",
    "Set-Cookie: foreign domain, 5,000 of them, 1 MB, CR LF": (
        "Set-Cookie：别人的域、5,000 个、1 MB、CR LF"
    ),
    "clock a day off, sleep of 9 h, step back": "时钟差一天、休眠 9 小时、往回拨",
    "a new token mutes the old link": "新令牌使旧连接失声",
    "10,000 accounts are due at once after a restart": "重启后 10,000 个账号同时到期",
    "a source raises, hangs, returns junk": "凭据来源抛异常、卡死、返回垃圾",
    "sign-in by a code that ends in any of its ways": "扫码登录以任何一种方式结束",
    "the credentials actor dies": "凭据 actor 死亡",
    "pause, reset, stop during a renewal": "续期进行中暂停、重置、停止",
    # bounds
    "person": "有人处理之后",
    # outcomes
    "two calls, then CONNECTED": "两次调用，然后 CONNECTED",
    "two calls, not three; sign_refused, then it waits": "两次调用而非三次；sign_refused，然后等待",
    "no second call; sign_refused, then it waits": "没有第二次调用；sign_refused，然后等待",
    "one silent renewal, one more token call, CONNECTED; no person": (
        "静默续期一次，再取一次令牌，CONNECTED；不需要人"
    ),
    "FAILED(needs_human) with the next step after at most four calls": (
        "最多四次调用后 FAILED(needs_human)，并说明下一步"
    ),
    "as B5; no loop": "同 B5；不会循环",
    "FAILED(needs_human) after one call": "一次调用后 FAILED(needs_human)",
    "none in 30 days": "30 天内不再调用",
    "the link is held, one alert; FAILED once it ends and its token is no good": (
        "连接保持，告警一次；连接结束且令牌不可用时才 FAILED"
    ),
    "no call; still needs_human; the token that is good is tried": (
        "没有调用；仍是 needs_human；仍有效的令牌照用"
    ),
    "taken as login_over; the link is never shown": "按 login_over 处理；链接从不显示",
    "waits at least ten minutes": "至少等待十分钟",
    "accounts of its egress slow down, others do not": "同一出口的账号放慢，其他的不受影响",
    "waits 15 and 30 min; the third in a row needs a person": (
        "等待 15 和 30 分钟；连续第三次就需要人"
    ),
    "no token, never raises; asked again after a minute": "没有令牌，从不抛异常；一分钟后再问",
    "the deadline holds; asked again": "期限有效；再问",
    "the bound holds, memory does not move": "上限有效，内存不动",
    "answer_unusable; asked again": "answer_unusable；再问",
    "no cookie reaches the other host": "没有 cookie 到达另一台主机",
    "class of the phase": "按阶段归类",
    "never directly": "绝不直连",
    "the token is kept, the link held": "令牌保留，连接保持",
    "no call": "没有调用",
    "one renewal, the next version, CONNECTED": "续期一次，下一个版本，CONNECTED",
    "the third ends in FAILED(auth): three renewals, a minute apart but the first": (
        "第三次以 FAILED(auth) 结束：续期三次，除第一次外相隔一分钟"
    ),
    "one call, one version": "一次调用，一个版本",
    "its grant is dropped": "它的令牌被丢弃",
    "cookies of the same login are kept; the newer token stays": (
        "同一登录的 cookie 留下；较新的令牌不变"
    ),
    "the person's wins, the late answer changes nothing": "人给的为准，迟到的答复什么都不改变",
    "refused by name of what is wrong; the old login and the link stay": (
        "拒绝并指出哪里不对；旧登录和连接不变"
    ),
    "no piece of it is repeated": "不复述其中任何一段",
    "the newest stored cookies are used; at most one call more": (
        "使用最新存下的 cookie；最多多一次调用"
    ),
    "unsaved: an alert, the link is held, stored once there is room": (
        "存不下：告警，连接保持，有空间后存下"
    ),
    "unreadable: needs_human, the file is kept aside and never overwritten": (
        "读不了：needs_human，文件另存，从不覆盖"
    ),
    "the store wins": "以存储为准",
    "the seed wins and begins a new lineage": "以种子为准，开始新的谱系",
    "the right one is signed with and sent": "用对的那个签名并发送",
    "dropped; no header is injected": "丢弃；不会注入头部",
    "at most 100 cookies and 64 KiB are kept, the login among them": (
        "最多保留 100 个 cookie、64 KiB，登录所需的都在"
    ),
    "no flood": "没有洪峰",
    "renewed within a minute of waking": "醒来一分钟内续期",
    "a time that is refused is corrected once, by the platform's": (
        "时间被拒绝时按平台的时间纠正一次"
    ),
    "reconnects at once; what was pushed between comes by history, once": (
        "立即重连；其间推送的由历史补上，只一次"
    ),
    "with stored tokens no call": "有已存令牌时没有调用",
    "without any at most the rate, others connect meanwhile": (
        "没有时不超过速率，其他账号照常连接"
    ),
    "classed, and never shown": "归类，且从不显示",
    "its thread is given up at the deadline and counted; others are held": (
        "到期限放弃其线程并计数；其他账号不受影响"
    ),
    "three codes, then expired": "三个码，然后 expired",
    "cancelled": "cancelled",
    "an unknown word is waited over": "未知的词等它过去",
    "five errors in a row: failed": "连续五次错误：failed",
    "verifying until the person has done it": "verifying，直到人做完",
    "failed(wrong_account), the link is held": "failed(wrong_account)，连接保持",
    "the second is refused": "第二个被拒绝",
    "cancelled, and nothing is stored": "cancelled，什么都不存",
    "restarted; the flight under way counts as made": "重启；进行中的续期算作已做",
    "what the answer brings is stored; nothing reconnects": "答复带来的存下；不重连",
    "a stop waits for the answer, but not for ever": "停止会等待答复，但不会一直等",
}
