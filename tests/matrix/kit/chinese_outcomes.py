"""The outcomes of the fault page in 简体中文, by the English ones; see :mod:`chinese`."""

from __future__ import annotations

from typing import Final

OUTCOMES: Final[dict[str, str]] = {
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
    "connection refused, by the far kernel: class network; back when it is not": (
        "被远端内核拒绝：类别 network；不再拒绝即恢复"
    ),
    "SYNs are dropped: class network at the deadline; back when they are not": (
        "SYN 被丢弃：到期限为 network；不再丢弃即恢复"
    ),
    "packets vanish both ways: heartbeat_dead in time; what was said meanwhile comes once": (
        "双向丢包：按时判为 heartbeat_dead；期间的消息只来一次"
    ),
    "nothing of ours arrives, not even TCP's acks: left in time": (
        "我们的什么都到不了，连 TCP 确认也是：按时更换"
    ),
    "a router answers with RST: class unexpected_close; back when it does not": (
        "路由器回 RST：unexpected_close；不再回即恢复"
    ),
    "the platform's process is frozen, its kernel acks: heartbeat_dead in time": (
        "平台进程冻结、内核仍确认：按时判为 heartbeat_dead"
    ),
    "10 % of the packets lost each way: stays CONNECTED; every message once, in order": (
        "双向各丢 10 %：保持 CONNECTED；每条一次且有序"
    ),
    "64 kbit/s: stays CONNECTED; every message once, in order": (
        "64 kbit/s：保持 CONNECTED；每条一次且有序"
    ),
    "restarted; all is served and sent; handled once, or again and flagged if its result died too": (  # noqa: E501  # the words of the test
        "重启；收发照常；处理一次，结果也丢失时再处理并带标记"
    ),
    "stays CONNECTED (scaled by 10)": ("保持 CONNECTED（缩放 10 倍）"),
    "another thread takes over; what waited is stored once, none was acknowledged early": (
        "由另一个线程接手；待写的只存一次，没有提前回执"
    ),
    "not acknowledged until it holds, not lost; a person hears of it": (
        "成功之前不回执，不丢失；会告知人"
    ),
    "lanes wait on disk, acknowledged; memory holds a bounded part; then all, in order": (
        "通道在磁盘上等，已回执；内存只有一部分；随后全部有序"
    ),
    "our own pause is not taken for the peer's death: the link stays": (
        "我们自己的暂停不算对端死亡：连接保持"
    ),
    "a pause that lasts too long ends the link: backpressure; nothing is lost": (
        "暂停过久结束连接：backpressure；不丢失"
    ),
    "ten are replaced and alarmed; beyond, the pool says so and `run` ends with 70": (
        "替换十个并告警；再多则由池说明，`run` 以 70 结束"
    ),
    "what it asks is answered, also a stop; nothing waits for itself": (
        "它问的都有答复，停止也是；没有自己等自己的"
    ),
    "beyond the bound refused at once; the rate holds; each accepted one has its outcome": (
        "超过上限立即拒绝；速率有效；接受的都有结果"
    ),
    "the bound of the whole process is the one that was set": ("整个进程的上限就是所设的值"),
    "handled once, acknowledged ten times; nine duplicates are counted": (
        "处理一次，回执十次；计九个重复"
    ),
    "49 handled, the damaged one kept whole with its reason, one acknowledgement": (
        "处理 49 条，损坏的完整留存并附原因，一次回执"
    ),
    "one message; the pings between its fragments are answered before it is whole": (
        "一条消息；分片之间的 ping 在其完整之前就应答"
    ),
    "kept whole with its reason and acknowledged; memory stays, the next is handled": (
        "完整留存附原因并回执；内存不变，下一条照常"
    ),
    "nested too deeply in the frame itself: rejected, not acknowledged; the link stays": (
        "帧本身嵌套过深：拒收，不回执；连接保持"
    ),
    "unmasked as N13; the old token is refused: FAILED(auth); a new one brings all": (
        "如 N13 识破；旧令牌被拒：FAILED(auth)；换新即全部补回"
    ),
    "at once it asks for a sign of life; what came meanwhile is handled once": (
        "立即探测生命迹象；期间的消息处理一次"
    ),
    "reading pauses instead of memory filling; the others notice nothing": (
        "暂停读取而不是塞满内存；别人毫无察觉"
    ),
    "the deadline of a write ends the link; each send has its outcome, one copy": (
        "写的期限结束连接；每次发送都有结果，只有一份"
    ),
    "while it runs: as J1, until it is mended": ("运行中：同 J1，直到修好"),
    "beyond the bound refused before it is accepted; what was accepted ends": (
        "超过上限在接受之前拒绝；接受的都有结果"
    ),
    "not acknowledged meanwhile, told, not lost; the link stays": (
        "期间不回执，会告知，不丢失；连接保持"
    ),
}
