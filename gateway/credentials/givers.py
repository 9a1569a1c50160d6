"""Who gives credentials: a file, the environment, a function, a service."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from actors.identity import Why
from actors.values import AccountId, Failure
from gateway import arguments, regular_files
from gateway.credentials.failures import failure
from gateway.credentials.given import (
    LARGEST_BYTES,
    Given,
    GiverError,
    checked,
    parsed,
    usable,
)
from gateway.http_messages import HttpRequest

if TYPE_CHECKING:
    from gateway.transport.https import HttpsClient

OK: Final = 200
_CALLED_WITH: Final = ("account", "why", "refused_version")


class FileGiver:
    """A JSON file, read each time.

    Args:
        path: Of the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.where = f"{path}"

    def stamp(self) -> object:
        """Return what a file that was written again, replaced or let be read has not."""
        try:
            found = self._path.stat()
        except (OSError, ValueError) as error:
            return type(error).__name__
        return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns

    def look(self) -> Given:
        """Read it."""
        return self.ask(Why.START, 0)

    def ask(self, why: Why, version: int) -> Given:
        """Read it."""
        del why, version
        try:
            _, content = regular_files.read(self._path, most_bytes=LARGEST_BYTES)
        except FileNotFoundError:
            told = "there is no such file; have it written, or correct path"
        except PermissionError:
            told = "this user may not read it; change its owner or mode"
        except regular_files.NotRegularError:
            told = "it cannot be read (it is a pipe or a device); correct path"
        except (OSError, ValueError) as error:
            why_not = getattr(error, "strerror", None) or "no path can be that"
            told = f"it cannot be read ({why_not}); correct path"
        else:
            return parsed(content, self.where)
        raise ValueError(f"{self.where}: {told}")


class EnvironmentGiver:
    """Variables of the environment, read each time.

    Args:
        names: Variable of each of user_id, device_id, token, cookie.
        environment: Of the process.
    """

    def __init__(
        self, names: Mapping[str, str], environment: Mapping[str, str] = os.environ
    ) -> None:
        self._names = names
        self._environment = environment
        many = "variables" if len(names) > 1 else "variable"
        self.where = f"the environment {many} {', '.join(names.values())}"

    def stamp(self) -> object:
        """Return what the variables hold; it is not shown."""
        return _Unshown(hash(tuple(self._environment.get(name) for name in self._names.values())))

    def look(self) -> Given:
        """Read them."""
        return self.ask(Why.START, 0)

    def ask(self, why: Why, version: int) -> Given:
        """Read them."""
        del why, version
        found = {key: self._environment.get(name) for key, name in self._names.items()}
        name = self._names.get("token", "")
        if not found.get("token"):
            what = "is not set" if found.get("token") is None else "is empty"
            raise ValueError(
                f"the environment variable {name} {what}; set it to the token and start the "
                "gateway again"
            )
        values: dict[str, Any] = {key: value for key, value in found.items() if value}
        return usable(Given(**values), self.where)


class FunctionGiver:
    """A function of the host's, imported when it is first asked.

    Args:
        account: Our name of the account.
        call: ``module:function``.
    """

    def __init__(self, account: AccountId, call: str) -> None:
        self._account = account
        self.where = call

    def stamp(self) -> object:
        """Return None: what it asks may cost somebody something."""
        return None

    def look(self) -> None:
        """Import it."""
        self._function()

    def ask(self, why: Why, version: int) -> Given:
        """Call it; what it raises is told by type and place, the text of a ValueError too."""
        function = self._function()
        try:
            found = function(self._account, why.value, version)
        except ValueError as error:
            raise ValueError(f"{self.where}: {error}") from None
        except Exception as error:  # noqa: BLE001  # strangers' code
            raise self._failed("raised", error) from None
        if inspect.iscoroutine(found):
            found.close()
            raise ValueError(f"{self.where}: it is async; write it as a plain function")
        return checked(found, self.where)

    def _function(self) -> Callable[..., object]:
        module_name, _, name = self.where.partition(":")
        importlib.invalidate_caches()  # it may have been written since
        try:
            module = importlib.import_module(module_name)
        except ModuleNotFoundError as error:
            if error.name is not None and f"{module_name}.".startswith(f"{error.name}."):
                raise ValueError(
                    f"{self.where}: there is no module {error.name}; correct call, install it, or "
                    "put its folder into PYTHONPATH"
                ) from None
            raise ValueError(
                f"{self.where}: its module needs the module {error.name}, which is not here; "
                "install that"
            ) from None
        except Exception as error:  # noqa: BLE001  # strangers' code
            raise self._failed("cannot be imported:", error) from None
        function = getattr(module, name, None)
        if function is None:
            step = "correct call, or write it and start the gateway again"
            raise ValueError(f"{self.where}: its module has no {name}; {step}")
        if not callable(function):
            kind = arguments.kind(function)
            told = f"{self.where}: it is {kind}, not a function; correct call"
            raise ValueError(told)  # noqa: TRY004  # of a file, not of a caller
        try:
            inspect.signature(function).bind(*_CALLED_WITH)
        except TypeError:
            step = f"define it as {name}({', '.join(_CALLED_WITH)})"
            raise ValueError(f"{self.where}: it cannot be called so; {step}") from None
        except ValueError:  # it is written in C and does not say
            pass
        called: Callable[..., object] = function
        return called

    def _failed(self, what: str, error: Exception) -> GiverError:
        """Return the failure of strangers' code, by type and place: its text may hold a secret."""
        frames = traceback.extract_tb(error.__traceback__)
        at = frames[-1] if frames else None
        place = "" if at is None else f" in {Path(at.filename).name}, line {at.lineno}"
        if isinstance(error, SyntaxError):
            place = f" in {Path(error.filename or '?').name}, line {error.lineno}"
        told = f"{self.where} {what} {type(error).__name__}{place}; correct it"
        return GiverError(failure("source_failed", f"Account {self._account}: {told}."))


class ServiceGiver:
    """A service, asked by POST.

    Args:
        account: Our name of the account.
        url: Where.
        bearer: Sent along.
        client: Performs the request, over the account's proxy.
        request_s: Seconds an answer may take.
    """

    def __init__(
        self,
        account: AccountId,
        url: str,
        bearer: str | None,
        *,
        client: HttpsClient,
        request_s: float,
    ) -> None:
        self._account = account
        self._url = url
        self._client = client
        self._request_s = request_s
        self._headers = {"accept": "application/json", "content-type": "application/json"}
        if bearer:
            self._headers["authorization"] = f"Bearer {bearer}"
        parts = urlsplit(url)
        # A name and password before the host, and a query, may be secrets.
        self.where = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    def stamp(self) -> object:
        """Return None: to ask costs the service something."""
        return None

    def look(self) -> None:
        """Ask nobody."""

    def ask(self, why: Why, version: int) -> Given:
        """Ask it."""
        body = {"account": self._account, "why": why.value, "refused_version": version}
        answer = self._client.perform(
            HttpRequest(
                method="POST", url=self._url, headers=self._headers, body=json.dumps(body).encode()
            ),
            deadline_s=self._request_s,
        )
        if isinstance(answer, Failure):
            raise GiverError(answer)
        if answer.status != OK:
            step = _step(answer.status)
            raise ValueError(f"{self.where} answered status {answer.status}, not 200; {step}")
        return parsed(answer.body, f"the answer of {self.where}")


class _Unshown:
    """Equal if what it stands for is; shows nothing."""

    def __init__(self, digest: int) -> None:
        self._digest = digest

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Unshown) and other._digest == self._digest

    def __hash__(self) -> int:
        return self._digest


def _step(status: int) -> str:
    """Return what a person does about a status."""
    if status in {401, 403}:
        return "correct bearer, or let the service take it"
    if status in {404, 405, 410}:
        return "correct url: the service takes a POST there"
    if 300 <= status < 400:
        return "redirects are not followed: write the address it leads to into url"
    return "look at the service and its log"
