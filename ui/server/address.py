"""The address of the page, and which Host headers name it."""

import ipaddress
import re
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from retriever.errors import IsthmusError

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "::1")
HOST_HEADER = re.compile(r"(?:\[([0-9a-f:.]+)\]|([^\s:@/\\\[\]?#]+))(?::[0-9]{1,5})?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Address:
    """Where the page listens, and the address that a proxy before it has, if there is one.

    >>> Address("127.0.0.1", 7860).origin("localhost:7860")
    'http://localhost:7860'
    >>> Address("127.0.0.1", 7860).origin("attacker.example:7860")
    >>> Address("127.0.0.1", 7860, "https://help.example").origin("help.example")
    'https://help.example'
    """

    host: str
    port: int
    public_url: str | None = None

    @property
    def name(self) -> str:
        """The host without the brackets of IPv6."""
        return self.host.strip("[]")

    @property
    def is_loopback(self) -> bool:
        """Whether only programs on this machine reach the page."""
        ip = _ip_address(self.name)
        return ip.is_loopback if ip else self.name.lower() == "localhost"

    @property
    def is_every_interface(self) -> bool:
        """Whether the page listens on every address of the machine."""
        ip = _ip_address(self.name)
        return ip.is_unspecified if ip else not self.name

    @property
    def url(self) -> str:
        """What people open on this machine."""
        name = "localhost" if self.is_every_interface else self.name
        return f"http://{f'[{name}]' if ':' in name else name}:{self.port}"

    def origin(self, host_header: str) -> str | None:
        """The origin of the page under the name that a Host header gives it; None if it has no such name.

        The port may be that of a tunnel. A page on every interface answers to any IP address and to the machine's name:
        DNS rebinding, which brings another site's pages here, needs a domain name.
        """
        named = host_header.lower()
        if self.public_url and named == (public := urlsplit(self.public_url.lower())).netloc:
            return f"{public.scheme}://{named}"
        match = HOST_HEADER.fullmatch(named)
        if not match:
            return None
        name = match[1] or match[2]
        is_own = name in (*LOOPBACK_NAMES, self.name.lower())
        is_address = self.is_every_interface and (_ip_address(name) is not None or name == socket.gethostname().lower())
        return f"http://{named}" if is_own or is_address else None

    def bind(self) -> socket.socket:
        """A socket at the address that does not listen yet. Raises IsthmusError."""
        listener = socket.socket(socket.AF_INET6 if ":" in self.name else socket.AF_INET)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((self.name, self.port))
        except OSError as error:
            listener.close()
            raise IsthmusError(
                f"The page cannot be opened at {self.host}:{self.port} ({error.strerror}); "
                "choose another port or host with --port or --host."
            ) from error
        return listener


def _ip_address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None
