"""TLS: one context for all links with the same options, and the handshake under a deadline.

A context of its own costs a link 866 KB and 21 ms, a shared one 28 KB. ``ssl`` is imported
with the first ``wss`` dialer, not with this module.
"""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from gateway.settings import TlsSettings
from gateway.transport.timed import Deadline

if TYPE_CHECKING:
    import ssl


_Stamp: TypeAlias = tuple[int, ...] | None
"""What tells a file from the one it was: None where there is none."""

_contexts: dict[tuple[str | None, bool], tuple[_Stamp, ssl.SSLContext]] = {}
_making = threading.Lock()


def shared_context(options: TlsSettings) -> ssl.SSLContext:
    """Return the process's context for these options, made anew when ``ca_file`` was renewed.

    A renewed file that cannot be used, as one that is being written, changes nothing yet.

    Raises:
        ValueError: ``ca_file`` cannot be used; names the setting, the file and the cause.
    """
    import ssl  # noqa: PLC0415 - 10 ms that plain links and ``--help`` need not pay

    key = (options.ca_file, options.verify)
    with _making:
        stamp = _stamp(options.ca_file)
        known, context = _contexts.get(key, (None, None))
        if context is None or known != stamp:
            try:
                made = ssl.create_default_context(cafile=options.ca_file)
            except OSError as error:  # ssl.SSLError is one
                if context is not None:
                    return context
                cause = error.strerror or type(error).__name__
                raise ValueError(
                    f"tls.ca_file: {options.ca_file} cannot be used ({cause}); "
                    "give a readable PEM file with the certificate of the authority"
                ) from None
            if not options.verify:
                made.check_hostname = False
                made.verify_mode = ssl.CERT_NONE
            _contexts[key] = stamp, made
            return made
        return context


def _stamp(file: str | None) -> _Stamp:
    try:
        found = Path(file).stat() if file is not None else None
    except OSError:
        return None
    return found and (found.st_mtime_ns, found.st_ino, found.st_size)


def system_store_is_empty() -> bool:
    """Return True if this system trusts no authority, so that no certificate can be valid."""
    import ssl  # noqa: PLC0415 - as above

    # What is loaded is counted; what lies in a folder is read when it is needed.
    if shared_context(TlsSettings()).cert_store_stats()["x509_ca"]:
        return False
    paths = ssl.get_default_verify_paths()
    folders = os.environ.get(paths.openssl_capath_env, paths.openssl_capath)
    return not any(map(_holds_authorities, folders.split(os.pathsep)))


def _holds_authorities(folder: str) -> bool:
    try:
        return any(file.suffix[1:].isdecimal() for file in Path(folder).iterdir())
    except OSError:
        return False


def secure(
    sock: socket.socket, context: ssl.SSLContext, *, server_name: str, until: Deadline
) -> ssl.SSLSocket:
    """Shake hands; closes the socket if that fails.

    Raises:
        ssl.SSLCertVerificationError: The certificate is not trusted or not for this name.
        OSError: Anything else, TimeoutError at the deadline.
    """
    try:
        sock.getpeername()  # a reset found inside wrap_socket leaves its half-made socket open
        secured = context.wrap_socket(
            sock, server_hostname=server_name, do_handshake_on_connect=False
        )
    except BaseException:
        sock.close()
        raise
    try:
        secured.settimeout(until.left())
        secured.do_handshake()
    except BaseException:
        secured.close()
        raise
    return secured
