"""Python without a network, for a run of the workflow: connections and look-ups reach this machine only."""

import ipaddress
import socket

_connect, _getaddrinfo = socket.socket.connect, socket.getaddrinfo


def _local(host: str | bytes | None) -> bool:
    name = host.decode() if isinstance(host, bytes) else host
    try:
        return name in (None, "", "localhost", socket.gethostname()) or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def connect(self: socket.socket, address) -> None:
    if self.family in (socket.AF_INET, socket.AF_INET6) and not _local(address[0]):
        raise OSError(101, "Network is unreachable")
    return _connect(self, address)


def getaddrinfo(host, *arguments, **options):
    if not _local(host):
        raise socket.gaierror(-3, "Temporary failure in name resolution")
    return _getaddrinfo(host, *arguments, **options)


socket.socket.connect, socket.getaddrinfo = connect, getaddrinfo
