"""TLS: one context for all links with the same options, and the handshake under a deadline.

A context of its own costs a link 866 KB and 21 ms, a shared one 28 KB. ``ssl`` is imported
with the first ``wss`` dialer, not with this module.
"""

from __future__ import annotations

import dataclasses
import socket
import threading
from typing import TYPE_CHECKING

from gateway.transport.timed import Deadline

if TYPE_CHECKING:
    import ssl


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TlsOptions:
    """How the server's certificate is judged.

    Attributes:
        ca_file: PEM file with the only authorities to trust; None: the system's.
        verify: False accepts any certificate; for tests on a bench, never for accounts.
        server_name: Name for SNI and the check; None: the host of the URL.
    """

    ca_file: str | None = None
    verify: bool = True
    server_name: str | None = None


_contexts: dict[tuple[str | None, bool], ssl.SSLContext] = {}
_making = threading.Lock()


def shared_context(options: TlsOptions) -> ssl.SSLContext:
    """Give the process's context for these options.

    Raises:
        ValueError: ``ca_file`` can not be used; names the setting, the file and the cause.
    """
    import ssl  # noqa: PLC0415 - 10 ms that plain links and ``--help`` need not pay

    key = (options.ca_file, options.verify)
    with _making:
        context = _contexts.get(key)
        if context is None:
            try:
                context = ssl.create_default_context(cafile=options.ca_file)
            except OSError as error:  # ssl.SSLError is one
                cause = error.strerror or type(error).__name__
                raise ValueError(
                    f"tls.ca_file: {options.ca_file} can not be used ({cause}); "
                    "give a readable PEM file with the certificate of the authority"
                ) from None
            if not options.verify:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            _contexts[key] = context
        return context


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
