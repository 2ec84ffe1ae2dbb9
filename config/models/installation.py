"""What holds for the whole installation: keys, listeners, limits and timeouts. DESIGN sections 3 and 5."""

import warnings
from pathlib import Path

from pydantic import Field

from config.addresses import TcpAddress, UnixAddress
from config.models.fields import Count, FilePath, Listen, Seconds, SocketListen, TcpListen
from config.models.section import Section


class KeysSettings(Section):
    """Keys of the installation itself."""

    master_file: FilePath = Field(
        default=Path("data/master.key"),
        description="The key that encrypts BSNs and stored private keys; made at the first start when absent.",
    )


# A model class also has the `register` of every abstract base class, and pydantic warns that our key hides it.
with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message='Field name "register"')

    class ListenSettings(Section):
        """Where the program listens: `host:port`, or `unix:path` for a socket."""

        manager: TcpListen = Field(
            default=TcpAddress("0.0.0.0", 8443),  # noqa: S104 - Peers come from anywhere; mTLS decides
            description="Managers of all tenants, mTLS, chosen by SNI name.",
        )
        inway: TcpListen = Field(
            default=TcpAddress("0.0.0.0", 443),  # noqa: S104 - Peers come from anywhere; mTLS decides
            description="Inways of all tenants, mTLS. May equal `manager`: then the SNI name tells them apart.",
        )
        register: Listen = Field(
            default=TcpAddress("127.0.0.1", 8000),
            description="The register for internal applications, authenticated by token.",
        )
        console: Listen = Field(
            default=TcpAddress("127.0.0.1", 8080), description="The console and the administration API."
        )
        admin: SocketListen = Field(
            default=UnixAddress(Path("data/admin.sock")),
            description="The socket (`unix:path`, mode 0600) through which the command line talks to the program.",
        )
        metrics: Listen = Field(
            default=TcpAddress("127.0.0.1", 9100), description="`/metrics`, `/health/live` and `/health/ready`."
        )


class LimitsSettings(Section):
    """How much a caller may send to Manager, register and administration; Inway and Outway stream any body."""

    max_body_bytes: Count = Field(default=10_485_760, description="Largest body of a request, in bytes; beyond: 413.")
    max_header_bytes: Count = Field(
        default=32_768, description="All header lines of a request together, in bytes; beyond: 431."
    )
    max_request_line_bytes: Count = Field(
        default=16_384, description="Method and target of a request, in bytes; beyond: 414."
    )
    max_json_depth: Count = Field(default=32, description="Levels of nesting in a JSON body; beyond: 400.")
    max_list_items: Count = Field(default=1_000, description="Items in one list of a JSON body; beyond: 400.")


class TimeoutSettings(Section):
    """How long the program waits, in seconds."""

    connect_seconds: Seconds = Field(
        default=5, description="To connect to a Peer or a service, TLS handshake included, in seconds."
    )
    read_seconds: Seconds = Field(
        default=60, description="For a Peer or a service that says nothing while an answer is due, in seconds."
    )
    header_seconds: Seconds = Field(
        default=10, description="For a caller to finish the TLS handshake and the header of a request, in seconds."
    )
    body_seconds: Seconds = Field(
        default=30, description="For a Peer to send the whole body of a request to a Manager, in seconds; beyond: 408."
    )
    idle_seconds: Seconds = Field(
        default=75, description="Before a caller's connection without a request is closed, in seconds."
    )
    peer_request_seconds: Seconds = Field(
        default=30, description="For one whole request of our Manager to another, in seconds."
    )
    shutdown_seconds: Seconds = Field(
        default=20, description="For requests under way to end when the program stops, in seconds."
    )
