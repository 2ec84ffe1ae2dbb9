"""How the command line talks to a running installation: the administration API over the admin socket."""

import argparse
import http.client
import json
import socket
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from config.addresses import UnixAddress
from config.settings import Settings
from klantenregister.errors import Failed, NotRunning, WrongUsage
from klantenregister.settings_file import read_settings

_TIMEOUT_S = 60
DEFAULT_CONFIG = Path("klantenregister.yaml")


class _SocketConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=_TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(_TIMEOUT_S)
        self.sock.connect(str(self._path))


class AdminClient:
    """One running installation."""

    def __init__(self, settings: Settings) -> None:
        address = settings.listen.admin
        assert isinstance(address, UnixAddress)
        self._socket = address.path
        self._slugs = tuple(tenant.slug for tenant in settings.tenants)

    def call(self, method: str, path: str, body: object = None, **query: str | None) -> Any:
        """The answer's JSON (None without a body). Raises: NotRunning; Failed with the reason it gives."""
        parameters = urlencode({name: value for name, value in query.items() if value is not None})
        target = f"/admin/v1{path}{'?' if parameters else ''}{parameters}"
        connection = _SocketConnection(self._socket)
        try:
            sent = None if body is None else json.dumps(body).encode()
            connection.request(method, target, sent, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise NotRunning(
                f"no running installation answers on {self._socket} ({reason}): start it with `klantenregister serve`, "
                "and run this command as the same user"
            ) from error
        finally:
            connection.close()
        try:
            content = json.loads(text) if text else None
        except ValueError as error:
            raise Failed(f"what answers on {self._socket} is not this program: check listen.admin") from error
        if answer.status >= http.client.BAD_REQUEST:
            raise Failed(_detail(content) or f"refused with status {answer.status}")
        return content

    def tenant_path(self, slug: str | None, rest: str = "") -> str:
        """The path of one tenant; without `slug` the only one there is. Raises: WrongUsage."""
        if slug is None:
            if len(self._slugs) != 1:
                raise WrongUsage(f"say which tenant with --tenant: {', '.join(self._slugs) or 'there is none'}")
            slug = self._slugs[0]
        return f"/tenants/{quote(slug, safe='')}{rest}"


def _detail(problem: object) -> str:
    """What RFC 9457 problem details say; empty when they are none."""
    return str(problem.get("detail") or "") if isinstance(problem, dict) else ""


def add_options(parser: argparse.ArgumentParser, *, tenant: bool = True) -> None:
    """The options of every command that talks to a running installation."""
    parser.add_argument(
        "--config",
        type=Path,
        default=DEFAULT_CONFIG,
        metavar="FILE",
        help=f"configuration of the running installation (default: {DEFAULT_CONFIG})",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    if tenant:
        parser.add_argument("--tenant", metavar="SLUG", help="which tenant; needed when there are more than one")


def client_of(arguments: argparse.Namespace) -> AdminClient:
    """The installation that the options of `add_options` mean. Raises: WrongUsage."""
    if arguments.config == DEFAULT_CONFIG and not DEFAULT_CONFIG.exists():
        raise WrongUsage(f"there is no {DEFAULT_CONFIG} here: name the configuration with --config FILE")
    return AdminClient(read_settings(arguments.config))
