"""Secret values that are known: found in any text, in each of the forms they may have there."""

from __future__ import annotations

import base64
import json
import threading
from collections import Counter
from collections.abc import Iterable
from urllib.parse import quote, unquote

MASK = "***"
SHORTEST_SECRET = 6
"""Characters; a shorter value cannot be told from ordinary words and is masked by name only."""


class KnownSecrets:
    """Masks values, wherever they stand.

    Any thread may use it while another teaches it. Finding costs the same for ten
    values as for a million: the text is cut into all its pieces of six characters, and
    each is looked up among the middles of the known values. (Middles, because all tokens
    of a platform begin alike.)
    """

    def __init__(self, secrets: Iterable[str] = (), *, public: Iterable[str] = ()) -> None:
        """Start with some values.

        Args:
            secrets: Values to hide wherever they stand.
            public: Values never to hide, e.g. user ids that also stand in a cookie.
        """
        self._lock = threading.Lock()
        self._public = frozenset(public)
        self._by_piece: dict[str, frozenset[str]] = {}
        self._uses: Counter[str] = Counter()  # by how many secrets a form is used
        self._owned: dict[str, tuple[frozenset[str], frozenset[str]]] = {}
        self.learn(secrets)

    def learn(
        self, secrets: Iterable[str], *, public: Iterable[str] = (), of: str | None = None
    ) -> None:
        """Hide more values from now on, e.g. those of an account that was added.

        Args:
            secrets: Values to hide wherever they stand.
            public: Values never to hide.
            of: Whose values they are: all of them now. The ones it had before stay hidden until
                it has others again; older ones are forgotten. None: they are hidden for ever.
        """
        with self._lock:
            self._public |= frozenset(public)
            hidden = frozenset(secrets) - self._public
            gone: frozenset[str] = frozenset()
            if of is not None:
                now, before = self._owned.get(of, (frozenset(), frozenset()))
                if hidden == now:
                    return
                self._owned[of] = hidden, now
                hidden, gone = hidden - now - before, before - hidden - now
            for secret in hidden:
                self._hide(secret)
            for secret in gone:
                self._show(secret)

    def _hide(self, secret: str) -> None:
        for form in _forms(secret):
            self._uses[form] += 1
            piece = _piece(form)
            self._by_piece[piece] = self._by_piece.get(piece, frozenset()) | {form}

    def _show(self, secret: str) -> None:
        for form in _forms(secret):
            self._uses[form] -= 1
            if self._uses[form]:
                continue
            del self._uses[form]
            piece = _piece(form)
            left = self._by_piece.get(piece, frozenset()) - {form}
            if left:
                self._by_piece[piece] = left
            else:
                self._by_piece.pop(piece, None)

    def without_values(self, text: str) -> str:
        """Return the text with every known value in it masked."""
        by_piece = self._by_piece  # without the lock: a piece is there or not, in one step
        pieces = {text[at : at + SHORTEST_SECRET] for at in range(len(text) - SHORTEST_SECRET + 1)}
        if by_piece.keys().isdisjoint(pieces):
            return text
        found = {form for piece in pieces for form in by_piece.get(piece, ()) if form in text}
        for form in sorted(found, key=len, reverse=True):
            text = text.replace(form, MASK)
        return text


def _piece(form: str) -> str:
    at = (len(form) - SHORTEST_SECRET) // 2
    return form[at : at + SHORTEST_SECRET]


def _forms(secret: str) -> set[str]:
    """Return a secret as it looks in a text, a repr, JSON, JSON in JSON, a URL, a Basic header."""
    in_json = json.dumps(secret)[1:-1]
    forms = {
        secret,
        repr(secret)[1:-1],
        repr(f"\"'{secret}")[4:-1],  # beside both quotes its own single ones are escaped
        in_json,
        json.dumps(in_json)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        quote(secret, safe=""),
        quote(secret),
        unquote(secret),
    }
    if ":" in secret:
        forms.add(base64.b64encode(secret.encode()).decode())
    return {form for form in forms if len(form) >= SHORTEST_SECRET}
