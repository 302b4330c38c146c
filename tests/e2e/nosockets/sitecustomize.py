"""Python without a network, for a run of the workflow: connections and look-ups reach this machine only."""

import socket

connect, getaddrinfo = socket.socket.connect, socket.getaddrinfo


def local(host: object) -> bool:
    name = host.decode() if isinstance(host, bytes) else host
    return name in (None, "", "::1", "localhost", socket.gethostname()) or str(name).startswith("127.")


def connect_here(self: socket.socket, address) -> None:
    if self.family in (socket.AF_INET, socket.AF_INET6) and not local(address[0]):
        raise OSError(101, "Network is unreachable")
    return connect(self, address)


def look_up_here(host, *arguments, **options):
    if not local(host):
        raise socket.gaierror(-3, "Temporary failure in name resolution")
    return getaddrinfo(host, *arguments, **options)


socket.socket.connect, socket.getaddrinfo = connect_here, look_up_here
