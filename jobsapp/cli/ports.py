"""The port of the web server: is it free, and does somebody answer there?"""

from __future__ import annotations

import errno
import http.client
import socket

from jobsapp.errors import ConfigError

ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - compared, not bound
ANSWER_SECONDS = 5.0


def require_free(host: str, port: int) -> None:
    """Raises ConfigError unless a server may listen there."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            fault = f"Port {port} is taken by another program: stop that, or choose another with JOBSAPP_PORT."
        elif error.errno == errno.EACCES:
            fault = f"Port {port} needs more rights: choose one above 1023 with JOBSAPP_PORT."
        else:
            fault = f"JOBSAPP_HOST={host!r} is not an address of this machine ({error.strerror})."
        raise ConfigError(fault) from None


def is_ready(host: str, port: int) -> bool:
    """Whether `GET /readyz` is answered by 200."""
    connection = http.client.HTTPConnection(ANY_ADDRESS.get(host, host), port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
