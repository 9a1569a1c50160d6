"""What ``init`` is to make: where, of which account, and as what it is started. Knows no file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, TypeAlias

CONFIG: Final = "gateway.yaml"
TOKEN: Final = "http.token"  # noqa: S105  # the file's name
BELL: Final = "bell.url"

GOOFISH: Final = "goofish"
GOOFISH_URL: Final = "wss://wss-goofish.dingtalk.com/"

Service: TypeAlias = Literal["unit", "compose"]

NAMES: Final[dict[Service, str]] = {"unit": "xianyu-gateway.service", "compose": "compose.yaml"}
"""What the file is called."""

INSIDE_FOLDER: Final = "/config"
INSIDE_CONFIG: Final = f"{INSIDE_FOLDER}/gateway.yaml"
INSIDE_DATA: Final = "/data/gateway"
INSIDE_LISTEN: Final = "0.0.0.0:8760"  # of the container, which publishes what was asked for
INSIDE_TOKEN: Final = "/run/secrets/http.token"  # noqa: S105  # the path of a file
"""Paths and address within the container."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What a configuration is made of.

    Attributes:
        folder: Where the files go.
        account: Our name of it.
        platform: ``goofish`` or ``plain``.
        url: Its address.
        listen: ``host:port`` of the control over HTTP.
        data_dir: Where the journal lies.
        endpoints: Of the sign-in, if it is not the platform's own; for tests.
        service: A file that starts it as a service, too; None: none.
        bell: A URL of apprise to be told at, a secret; None: nobody is told.
    """

    folder: Path
    account: str
    platform: str
    url: str
    listen: str
    data_dir: Path
    endpoints: str | None = None
    service: Service | None = None
    bell: str | None = field(default=None, repr=False)

    @property
    def bell_file(self) -> Path | None:
        """Return the file of the URL to be told at."""
        return None if self.bell is None else self.folder / BELL

    @property
    def service_file(self) -> Path | None:
        """Return the file that starts it as a service."""
        return None if self.service is None else self.folder / NAMES[self.service]

    @property
    def told(self) -> tuple[str, str, str]:
        """Return what the configuration says: data_dir, http.listen and the token's file."""
        if self.service == "compose":
            return INSIDE_DATA, INSIDE_LISTEN, INSIDE_TOKEN
        return str(self.data_dir), self.listen, str(self.token)

    @property
    def config(self) -> Path:
        """Return the file of the configuration."""
        return self.folder / CONFIG

    @property
    def token(self) -> Path:
        """Return the file of ``http.token``, as ``--token-file`` takes it, too."""
        return self.folder / TOKEN
