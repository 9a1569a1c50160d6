"""The words of the fault page in 简体中文, by the English ones.

What is not here stays English on the Chinese page; ``draw_faults.py`` names it on stderr.
"""

from __future__ import annotations

from typing import Final

from chinese_credentials import CREDENTIALS
from chinese_outcomes import OUTCOMES

CHINESE: Final[dict[str, str]] = {
    **OUTCOMES,
    **CREDENTIALS,
    # faults
    "connection refused": "连接被拒绝",
    "SYN black hole": "SYN 石沉大海",
    "name unknown, or the resolver hangs": "域名不存在，或解析器卡住",
    "first address dead, second good": "第一个地址不通，第二个可用",
    "garbage or a reset in the TLS handshake": "TLS 握手中收到垃圾或被重置",
    "wrong host name or expired certificate": "证书域名不符或已过期",
    "the handshake drips": "握手一滴一滴地来",
    "HTTP 429, 503 with Retry-After": "HTTP 429、503，带 Retry-After",
    "HTTP 401, 403": "HTTP 401、403",
    "302 to another host": "302 跳到别的主机",
    "101 with a wrong proof, 200 instead of 101": "101 的校验不对，或以 200 代替 101",
    "the registration is never answered": "注册一直没有答复",
    "the registration is answered 401": "注册得到 401",
    "proxy down, proxy wants another login": "代理不可用，或代理不认登录",
    "Set-Cookie on another account's link": "另一个账号的连接上有 Set-Cookie",
    "the dial succeeds after its deadline": "拨号在期限之后才成功",
    "close 1000 by the server": "服务器以 1000 关闭",
    "close 1001, 1011": "关闭码 1001、1011",
    "close 1008": "关闭码 1008",
    "close 1012": "关闭码 1012",
    "close 1013": "关闭码 1013",
    "EOF without a close frame, also in mid-frame": "没有关闭帧就 EOF，也可能在帧中间",
    "RST in mid-frame, in mid-handshake": "帧中间或握手中间 RST",
    "close frames RFC 6455 forbids": "RFC 6455 禁止的关闭帧",
    "half-open TCP: the peer vanishes": "半开 TCP：对端消失",
    "silent server: TCP lives, nothing is said": "沉默的服务器：TCP 还在，什么都不说",
    "no answer to heartbeats while pushes flow": "推送照常，心跳没有应答",
    "pushes flow, what we send vanishes": "推送照常，我们发出的石沉大海",
    "zombie: heartbeats answered, no pushes": "僵尸：心跳有应答，没有推送",
    "zombie by a stale token": "令牌失效造成的僵尸",
    "kicked out once, twice": "被踢下线一次、两次",
    "session removed": "会话被移除",
    "latency, jitter, 64 kbit/s": "延迟、抖动、64 kbit/s",
    "every TCP segment is one byte": "每个 TCP 段只有一个字节",
    "flapping": "反复断连",
    "abort in the middle of TLS traffic": "TLS 传输中途中止",
    "close while the reader is blocked": "读者阻塞时关闭",
    "a push ten times, under the same and a new mid": "同一推送来十次，mid 相同或不同",
    "redelivery after reconnect, restart, six days": "重连、重启、六天之后重推",
    "the same item in push and history": "同一条既在推送又在历史里",
    "items out of order before dispatch": "分发之前次序颠倒",
    "an older item after a newer was handled": "新的处理完之后来了旧的",
    "gap in the sequence, state jump, too long": "序号缺口、状态跳变、积压过长",
    "history down during recovery": "补读时历史不可用",
    "one corrupt item of fifty": "五十条里有一条损坏",
    "corrupt payloads, 1,000 mutations": "损坏的内容，一千种变异",
    "frames that are no JSON": "不是 JSON 的帧",
    "oversize frames and messages": "超大的帧和消息",
    "fragments with pings between": "分片之间夹着 ping",
    "frames RFC 6455 forbids": "RFC 6455 禁止的帧",
    "the ack cannot be written after the commit": "提交之后回执写不出去",
    "answers with unknown, reused or late mid": "mid 未知、重复或迟到的答复",
    "decompression or nesting bomb": "解压或嵌套炸弹",
    "handlers a hundred times too slow": "处理函数慢一百倍",
    "a flood on one account": "一个账号上的洪水",
    "we stop reading on purpose": "我们有意停止读取",
    "the peer stops reading": "对端停止读取",
    "a handler raises": "处理函数抛异常",
    "a handler raises SystemExit and its like": "处理函数抛 SystemExit 之类",
    "a handler hangs": "处理函数卡死",
    "every handler hangs": "所有处理函数都卡死",
    "a handler waits for its own gateway": "处理函数等待自己的网关",
    "10,000 sends in a second": "一秒内 10,000 次发送",
    "the answer to a send is lost": "发送的答复丢失",
    "a send is lost": "发送本身丢失",
    "the link drops between the two": "两者之间断线",
    "a send is refused": "发送被拒绝",
    "an exception in each actor, at each message": "每个 actor 在每种消息上抛异常",
    "an exception at the start of an actor": "actor 启动时抛异常",
    "a thread dies without a word": "线程无声死亡",
    "an actor hangs": "actor 卡死",
    "the heartbeat dies": "心跳 actor 死亡",
    "the journal writer dies with work waiting": "写线程死亡，还有待写的",
    "one account of many crashes in a loop": "众多账号之一循环崩溃",
    "random stops, starts and crashes": "随机停止、启动、崩溃",
    "kill -9 before the commit": "提交前 kill -9",
    "kill -9 after the commit, before the ack": "提交后、回执前 kill -9",
    "kill -9 after the ack, before the dispatch": "回执后、分发前 kill -9",
    "kill -9 in a handler": "处理函数中 kill -9",
    "kill -9 after the settlement": "结案后 kill -9",
    "kill -9 after a send was accepted": "发送入库后 kill -9",
    "kill -9 after a send was written": "发送写出后 kill -9",
    "kill -9 after the answer to a send": "发送得到答复后 kill -9",
    "kill -9 during upkeep of the journal": "日志库维护时 kill -9",
    "kill -9 at random moments under load": "负载下随机时刻 kill -9",
    "SIGTERM under load, each phase slow": "负载下 SIGTERM，每个阶段都慢",
    "storm: every link is dropped at once": "风暴：所有连接同时断开",
    "cold start of 1,000 accounts": "1,000 个账号冷启动",
    "disk full": "磁盘满",
    "I/O errors, read-only file system": "I/O 错误，只读文件系统",
    "a commit takes three seconds": "一次提交要三秒",
    "a database page is overwritten": "数据库的一页被改写",
    "the write-ahead log is torn": "预写日志残缺",
    "two processes on one journal": "两个进程用同一个日志库",
    "the wall clock jumps": "系统时钟跳变",
    "the machine sleeps, SIGSTOP": "机器休眠，SIGSTOP",
    "fleet": "多进程集群",
    # bounds
    "same attempt": "同一次尝试",
    "reset": "重置后",
    "65 s, reset": "65 s，重置后",
    "at once": "立即",
    "when it is back": "它恢复时",
    "300 s for its lane": "其通道 300 s",
    "15 min probe": "15 分钟探测",
    "start": "启动时",
    # why there is no test
    "belongs to recovery and to the renewal of tokens": "属于补读和令牌续期",
    "there is no fleet yet": "还没有集群",
    "not shown yet": "尚未展示",
    "counted as slow by tests/runtime_writer; not yet end to end": (
        "tests/runtime_writer 把它计为慢；尚无端到端测试"
    ),
    "shown among the rest by tests/acceptance/test_hundred_accounts.py and scripts/soak.py": (
        "tests/acceptance/test_hundred_accounts.py 和 scripts/soak.py 一并展示"
    ),
    "shown by tests/platforms/test_goofish_frames.py; not yet end to end": (
        "见 tests/platforms/test_goofish_frames.py；尚无端到端测试"
    ),
    "shown by tests/platforms; not yet end to end": "见 tests/platforms；尚无端到端测试",
    "shown by tests/transport and by docs/autobahn.md; not yet end to end": (
        "见 tests/transport 和 autobahn 页；尚无端到端测试"
    ),
    "the writer catches every exception; tests/runtime_writer shows its thread dying": (
        "写线程捕获所有异常；tests/runtime_writer 展示其线程死亡"
    ),
    "timers read a monotonic clock only; the jump is shown by tests/policy": (
        "定时器只看单调时钟；跳变见 tests/policy"
    ),
    "needs a process of its own; not shown yet": "需要单独的进程；尚未展示",
}
