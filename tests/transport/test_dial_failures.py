"""What a failed dial means where no server on loopback can make it happen."""

from __future__ import annotations

import errno

import pytest

from actors.values import ErrorClass, Phase
from gateway.transport.errors import Place, failure_of, retry_after
from gateway.transport.upgrade import UpgradeRefusedError

HERE = Place(phase=Phase.TCP, peer="shop.example:443", now_s=1_000_000_000.0)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "9" * 400}, 999_999_999.0),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "\u0667"}, None),
        # 1,000,000,000 is 2001-09-09 01:46:40 UTC.
        ({"retry-after": "Sun, 09 Sep 2001 01:47:40 GMT"}, 60.0),
        ({"retry-after": "Sun, 09 Sep 2001 01:47:40 -0000"}, 60.0),
        ({"retry-after": "Sun, 09 Sep 2001 01:40:00 GMT"}, 0.0),
        (
            {
                "retry-after": "Sun, 09 Sep 2001 01:47:40 GMT",
                "date": "Sun, 09 Sep 2001 01:47:10 GMT",
            },
            30.0,
        ),
        ({"retry-after": "Sun, 09 Sep 2001 01:47:40 GMT", "date": "today"}, 60.0),
        ({"retry-after": "Sun, 99 Sep 2001 01:47:40 GMT"}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, HERE.now_s) == seconds


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.ENETUNREACH, "x"), "unreachable"),
        (OSError(errno.EHOSTUNREACH, "x"), "unreachable"),
        (OSError(errno.EMFILE, "x"), "too_many_files"),
        (OSError(errno.EACCES, "x"), "connect_failed"),
        (OSError("no number"), "connect_failed"),
        (ConnectionResetError(errno.ECONNRESET, "x"), "connection_lost"),
        (BrokenPipeError(errno.EPIPE, "x"), "connection_lost"),
    ],
)
def test_errors_of_the_system(error: OSError, reason: str) -> None:
    failed = failure_of(error, HERE)
    assert (failed.error_class, failed.reason) == (ErrorClass.NETWORK, reason)
    assert failed.detail.startswith("shop.example:443")
    assert not failed.timed_out
    proxied = failure_of(error, Place(phase=Phase.PROXY, peer="p:1", now_s=0))
    assert proxied.reason == f"proxy_{reason}"


def test_an_error_of_ours_is_not_dressed_up_as_one_of_the_network() -> None:
    with pytest.raises(ZeroDivisionError):
        failure_of(ZeroDivisionError(), HERE)


@pytest.mark.parametrize(
    ("location", "says"),
    [
        ("https://other.example/login?token=s3cret", "points to other.example;"),
        ("//[::1]:9/x", "points to [::1]:9;"),
        ("/login?token=s3cret", "points to another path;"),
        ("http://[s3cret", "points to a place that is no URL;"),
        ("ws://a:s3cret/", "points to a place that is no URL;"),
    ],
)
def test_a_redirect_is_told_without_its_secrets(location: str, says: str) -> None:
    failed = failure_of(UpgradeRefusedError(302, {"location": location}), HERE)
    assert failed.reason == "redirect_refused"
    assert says in failed.detail
    assert "s3cret" not in failed.detail
