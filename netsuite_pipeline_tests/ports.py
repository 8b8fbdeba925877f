"""Ports for servers that other processes start."""

import secrets
import socket

# Below the ports that Linux gives to outgoing connections (32768 and up): nothing takes one of these between the
# choice and the server's start, which is seconds later, or while a killed server is started again.
_FIRST, _COUNT = 15_000, 17_000


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens."""
    while True:
        port = _FIRST + secrets.randbelow(_COUNT)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
