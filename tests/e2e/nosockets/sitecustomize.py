"""Python without a network, for a run of the workflow: connections reach this machine only."""

import socket

connect = socket.socket.connect


def connect_here(self: socket.socket, address) -> None:
    if self.family in (socket.AF_INET, socket.AF_INET6) and not str(address[0]).startswith(("127.", "::1")):
        raise OSError(101, "Network is unreachable")
    return connect(self, address)


socket.socket.connect = connect_here
