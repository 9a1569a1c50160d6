"""Every sentence that `status`, `check` and `doctor` can say has a translation, and no more."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path
from typing import Final

import pytest
import templates

from gateway.words import catalogue
from gateway.words.catalogue import CHINESE
from gateway.words.chinese import CATALOGUE

ROOT: Final = Path(__file__).parents[2]

SOURCES: Final = (
    *("actors/account/reconnect.py", "actors/account/recovery.py", "actors/credential_news.py"),
    *("actors/policy/alerts.py", "actors/policy/budget.py", "actors/policy/failures.py"),
    *("actors/renewal_jobs.py", "actors/sign_in_due.py"),
    *("actors/dialing.py", "actors/runtime/journal/answer.py", "actors/runtime/links/link.py"),
    *("actors/runtime/links/reading.py", "actors/runtime/pool/poller.py", "actors/watch.py"),
    "gateway/host/unanswered.py",
    *("gateway/alike.py", "gateway/commands.py", "gateway/compiled.py", "gateway/plugins.py"),
    *("gateway/cli/accounts.py", "gateway/cli/check.py", "gateway/cli/checks.py"),
    *("gateway/cli/control.py", "gateway/cli/credential_checks.py", "gateway/cli/dial_check.py"),
    *("gateway/cli/doctor.py", "gateway/cli/exchange.py", "gateway/cli/journal_checks.py"),
    *("gateway/cli/logins.py", "gateway/cli/notify.py", "gateway/cli/paths.py"),
    *("gateway/cli/status.py", "gateway/cli/whom.py"),
    *(f"gateway/config/{each.name}" for each in sorted((ROOT / "gateway/config").glob("*.py"))),
    *("gateway/credentials/attempt.py", "gateway/credentials/given.py"),
    *("gateway/credentials/given_words.py", "gateway/credentials/givers.py"),
    *("gateway/credentials/goofish.py", "gateway/credentials/keeping.py"),
    *("gateway/credentials/keys.py", "gateway/credentials/meanings.py"),
    *("gateway/credentials/own_files.py", "gateway/credentials/sealing.py"),
    *("gateway/credentials/replacing.py", "gateway/credentials/store.py"),
    *("gateway/host/calls.py", "gateway/host/registry.py", "gateway/host/telling.py"),
    *("gateway/journal/care.py", "gateway/journal/wal.py", "gateway/journal/whereabouts.py"),
    *("gateway/journal/files/backups.py", "gateway/journal/files/integrity.py"),
    *("gateway/journal/files/lock.py", "gateway/journal/files/lockfile.py"),
    *("gateway/journal/files/opening.py", "gateway/journal/upkeep/backlog.py"),
    *("gateway/journal/upkeep/quota.py", "gateway/journal/upkeep/upkeep.py"),
    *("gateway/journal/sqlite/handle.py", "gateway/journal/sqlite/journal.py"),
    *("gateway/notify/bell.py", "gateway/notify/courier.py"),
    *("gateway/platforms/goofish/pasted_cookies.py", "gateway/platforms/goofish/replies.py"),
    "gateway/platforms/registry.py",
    *("gateway/settings/addresses.py", "gateway/settings/paths.py"),
    *("gateway/sinks/all.py", "gateway/sinks/callable.py", "gateway/sinks/registry.py"),
    *("gateway/transport/frames.py", "gateway/transport/https.py", "gateway/transport/proxy.py"),
    *("gateway/transport/rfc6455.py", "gateway/transport/upgrade.py"),
    *("gateway/transport/errors.py", "gateway/transport/library.py", "gateway/transport/tls.py"),
    *("gateway/errors.py", "gateway/web/credentials.py", "gateway/web/records.py"),
    *("gateway/web/pages/chat.py", "gateway/web/pages/chats.py", "gateway/web/pages/home.py"),
    *("gateway/web/pages/public.py", "gateway/web/pages/table.py", "gateway/web/pages/visit.py"),
    *("gateway/web/pages/site.py", "gateway/web/pages/waiting.py"),
    *("gateway/credentials/sign_in_words.py", "gateway/web/sign_in.py"),
    *("gateway/web/checks.py", "gateway/web/guard.py", "gateway/web/origins.py"),
    *("gateway/web/problems.py", "gateway/web/stopped.py", "gateway/web/upkeep.py"),
)
"""Where sentences are made that these commands print."""

LABELS: Final = frozenset({"file system", "FAILED account", "needs a person"})
"""Said as labels (``gateway/words/labels.py``), or counted by ``status`` itself."""

OF_PROGRAMS: Final = (
    (
        "Use it there, or make one with a data_dir of its own after the fork (multiprocessing: "
        'set_start_method("spawn"))'
    ),
    *("a message of its own needs a key of its own", "account {} exists", "backed up"),
    *("call start() before, or use it in `with gateway:`", "event {} cannot be answered: {}"),
    "idempotency_key {} stands for send {}, whose {} differs",
    *("make a new Gateway", "no handler is being called with event {} on this thread"),
    *("remove it first or choose another id", "the gateway runs in process {}"),
    (
        "reply in the handler itself before it returns, or use send() from anywhere, at any time: "
        "gw.send(account, conversation, text, to=…)"
    ),
    (
        "reply on the event that the handler was given, or use send(): "
        "gw.send(account, conversation, text, to=…)"
    ),
    *("the image was not uploaded, and nothing is sent: {}", "this is a copy of event {}"),
    "this is a child forked from it and has none of its threads",
    "use send() and say whom: gw.send(account, conversation, text, to=…)",
    *("POST to this address begins to", "seen must be the number of an answer before"),
    *("it goes to backups/ of the data_dir", "move it afterwards"),
    "keep deletes older backups with a name by their time, so name cannot be given, too",
    "name must be a file name of at most {} bytes, without a folder",
    *("list them: GET /v1/dead-letters, or {}", "list them: GET /v1/outbox, or {}"),
    "look at its state: {}",
)
"""Errors of programs that call us, in Python or over HTTP."""

OF_BROWSERS: Final = (
    *("default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:"),
    *("connect-src 'self'", "manifest-src 'self'", "form-action 'self'", "base-uri 'none'"),
    *("frame-ancestors 'none'", "public, max-age=31536000, immutable"),
)
"""Headers of pages."""

NOT_SAID: Final = frozenset(
    (
        *OF_PROGRAMS,
        *OF_BROWSERS,
        *("Mapping[str, tuple[EntryPoint, ...]]", 'extra == "{}"', "openssl rand -base64 32"),
        *("accounts.add takes AccountSettings, not {}", "accounts.reload takes Settings, not {}"),
        *("CONNECT {} HTTP/1.1", "Proxy-Authorization: Basic {}", "Connection: Upgrade\r"),
        *("HTTP/1.1 101 Switching Protocols\r", "Upgrade: websocket\r", "connect limit"),
        *("device id or appkey is not equal", "session remove", "answer without messageId"),
        *("a ping or pong carries at most 125 bytes, not {}", "close code {} may not be sent"),
        *("use 1000 or 3000 to 4999", "the method must be GET or POST"),
        *("headers: a value holds half of a letter", "url: it holds half of a letter"),
        *('{"token": "…", "user_id": "…"}', "signal {} does not end a session: keep the link"),
    )
)
"""Code, commands, bytes on a wire, words of a platform, and errors of callers."""

MADE_UP: Final = frozenset(
    (
        *(
            "the {} {} of {}",
            "no platform {}{} (known: {})",
            "Stored(account={}, lineage={}, version={})",
        ),
        *("the journal {} {} while it is open", "the journal {} {} while it was open"),
    )
)
"""Sentences of nothing but parts that have entries: each combination is an entry of its own."""

_WORD: Final = re.compile(r"[A-Za-z]{2,}")
_PLACE: Final = re.compile(r"\{(\d?)!?\}")
_ENDS: Final = re.compile(r"^(?:\{\}[ ,:]*)+|(?:[ ,:(]*\{\}\)?)+$")
"""Places at the ends of a template: what stands there is said by another source."""


def bare(template: str) -> str:
    return _ENDS.sub("", template).strip(" ")


def is_known(sentence: str) -> bool:
    """Return whether an entry has it, perhaps without a key before it."""
    behind = sentence.partition(": ")[2] if re.match(r"[a-z.]+: ", sentence) else sentence
    return any(sentence in entry or (behind and behind in entry) for entry in CHINESE)


@pytest.mark.parametrize("source", SOURCES)
def test_every_sentence_has_an_entry(source: str) -> None:
    found = templates.of_file(ROOT / source) - LABELS - NOT_SAID - MADE_UP
    missing = sorted(each for each in found if not is_known(bare(each)))
    assert not missing, f"gateway/words/catalogue has no entry for {missing}"


def test_every_entry_is_of_a_sentence() -> None:
    """What nobody says any more goes out of the catalogue, too."""
    said: set[str] = set()
    for source in SOURCES:
        for each in templates.of_file(ROOT / source, words=True):
            said |= {bare(each), *(part.strip(" ") for part in each.split("{}"))}
    longest_first = sorted(said - {""}, key=len, reverse=True)
    stale = []
    for entry in CHINESE:
        left = entry
        for each in longest_first:
            if each in left:
                left = re.sub(rf"(?<![A-Za-z]){re.escape(each)}(?![A-Za-z])", " ", left)
        if _WORD.search(left):
            stale.append((entry, left))
    assert not stale


@pytest.mark.parametrize("entry", CHINESE)
def test_places_agree(entry: str) -> None:
    count = entry.count("{}")
    told = _PLACE.findall(CHINESE[entry])
    numbers = [int(number) for number in told if number] or [*range(len(told))]
    plural = len(re.findall(r"[a-z]\{\}", entry))  # `problem{}`: Chinese has none
    assert sorted(numbers) in ([*range(count)], [*range(count - plural)])
    assert len(told) == len(numbers), "all are numbered, or none"


@pytest.mark.parametrize("entry", CHINESE)
def test_entries_are_found_and_are_chinese(entry: str) -> None:
    begin = entry.partition("{}")[0]
    assert not begin or len(begin) >= 3, "entries are looked for by their first letters"
    assert _WORD.search(entry), "it would match everything"
    told = CATALOGUE.text(entry)
    assert told != entry or not re.search("[\u4e00-\u9fff]", CHINESE[entry])


def test_no_two_modules_have_the_same_entry() -> None:
    modules = [
        importlib.import_module(f"gateway.words.catalogue.{each.name}")
        for each in pkgutil.iter_modules(catalogue.__path__)
    ]
    assert sum(len(each.CHINESE) for each in modules) == len(CHINESE)
