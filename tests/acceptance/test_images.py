"""Images that lie on this machine: uploaded with their account's cookies, then sent."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

import msgspec
import pytest
from gallery import PNG, SHOP, gallery
from market import WAIT_S

from actors.state import ConnectionState
from actors.values import SendOutcome
from gateway import ChatMessage, Gateway, UploadError
from gateway.errors import OverloadedError, ShuttingDownError, UnknownAccountError
from gateway.host import images
from gateway.settings import AccountSettings, Credentials, Settings
from gateway.testing import HandlerBench, WebBehaviour, WebRule, faults, web_rules

OTHER = "2202"
UPLOAD = "upload.api"
TOKEN = "mtop.taobao.idlemessage.pc.login.token"
ADDRESS = "https://img.example.invalid/x.jpg"
ANSWERED = msgspec.json.encode({"object": {"url": ADDRESS}, "success": True}).decode()


def test_a_file_is_uploaded_and_then_sent(tmp_path: Path) -> None:
    with gallery(tmp_path) as market:
        ticket = market.send()
        assert ticket.result(WAIT_S).outcome is SendOutcome.ACCEPTED
        (upload,) = market.web.mtop.uploads
        digest = hashlib.sha256(PNG).hexdigest()
        assert (upload.account, upload.content_type, upload.digest) == (SHOP, "image/png", digest)
        assert upload.file_name == "image.png"  # its own name says too much
        ((kind, picture),) = market.shown()
        assert kind == 2
        url = f"https://img.example.invalid/imgextra/i1/{digest[:12]}.jpg"
        assert (picture["url"], picture["width"], picture["height"]) == (url, 1080, 1440)
        view = market.gateway.sends.get(ticket.outbox_id)
        assert view is not None
        assert view.image_url == url
        market.keeps_secrets()
        market.web.check()
        market.fake.check()


def test_the_file_tells_its_size_if_the_answer_does_not(tmp_path: Path) -> None:
    with gallery(tmp_path) as market:
        market.web.inject(WebRule(do=faults.Refuse(status=200, body=ANSWERED), api=UPLOAD))
        assert market.send().result(WAIT_S).outcome is SendOutcome.ACCEPTED
        ((_, picture),) = market.shown()
        assert (picture["url"], picture["width"], picture["height"]) == (ADDRESS, 64, 32)


@pytest.mark.parametrize(
    ("rule", "reason", "retryable"),
    [
        (web_rules.redirect("https://passport.goofish.com/login", UPLOAD), "login_over", False),
        (web_rules.redirect("https://elsewhere.invalid/", UPLOAD), "answer_unusable", True),
        (web_rules.html(UPLOAD, status=500), "answer_unusable", True),
        (web_rules.html(UPLOAD), "answer_unusable", True),
        (web_rules.html(UPLOAD, status=429), "throttled", True),
        (WebRule(do=faults.Cut(part=0.9), api=UPLOAD), "answer_cut", True),
        (WebRule(do=faults.Drip(), api=UPLOAD), "timeout", True),
        (WebRule(do=web_rules.Spoil(how="endless"), api=UPLOAD), "answer_too_large", True),
        (WebRule(do=faults.Stall(), api=UPLOAD), "timeout", True),
        (WebRule(do=faults.Reset(), api=UPLOAD), "connection_lost", True),
        (WebRule(do=web_rules.WrongUnb(user_id="9"), api=UPLOAD), "wrong_account", False),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_an_upload_that_fails_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rule: WebRule, reason: str, *, retryable: bool
) -> None:
    monkeypatch.setattr(images, "UPLOAD_S", 1.0)
    with gallery(tmp_path) as market:
        market.web.inject(rule)
        market.refused(reason, retryable=retryable)
        assert market.cookie("unb") == [SHOP]
        market.web.heal()
        assert market.send().result(WAIT_S).outcome is SendOutcome.ACCEPTED
        market.web.check()


def test_a_login_page_says_that_the_login_is_over(tmp_path: Path) -> None:
    with gallery(tmp_path) as market:
        market.web.seller(SHOP).end_login()
        told = market.refused("login_over", retryable=False)
        assert f"accounts sign-in {SHOP}" in told
        assert market.gateway.accounts[SHOP].state is ConnectionState.CONNECTED


def test_after_risk_control_nothing_more_is_asked(tmp_path: Path) -> None:
    with gallery(tmp_path) as market:
        market.web.inject(web_rules.risk_control(UPLOAD))
        for _ in range(3):
            assert "open www.goofish.com/im" in market.refused(
                "verification_asked", retryable=False
            )
        assert len(market.web.calls(UPLOAD)) == 1
        market.web.heal()
        market.gateway.accounts[SHOP].set_credentials(market.web.seller(SHOP).sign_in())
        assert market.send().result(WAIT_S).outcome is SendOutcome.ACCEPTED


def test_cookies_an_upload_brings_are_kept(tmp_path: Path) -> None:
    with gallery(tmp_path, WebBehaviour(rotation="each")) as market:
        before = market.cookie("sgcookie")
        for count in range(1, 4):
            market.send()
            assert market.cookie("sgcookie") != before
            before = market.cookie("sgcookie")
            market.shops[SHOP].wait_sent(count)
        assert market.gateway.credentials.renew(SHOP, WAIT_S)
        market.gateway.stop(5.0)
        market.gateway = market.make()
        market.start()
        assert market.send().result(WAIT_S).outcome is SendOutcome.ACCEPTED
        market.web.check()  # no older cookie was ever sent


def test_an_upload_and_a_renewal_lose_nothing_of_one_another(tmp_path: Path) -> None:
    """Each keeps what the other was given while it was under way."""
    fresh = {"Set-Cookie": "t=fresh; Domain=.goofish.com; Path=/; Secure"}
    answer = WebRule(do=faults.Refuse(status=200, headers=fresh, body=ANSWERED), api=UPLOAD)
    with gallery(tmp_path, WebBehaviour(rotation="each")) as market:
        market.web.inject(answer, WebRule(do=web_rules.Held(), api=TOKEN, times=1))
        market.gateway.credentials.renew(SHOP)
        market.web.wait_held()
        market.send()
        assert market.cookie("t") == ["fresh"]
        sign = market.cookie("sgcookie")
        market.web.release()
        market.shops[SHOP].wait_registered(sessions=2)
        assert market.cookie("t") == ["fresh"]
        assert market.cookie("sgcookie") != sign

        market.web.heal()
        market.web.inject(WebRule(do=web_rules.Held(), api=UPLOAD, times=1))
        sending = threading.Thread(target=market.send)
        sending.start()
        market.web.wait_held()
        assert market.gateway.credentials.renew(SHOP, WAIT_S)
        token = market.source().stored().token
        market.web.release()
        sending.join(WAIT_S)
        stored = market.source().stored()
        assert (stored.token, stored.version) == (token, 3)
        market.shops[SHOP].wait_sent(2)


def test_each_account_has_its_own_cookies_and_way(tmp_path: Path) -> None:
    with gallery(tmp_path, WebBehaviour(rotation="each"), SHOP, OTHER) as market:
        for account in (SHOP, OTHER, SHOP):
            assert market.send(account).result(WAIT_S).outcome is SendOutcome.ACCEPTED
        assert [each.account for each in market.web.mtop.uploads] == [SHOP, OTHER, SHOP]
        market.web.check()


def test_a_proxy_that_is_down_is_never_passed_by(tmp_path: Path) -> None:
    with gallery(tmp_path, start=False) as market:
        market.config["accounts"][0]["proxy"] = "http://user:hunter2@127.0.0.1:9"
        market.gateway = market.make()
        market.gateway.start()
        with pytest.raises(UploadError) as caught:
            market.send()
        assert caught.value.retryable
        assert "hunter2" not in str(caught.value)
        assert not market.web.calls()


def test_a_reply_with_a_file_settles_like_any_reply(tmp_path: Path) -> None:
    with gallery(tmp_path) as market:
        tries: list[str] = []

        @market.gateway.on(ChatMessage)
        def answer(event: ChatMessage) -> None:
            event.reply("看图")
            if event.text == "url":
                event.reply_image(ADDRESS, 3, 4)
                return
            tries.append(event.event_id)
            event.reply_image(str(market.file))
            if len(tries) < 3:
                raise RuntimeError

        market.web.inject(WebRule(do=faults.Reset(), api=UPLOAD, times=1))
        buyer = market.shops[SHOP].buyer("77001")
        buyer.says("还在吗？")
        sent = market.shops[SHOP].wait_sent(2)
        assert [own.text for own in sent] == ["看图", None]
        assert len(tries) == 3, "an upload that fails fails its handler, which is called again"
        assert len(market.web.mtop.uploads) == 2
        buyer.says("url")
        assert [own.text for own in market.shops[SHOP].wait_sent(4)][2:] == ["看图", None]
        assert {each.event_id for each in market.gateway.sends.list()[2:]} == set(tries)
        assert market.gateway.accounts[SHOP].counters.dead == 0


def test_an_upload_in_a_handler_ends_before_the_handler_is_given_up(tmp_path: Path) -> None:
    with gallery(tmp_path, handlers={"deadline_s": 2.0}) as market:
        failed: list[str] = []

        @market.gateway.on(ChatMessage)
        def answer(event: ChatMessage) -> None:
            try:
                event.reply_image(market.file)
            except UploadError as error:
                failed.append(error.reason)
                event.reply("以后再发")

        market.web.inject(WebRule(do=faults.Stall(), api=UPLOAD))
        market.shops[SHOP].buyer("77001").says("还在吗？")
        assert [own.text for own in market.shops[SHOP].wait_sent(1)] == ["以后再发"]
        assert set(failed) == {"timeout"}
        assert not market.log.found("handler.timed_out")


def test_each_file_that_cannot_be_sent_has_its_sentence(tmp_path: Path) -> None:
    with gallery(tmp_path) as market:
        files = {
            "file_missing": ("nobody.png", None, "there is no file"),
            "is_a_directory": (".", None, "is a directory; give one file in it"),
            "file_empty": ("empty.png", b"", "is empty"),
            "file_too_large": ("large.png", PNG + bytes(5 << 20), "more than 5 MiB"),
            "not_an_image": ("text.png", b"%PDF", "begins like no JPEG, PNG, GIF or WebP"),
        }
        for reason, (name, data, told) in files.items():
            market.file = tmp_path / name
            if data is not None:
                market.file.write_bytes(data)
            assert told in market.refused(reason, retryable=False)
        if hasattr(os, "mkfifo"):
            market.file = tmp_path / "pipe.png"
            os.mkfifo(market.file)
            assert "a pipe or a device" in market.refused("not_a_file", retryable=False)
        market.file = Path("x" * 5000)
        market.refused("file_unreadable", retryable=False)
        market.file = Path(r"C:\图片\nobody.png")
        assert r"'C:\图片\nobody.png'" in market.refused("file_missing", retryable=False)
        assert not market.web.calls(UPLOAD)
        market.file = tmp_path / "most.png"
        market.file.write_bytes(PNG + bytes((5 << 20) - len(PNG)))
        assert market.send().result(WAIT_S).outcome is SendOutcome.ACCEPTED


def test_who_cannot_send_an_image(tmp_path: Path) -> None:
    overrides = {OTHER: {"send": {"limit": 1}}}
    with gallery(tmp_path, None, SHOP, OTHER, start=False, overrides=overrides) as market:
        market.config["accounts"][0]["credentials"] = market.shops[SHOP].credentials
        market.gateway = market.make()
        with pytest.raises(ShuttingDownError):
            market.send()
        market.start()
        with pytest.raises(UploadError, match=r"kind: goofish keeps .* send\(image_url=") as caught:
            market.send()
        assert caught.value.reason == "no_cookies_here"
        with pytest.raises(UnknownAccountError):
            market.send("nobody")
        market.gateway.accounts.pause(OTHER)
        market.shops[OTHER].wait_gone()
        market.send(OTHER)
        with pytest.raises(OverloadedError):
            market.send(OTHER)
        assert len(market.web.mtop.uploads) == 1, "what has no room is not uploaded"
        market.gateway.stop(5.0)
        with pytest.raises(ShuttingDownError):
            market.send()


def test_a_bench_records_an_image_file_and_uploads_nothing(tmp_path: Path) -> None:
    with gallery(tmp_path, start=False) as market:
        bench = HandlerBench(market.gateway)
        file = Path(market.file)
        bench.on(ChatMessage)(lambda event: event.reply_image(file))
        (said,) = bench.chat().replies
        assert (said.text, said.image_url) == (None, file.as_uri())

        @bench.on(ChatMessage)
        def send(event: ChatMessage) -> None:
            bench.gateway.send_image(event.account, "51", file, to="3301")

        (sent,) = bench.chat().sent
        assert sent.image_url == file.as_uri()
        assert not market.web.calls()


def test_a_bench_refuses_the_file_that_a_gateway_refuses(tmp_path: Path) -> None:
    text = tmp_path / "size chart.jpg"
    text.write_text("no image", "utf-8")

    def refusal(bench: HandlerBench, path: Path) -> str:
        bench.on(ChatMessage)(lambda event: event.reply_image(path))
        (failure, *_) = bench.chat().failures
        assert isinstance(failure, UploadError)
        return failure.reason

    assert refusal(HandlerBench(), text) == "not_an_image"
    assert refusal(HandlerBench(), tmp_path / "none.jpg") == "file_missing"
    static = Credentials(user_id="2201", device_id="d", token="t" * 9)
    account = AccountSettings(id="shop-a", url="ws://127.0.0.1:9/", credentials=static)
    own = Gateway(Settings(durability="memory", accounts=(account,)))
    assert refusal(HandlerBench(own), text) == "no_cookies_here"


def test_an_account_without_a_login_says_how_to_sign_in(tmp_path: Path) -> None:
    with gallery(tmp_path, start=False) as market:
        del market.config["accounts"][0]["credentials"]["cookie"]
        market.gateway = market.make()
        market.gateway.start()
        with pytest.raises(UploadError, match=rf"accounts sign-in {SHOP} --qr") as caught:
            market.send()
        assert caught.value.reason == "no_login"
