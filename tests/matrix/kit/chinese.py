"""The words of the fault page in 简体中文, by the English ones.

What is not here stays English on the Chinese page; ``draw_faults.py`` names it on stderr.
"""

from __future__ import annotations

from typing import Final

CHINESE: Final[dict[str, str]] = {
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
    "the ack can not be written after the commit": "提交之后回执写不出去",
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
    # outcomes
    "class network, waits grow up to their cap; back when the port opens": (
        "类别 network，等待递增到上限；端口打开即恢复"
    ),
    "the phase's deadline ends it, class network; no dial thread is left": (
        "阶段期限将其结束，类别 network；不留下拨号线程"
    ),
    "class network in the DNS phase; a resolver that hangs holds up nobody": (
        "DNS 阶段的 network；卡住的解析器不拖累任何人"
    ),
    "the second address is taken in the same attempt": "同一次尝试里改用第二个地址",
    "class network; back as soon as the server speaks TLS": "类别 network；服务器能说 TLS 即恢复",
    "class tls_trust; not a byte of HTTP is said, there is no fallback": (
        "类别 tls_trust；一个字节的 HTTP 都不说，绝不降级"
    ),
    "the phase's deadline holds, however often a byte comes": "无论多久来一个字节，阶段期限都有效",
    "once more at once, then after a wait; the third ends in FAILED(auth), until reset": (
        "立即再试一次，然后等待；第三次以 FAILED(auth) 结束，直到重置"
    ),
    "class server_overload; Retry-After is a floor": "类别 server_overload；Retry-After 是下限",
    "not followed: no byte reaches the other host; class config, FAILED after five": (
        "不跟随：没有一个字节到达另一台主机；类别 config，五次后 FAILED"
    ),
    "class other; tried again": "类别 other；再试",
    "class other at the deadline: the endpoint itself is well": "到期限为 other：端点本身没问题",
    "once more at once, then after a wait; the third ends in FAILED(auth)": (
        "立即再试一次，然后等待；第三次以 FAILED(auth) 结束"
    ),
    "class network in the proxy phase; never directly": "代理阶段的 network；绝不直连",
    "each handshake bears its own account's cookie and nothing else": (
        "每次握手只带自己账号的 cookie"
    ),
    "the late link closes itself; there never are two sessions": (
        "迟到的连接自行关闭；从不会有两个会话"
    ),
    "RECONNECTING, not CLOSED: class unexpected_close": (
        "RECONNECTING 而非 CLOSED：类别 unexpected_close"
    ),
    "class unexpected_close": "类别 unexpected_close",
    "right after the registration class auth, later class other": ("刚注册完为 auth，之后为 other"),
    "class server_restart; 200 accounts spread evenly over 5 to 30 s": (
        "类别 server_restart；200 个账号均匀分布在 5 到 30 秒"
    ),
    "class server_overload; told to the circuit of the endpoint": (
        "类别 server_overload；告知端点的熔断器"
    ),
    "class unexpected_close; half a frame is neither handed on nor acknowledged": (
        "类别 unexpected_close；半个帧既不上交也不回执"
    ),
    "class unexpected_close when connected, network before": (
        "已连接时为 unexpected_close，之前为 network"
    ),
    "class protocol; the link is replaced, nothing crashes": "类别 protocol；更换连接，没有崩溃",
    "heartbeat_dead within interval, answer and probe, though no end says a word": (
        "在间隔、应答、探测之内判为 heartbeat_dead，尽管两端都没说话"
    ),
    "heartbeat_dead within interval, answer and probe": "在间隔、应答、探测之内判为 heartbeat_dead",
    "left after two answers in a row are missing": "连续缺两次应答后更换连接",
    "left after two missing answers; the send under way is UNKNOWN, not sent twice": (
        "缺两次应答后更换；进行中的发送为 UNKNOWN，不重发"
    ),
    "a probe of the state unmasks it; the link is left": "一次状态探测识破它；更换连接",
    "reclaimed once; the second kick ends in FAILED(kicked)": (
        "夺回一次；第二次被踢以 FAILED(kicked) 结束"
    ),
    "FAILED(session_removed) at once": "立即 FAILED(session_removed)",
    "stays CONNECTED (scaled by 10; loss shows as latency above TCP)": (
        "保持 CONNECTED（缩放 10 倍；丢包在 TCP 之上表现为延迟）"
    ),
    "every frame whole, nothing rejected": "每个帧都完整，没有被拒的",
    "failures are not forgotten; after the fifth short link a long rest and an alert": (
        "失败不会被忘记；第五条短命连接之后长休并告警"
    ),
    "not one bogus frame; every message once and in order": "没有一个假帧；每条消息一次且有序",
    "returns at once, no deadlock": "立即返回，没有死锁",
    "handled once, acknowledged again; known as long as its row is kept": (
        "只处理一次，再次回执；行还在就认得"
    ),
    "one event": "一个事件",
    "in order of the platform clock while none is handled": "尚未处理时按平台时钟排序",
    "handed on with late=True": "以 late=True 交出",
    "history is read before anything is acknowledged as seen": "先读历史，再声明已读",
    "what was skipped comes out of history, in order": "跳过的从历史补回，有序",
    "nothing is claimed; on_recovery says so": "什么都不声明；on_recovery 会告知",
    "lanes wait no longer than hold_s": "通道等待不超过 hold_s",
    "kept whole with a reason; the decoder never raises": "完整留存并附原因；解码器从不抛异常",
    "kept, not acknowledged; the third within a minute ends the link": (
        "留存，不回执；一分钟内第三个会结束连接"
    ),
    "refused from the header; memory stays": "看帧头即拒绝；内存不变",
    "refused with its close code; see also docs/autobahn.md": "以相应关闭码拒绝；另见 autobahn 页",
    "the platform pushes again; known, and acknowledged": "平台再推；认得，并回执",
    "a late answer confirms its attempt": "迟到的答复仍确认那次尝试",
    "tried again after each delay, then a dead letter; the lane goes on": (
        "每次等待后再试，最后成为死信；通道继续"
    ),
    "as if it had raised; nobody else notices": "如同抛异常；别人都没察觉",
    "its thread is given up and replaced; the other lanes go on": "放弃并替换其线程；其他通道继续",
    "found in history, accepted; one copy": "在历史中找到，accepted；只有一份",
    "absent twice, sent again under its uuid; one copy": "两次查无，以原 uuid 重发；只有一份",
    "looked for on the next link; one copy": "在下一条连接上查找；只有一份",
    "refused with its reason, not tried again": "拒绝并附原因，不再试",
    "restarted; at most the account's own link is cycled": "重启；最多更换自己账号的连接",
    "restarted; the account serves and sends again, each message handled once": (
        "重启；账号继续收发，每条消息处理一次"
    ),
    "once: restarted; for ever: FAILED(crash_loop), probed by itself, back when mended": (
        "一次：重启；一直：FAILED(crash_loop)，自行探测，修好即回"
    ),
    "the sweep replaces it; whatever it had in hand is restarted": "巡检将其替换；手上的工作重启",
    "abandoned and replaced; nobody else is held up": "放弃并替换；不拖累别人",
    "restarted and shown the link; no needless reconnect": "重启并接上连接；不做多余的重连",
    "FAILED(crash_loop); the neighbour sees nothing": "FAILED(crash_loop)；邻居毫无察觉",
    "no thread, socket, timer or actor is left; whoever is to be connected is": (
        "不留下线程、套接字、定时器、actor；该连着的都连着"
    ),
    "not acknowledged, so the platform pushes it again": "没有回执，所以平台再推",
    "pushed again, known, acknowledged": "再推，认得，回执",
    "read from the journal": "从日志库读出",
    "begun again and flagged; its reply leaves once": "重新开始并带标记；回复只发一次",
    "not run again": "不再运行",
    "sent once, in the next life": "下次启动时发送，一次",
    "looked for in history; one copy": "在历史中查找；只有一份",
    "the file opens whole": "文件完整打开",
    "nothing lost, nothing twice on the platform, lanes in order": (
        "没有丢失，平台上没有重复，通道有序"
    ),
    "each step has a deadline; survivors are named": "每一步都有期限；残留者会被点名",
    "dials within the gate's rate; each account dials once before any dials twice": (
        "拨号不超过闸门速率；每个账号都拨过一次才有第二次"
    ),
    "the circuit bars them: RECONNECTING(circuit_open), no attempt counted; then all back": (
        "熔断器拦住：RECONNECTING(circuit_open)，不计次数；之后全部回来"
    ),
    "all connected through the gate; memory within bounds": "全部过闸门连上；内存在界内",
    "nothing acknowledged; DISCONNECTED(journal_unavailable), back by itself": (
        "不回执；DISCONNECTED(journal_unavailable)，自行恢复"
    ),
    "as J1": "同 J1",
    "a new handle, the same commit again": "换新句柄，重做同一次提交",
    "salvage lists what is lost; history is read again": "抢救列出丢失的；历史再读一遍",
    "the start is refused; nothing is written": "拒绝启动；什么都不写",
    "the last whole transaction counts": "以最后一个完整事务为准",
    "the second is refused and told who has it": "第二个被拒绝，并告知归谁",
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
