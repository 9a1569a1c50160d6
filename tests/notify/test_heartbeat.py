"""The dead man's switch: it speaks only while all is well, and says nothing but two counts."""

from __future__ import annotations

from market import Log
from receiver import Receiver, receiving

from gateway.notify.heartbeat import Heartbeat, address

PATH = "/api/push/hunter2"


def beating(receiver: Receiver, log: Log, *, every_s: float = 60.0) -> Heartbeat:
    url = f"http://127.0.0.1:{receiver.port}{PATH}?status=up&msg=OK&ping=&key=k"
    return Heartbeat(url, every_s, alive=lambda: alive[0], counts=lambda: (2, 3), log=log)


alive = [True]


def test_a_beat_has_the_form_of_uptime_kuma() -> None:
    assert address("https://h/p/x?status=up&msg=OK&ping=&key=k#f", 3, 3) == (
        "https://h/p/x?key=k&status=up&msg=3%2F3+online"
    )


def test_it_beats_only_while_the_gateway_is_alive() -> None:
    log = Log()
    with receiving() as receiver:
        heartbeat = beating(receiver, log)
        assert heartbeat.beat()
        assert receiver.asked == [
            (PATH, {"key": ["k"], "status": ["up"], "msg": ["2/3 online"]}),
        ]
        alive[0] = False
        try:
            assert not heartbeat.beat()
        finally:
            alive[0] = True
        assert len(receiver.asked) == 1


def test_a_service_that_fails_is_told_once_and_so_is_its_return() -> None:
    log = Log()
    with receiving() as receiver:
        heartbeat = beating(receiver, log)
        receiver.status = 500
        assert not heartbeat.beat()
        assert not heartbeat.beat()
        assert [line["reason"] for line in log.found("heartbeat.failed")] == ["it answered 500"]
        receiver.status = 200
        assert heartbeat.beat()
        assert log.found("heartbeat.recovered")
    assert not heartbeat.beat()  # nobody listens any more
    assert len(log.found("heartbeat.failed")) == 2
    assert "hunter2" not in str(log.lines)


def test_its_thread_beats_again_and_again_until_it_is_stopped() -> None:
    with receiving() as receiver:
        heartbeat = beating(receiver, Log(), every_s=0.01)
        heartbeat.start()
        receiver.wait(lambda: len(receiver.asked) >= 3)
        heartbeat.stop(20.0)
        count = len(receiver.asked)
        assert heartbeat._thread is not None
        assert not heartbeat._thread.is_alive()
        assert len(receiver.asked) == count
