"""Brings a message to a target, through apprise (extra ``[notify]``).

apprise is imported at the first use: it takes half a second and 26 MiB. Its services are called
directly and not through its ``Apprise``, which leaves threads behind that the end of a process
waits for.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from gateway import listeners, logs
from gateway.commands import extra
from gateway.notify.message import Message

DEADLINE_S: Final = 20.0
"""Seconds of one delivery; apprise bounds each wait of it, and not their number."""

THREAD: Final = "gateway/bell/delivery"
"""Name of the threads of deliveries; one that hangs is left, and its target fails meanwhile."""

_NAME: Final = "xianyu-gateway"
_LONGEST: Final = 200
_LOGS: Final = ("apprise", "urllib3.connectionpool")
"""Loggers that say URLs in full, where a host's log would show them to anybody."""


class Courier:
    """Delivers messages; one thread at a time.

    Args:
        urls: URLs of apprise by the names of their places.
        mask: Masks secrets in what a service says.
        deadline_s: See :data:`DEADLINE_S`.
    """

    def __init__(
        self,
        urls: Mapping[str, str],
        *,
        mask: Callable[[str], str],
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self._urls = urls
        self._mask = mask
        self._deadline_s = deadline_s
        self._services: dict[str, Any] = {}
        self._hanging: dict[str, threading.Thread] = {}

    @property
    def places(self) -> tuple[str, ...]:
        """Return the names of the places, in the order of the settings."""
        return tuple(self._urls)

    def kind(self, place: str) -> str:
        """Return the scheme of a target, which is no secret."""
        return self._urls[place].partition("://")[0]

    def problem(self, place: str) -> str | None:
        """Return why a target cannot be used, whatever the network does; None: it can."""
        try:
            service = self._service(place)
        except ImportError as error:
            return _not_there(error)
        except Exception as error:  # noqa: BLE001  # a stranger's code
            return f"apprise fails on it ({type(error).__name__})"
        if service is None:
            return (
                f"apprise does not understand this URL of {self.kind(place)}://; write it as "
                "the wiki of apprise has it"
            )
        return None

    def send(self, place: str, message: Message) -> str | None:
        """Deliver a message within the deadline; return why it did not go, None if it went."""
        before = self._hanging.get(place)
        if before is not None and before.is_alive():
            return "the delivery before still hangs"
        wrong = self.problem(place)
        if wrong is not None:
            return wrong
        said: list[str | None] = []
        thread = threading.Thread(
            target=lambda: said.append(self._deliver(self._services[place], message)),
            name=THREAD,
            daemon=True,
        )
        try:
            thread.start()
        except RuntimeError:
            return "the machine gives no more threads"
        thread.join(self._deadline_s)
        if not said:
            self._hanging[place] = thread
            return f"no answer within {self._deadline_s:g} s"
        return said[0]

    def _service(self, place: str) -> Any:
        """Return what apprise makes of a URL; None: nothing."""
        if self._services.get(place) is None:
            import apprise  # noqa: PLC0415  # an extra, and expensive

            asset = apprise.AppriseAsset(app_id=_NAME, app_desc=_NAME, app_url="")
            with logs.overhearing(*_LOGS):
                self._services[place] = apprise.Apprise.instantiate(
                    self._urls[place], asset=asset, suppress_exceptions=True
                )
        return self._services[place]

    def _deliver(self, service: Any, message: Message) -> str | None:
        """Deliver on this thread."""
        from apprise import NotifyFormat, NotifyType, conversion  # noqa: PLC0415  # as above

        convert: Any = conversion.convert_between

        said: list[str] = []
        try:
            with logs.overhearing(*_LOGS) as said:
                form = service.notify_format
                title = message.title
                if service.title_maxlen <= 0:  # it becomes a part of the body
                    title = convert(NotifyFormat.TEXT, form, content=title)
                went = service.notify(
                    title=title,
                    body=convert(NotifyFormat.TEXT, form, content=message.body),
                    notify_type=NotifyType.SUCCESS if message.over else NotifyType.WARNING,
                    body_format=NotifyFormat.TEXT,
                )
        except Exception as error:  # noqa: BLE001  # a stranger's code
            return listeners.told(error, self._mask)
        told = self._mask(" ".join(" ".join(said[-1:]).split()))[:_LONGEST]
        return None if went else told or "the service did not take it"


def missing() -> str | None:
    """Return that apprise is not installed, and the remedy; None: it is."""
    from importlib.util import find_spec  # noqa: PLC0415  # not for what is not configured

    return None if find_spec("apprise") is not None else _told_missing()


def _not_there(error: ImportError) -> str:
    return _told_missing() if error.name == "apprise" else f"apprise cannot be imported ({error})"


def _told_missing() -> str:
    return f"apprise is not installed, so nobody is told; {extra('notify')}"
