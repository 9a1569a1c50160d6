"""When a login ends: what its cookies say, and what is remembered when they are gone."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

import pytest

from actors.values import Failure
from gateway.cli import parser
from gateway.commands import START
from gateway.credentials import failures
from gateway.credentials.jars import dated, login_ends_ms
from gateway.credentials.keeping import Keeping
from gateway.credentials.showing import shown
from gateway.credentials.store import MemoryStore, Stored, StoreError
from gateway.platforms.goofish.cookies import Jar
from gateway.settings import AccountSettings, Credentials

NOW = 1_767_225_600_000
DAY_MS = 86_400_000
ENDS = NOW + 20 * DAY_MS


def stored(value: object | None, life_s: int = 20 * 86_400) -> Stored:
    """Return a login whose cookie says when it ends, and ends itself."""
    line = f"havana_lgc_exp={value}; Domain=.goofish.com; Path=/; Max-Age={life_s}"
    url = "https://passport.goofish.com/"
    jar = Jar() if value is None else Jar().apply([line], url, NOW)
    return Stored(account="shop-a", cookies=jar.plain())


@pytest.mark.parametrize("value", [ENDS, ENDS // 1000])
def test_it_is_read_in_milliseconds_and_in_seconds(value: int) -> None:
    assert login_ends_ms(stored(value), NOW) == ENDS


@pytest.mark.parametrize("value", [None, "soon", ""])
def test_nobody_knows_when_nothing_says_so(value: object | None) -> None:
    assert login_ends_ms(stored(value), NOW) is None


def test_what_the_cookie_said_is_remembered_when_it_is_gone() -> None:
    """An alert that ends with the login would say that all is well."""
    over = ENDS + DAY_MS
    kept = dated(stored(ENDS), NOW)
    assert kept.login_ends_ms == login_ends_ms(kept, over) == ENDS
    assert dated(kept, over).login_ends_ms == ENDS


class FullStore(MemoryStore):
    """Has no room while it is full."""

    full = False

    def write(self, stored: Stored) -> None:
        if self.full:
            raise StoreError("no room")
        super().write(stored)


class Told:
    """What a keeping tells."""

    def __init__(self) -> None:
        self.unsaved: list[str | None] = []
        self.store = FullStore()
        self.keeping = Keeping(
            "shop-a",
            store=self.store,
            learn=self._learn,
            unsaved=self.unsaved.append,
            owner="shop-a",
            unix_ms=lambda: NOW,
        )

    def _learn(self, owner: str, secrets: Iterable[str]) -> None:
        assert owner == "shop-a", list(secrets)


def test_what_is_kept_says_what_is_to_be_looked_after() -> None:
    told = Told()
    keeping, store = told.keeping, told.store
    assert not keeping.outlook.unsaved
    keeping.keep(stored(ENDS))
    assert (keeping.outlook.unsaved, keeping.outlook.login_ends_ms) == (False, ENDS)
    assert "accounts sign-in shop-a --qr" in keeping.outlook.to_sign_in
    assert "accounts credentials set shop-a" in keeping.outlook.to_sign_in
    store.full = True
    keeping.keep(stored(ENDS + DAY_MS))
    keeping.save()
    assert (keeping.outlook.unsaved, keeping.outlook.login_ends_ms) == (True, ENDS + DAY_MS)
    assert told.unsaved == ["no room", "no room"]
    store.full = False
    keeping.save()
    assert (keeping.outlook.unsaved, told.unsaved[-1]) == (False, None)
    found = store.read("shop-a")
    assert found is not None
    assert found.login_ends_ms == ENDS + DAY_MS
    keeping.save()
    assert len(told.unsaved) == 3, "there is nothing to save"
    keeping.put(stored(None))
    assert keeping.outlook.login_ends_ms is None, "a new login without the cookie"
    unreadable: Failure | None = keeping.unreadable()
    assert unreadable is None


def test_a_person_sees_when_it_ends() -> None:
    settings = AccountSettings(
        id="shop-a", url="ws://127.0.0.1:1/", credentials=Credentials(kind="goofish")
    )
    for login, now_ms, left_s in (
        (stored(ENDS), NOW, 20 * 86_400.0),
        (dated(stored(ENDS), NOW), ENDS + DAY_MS, 0.0),
        (stored(None), NOW, None),
        (None, NOW, None),
    ):
        assert shown(settings, login, None, now_ms=now_ms, now_s=0.0).login_ends_in_s == left_s


def test_nobody_is_told_of_a_login_that_never_was() -> None:
    """The disk is full, and nobody has signed in yet: there is nothing to lose."""
    told = Told()
    told.store.full = True
    told.keeping.keep(Stored(account="shop-a", calls_ms=(NOW,)))
    assert (told.unsaved, told.keeping.outlook.unsaved) == ([], False)
    kept = told.keeping.stored()
    assert kept is not None
    assert kept.calls_ms == (NOW,), "the budget counts on"


@pytest.mark.parametrize("account", ["shop-a", "-shop", "--qr", "店 1", "it's"])
def test_the_printed_command_is_taken_by_our_own_parser(account: str) -> None:
    """A name that looks like an option is still a name."""
    for told in (failures.to_sign_in(account), failures.to_paste(account)):
        words = shlex.split(told.strip("`").removeprefix(START))
        arguments = parser().parse_args(words)
        assert (arguments.account, arguments.config) == (account, "FILE")
