"""When a message is tried again, when its target counts as failing, and what is left out."""

from __future__ import annotations

from gateway.notify.deliveries import MOST_TRIES, MOST_WAITING, RETRY_MS, Deliveries


def test_a_message_is_tried_three_times_in_five_minutes_before_its_target_fails() -> None:
    queue: Deliveries[str] = Deliveries()
    assert queue.due_ms(0) is None
    assert queue.next(0) is None
    queue.put("m", 0)
    tried = []
    now_ms = 0
    for _ in range(3):
        assert not queue.failing
        assert queue.next(now_ms) == "m"
        assert queue.failed(now_ms) is None
        tried.append(now_ms)
        due_ms = queue.due_ms(now_ms)
        assert due_ms is not None
        assert queue.next(due_ms - 1) is None
        now_ms = due_ms
    assert tried == [0, 60_000, 240_000]
    assert now_ms == 240_000 + RETRY_MS
    assert queue.went()
    assert len(queue) == 0


def test_a_target_that_takes_it_at_the_second_try_never_failed() -> None:
    queue: Deliveries[str] = Deliveries()
    queue.put("m", 0)
    queue.failed(0)
    assert not queue.went()


def test_a_full_queue_leaves_out_the_oldest() -> None:
    queue: Deliveries[int] = Deliveries()
    pushed = [queue.put(number, 0) for number in range(MOST_WAITING + 2)]
    assert pushed == [None] * MOST_WAITING + [0, 1]
    assert (len(queue), queue.left_out, queue.next(0)) == (MOST_WAITING, 2, 2)


def test_a_message_that_nobody_takes_holds_the_others_up_for_an_hour() -> None:
    """It may be too long for the service."""
    queue: Deliveries[str] = Deliveries()
    queue.put("bad", 0)
    now_ms = 0
    given_up = None
    while given_up is None:
        if len(queue) == 1 and now_ms:
            queue.put("good", now_ms)
        given_up = queue.failed(now_ms)
        now_ms = queue.due_ms(now_ms) or now_ms
    assert given_up == "bad"
    assert now_ms == 240_000 + (MOST_TRIES - 2) * RETRY_MS
    assert queue.failing
    assert queue.next(now_ms) == "good"

    alone: Deliveries[str] = Deliveries()
    alone.put("bad", 0)
    assert [alone.failed(0) for _ in range(MOST_TRIES)] == [None] * (MOST_TRIES - 1) + ["bad"]
    assert alone.due_ms(0) is None


def test_a_clock_that_is_set_back_delays_by_one_pause_at_most() -> None:
    queue: Deliveries[str] = Deliveries()
    queue.put("m", 10**12)
    assert queue.due_ms(0) == RETRY_MS
