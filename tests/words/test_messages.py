"""Whole messages, as they are put together where they are made, read well in Chinese."""

from __future__ import annotations

import pytest

from gateway.words.chinese import CATALOGUE


@pytest.mark.parametrize(
    ("english", "told"),
    [
        (
            (
                "f.yaml:3: heartbeat.interval_s: expected a number (seconds) between 0.01 and "
                "86400 or null, got nothing"
            ),
            "f.yaml:3: heartbeat.interval_s: 应为数字（秒），0.01 到 86400 之间，或 null，实为空",
        ),
        (
            "log.level: expected one of debug, info, got 'inof'; did you mean 'info'?",
            "log.level: 应为 debug, info 之一，实为 'inof'；是不是 'info'？",
        ),
        (
            (
                "accounts[0].credentials of account shop: x.json: there is no such file; have it "
                "written, or correct path"
            ),
            "accounts[0].credentials（账号 shop）：x.json: 没有这个文件；让程序写出它，或改正 path",
        ),
        (
            "credentials.key_file: /k holds no key; make one: (umask 077; openssl rand > /k)",
            "credentials.key_file: /k 里没有密钥；造一个：(umask 077; openssl rand > /k)",
        ),
        (
            (
                "the journal /j is damaged (quick_check: x) and was left as it is; stop the "
                "gateway, then restore a backup, or run `r`"
            ),
            "日志库 /j 已损坏（quick_check: x），没有动它；停止网关，然后恢复备份，或运行 `r`",
        ),
        (
            (
                "h:443 answered HTTP 302: it points to x; redirects are not followed because the "
                "headers carry credentials; if that host is meant, set `url` to it"
            ),
            (
                "h:443 应答 HTTP 302: 它指向 x；请求头带有凭据，所以不跟随重定向；"
                "如果确实是那个主机，请把 `url` 设为它"
            ),
        ),
        (
            "The peer said 'bye; now'. The server restarts; wait a little before the next attempt.",
            "对端说：'bye; now'。服务器在重启；稍等后再试。",
        ),
        (
            "Another login took the session; it is reclaimed once, then a person must decide.",
            "另一处登录占用了会话；会夺回一次，之后须由人决定。",
        ),
        (
            "FAILED, and not tried again: a (auth), b (x) and 3 more",
            "已放弃（FAILED），不再重试：a (auth), b (x) 等，另有 3 个",
        ),
        (
            "/srv lies on tmpfs (/srv), which is gone with the next start of the machine",
            "/srv 在 tmpfs（/srv）上，机器一重启就没了",
        ),
        (
            "token is a number, not text or an object; put it in quotes",
            "token 是数字，应为文本或对象；请加引号",
        ),
    ],
)
def test_a_message_is_translated_with_its_values(english: str, told: str) -> None:
    assert CATALOGUE.text(english) == told
