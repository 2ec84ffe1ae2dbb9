"""A Peer that a test plays, by the book: its Manager with keys, Contracts and tokens, its Inway, and all that it asks.

Standard: FSC Core, Manager, Inway and Outway; FSC Logging. What the program sends it is verified with the keys that the
program publishes; one that is wrong in any respect is not taken, and fails the file at its end.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from cryptography import x509

from tests.suite.contract import FSC_VERSION, GROUP, KINDS, content_hash, grant_hash, parties
from tests.suite.credential import Credential, JsonObject, Verified, peer_id_of, thumbprint_of, verify
from tests.suite.program import Program
from tests.suite.wire import Answer, Listener, Reply, Request, call, new_transaction_id

TOKEN_TTL_S = 600

Signers = dict[str, dict[str, str]]
"""Kind of signature -> Peer ID -> JWS."""


@dataclass
class KnownContract:
    """A Contract as a played Peer has it: what it signed itself and what was brought to it."""

    content: JsonObject
    signatures: Signers = field(default_factory=lambda: {kind: {} for kind in KINDS})


class PlayedPeer:
    """One Peer. `credential` is the certificate with which it connects and signs."""

    def __init__(self, name: str, credential: Credential) -> None:
        self.name = name
        self.credential = credential
        self.peer_id = peer_id_of(credential.certificate)
        self.contracts: dict[str, KnownContract] = {}
        self.announced: dict[str, JsonObject] = {}
        self.issued: dict[str, JsonObject] = {}
        self.token_answer: Callable[[dict[str, str], x509.Certificate], Reply] = self.issue_token
        self.manager = Listener(self._as_manager, credential)
        self.inway = Listener(lambda _: Reply.of({"inway": self.name}), credential)
        self.manager_url = f"https://manager.{name}.localhost:{self.manager.port}"
        self.inway_url = f"https://inway.{name}.localhost:{self.inway.port}"

    @property
    def key_thumbprint(self) -> str:
        """The thumbprint of the key with which its Outway connects."""
        return self.credential.key_thumbprint

    def close(self) -> None:
        """Listen no more."""
        self.manager.close()
        self.inway.close()

    @property
    def faults(self) -> list[Exception]:
        """What was wrong with what it was sent."""
        return self.manager.faults + self.inway.faults

    # -- what it asks of the program

    def ask(
        self,
        program: Program,
        method: str,
        path: str,
        *,
        credential: Credential | None = None,
        body: bytes = b"",
        **headers: str,
    ) -> Answer:
        """A request to the Manager of the program, in our name, at the place that we say we are."""
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        sent = {"Fsc-Manager-Address": self.manager_url, **named}
        answer = call(credential or self.credential, method, f"{program.manager_url}/v1{path}", headers=sent, body=body)
        assert answer.peer_id == program.peer_id
        return answer

    def get(self, program: Program, path: str, **query: str) -> Any:
        """The JSON at `path`."""
        answer = self.ask(program, "GET", f"{path}?{urlencode(query)}" if query else path)
        assert answer.status == 200, answer.body
        return answer.json()

    def announce(self, program: Program) -> None:
        """Tell the program where our Manager is."""
        assert self.ask(program, "PUT", "/announce").status == 200

    def signature(self, kind: str, content: JsonObject, algorithm: str | None = None) -> str:
        """Our signature over `content`."""
        payload = {"contract_content_hash": content_hash(content), "type": kind, "signed_at": int(time.time())}
        return self.credential.sign(payload, algorithm)

    def submit(self, content: JsonObject, to: Program, signature: str | None = None) -> Answer:
        """Submit a Contract with our accept signature, or with another one."""
        jws = signature or self._signed("accept", content)
        return self._bring("POST", "/contracts", content, jws, to)

    def put(
        self, kind: str, content: JsonObject, to: Program, *, signature: str | None = None, url_hash: str | None = None
    ) -> Answer:
        """Place our signature of `kind` on a Contract, or another one."""
        jws = signature or self._signed(kind, content)
        path = f"/contracts/{quote(url_hash or content_hash(content), safe='')}/{kind}"
        return self._bring("PUT", path, content, jws, to)

    def own_signature(self, content: JsonObject, kind: str) -> str:
        """The signature of this kind that we gave."""
        return self.contracts[content_hash(content)].signatures[kind][self.peer_id]

    def signed_at(self, program: Program, content: JsonObject) -> Signers | None:
        """What the program shows us under a Contract; None when it shows us no such Contract."""
        listed = self.get(program, "/contracts", grant_hash=grant_hash(content))["contracts"]
        found = [one["signatures"] for one in listed if one["content"] == content]
        assert len(found) == len(listed) <= 1
        return found[0] if found else None

    def signers_at(self, program: Program, content: JsonObject, kind: str) -> set[str]:
        """Whose signatures of `kind` the program shows us under a Contract that it has."""
        signatures = self.signed_at(program, content)
        assert signatures is not None
        return set(signatures[kind])

    def ask_token(self, program: Program, scope: str, *, credential: Credential | None = None, **form: str) -> Answer:
        """Request an access token; a field of `form` that is empty is left out."""
        fields = {"grant_type": "client_credentials", "scope": scope, "client_id": self.peer_id, **form}
        body = urlencode({name: value for name, value in fields.items() if value}).encode()
        return self.ask(
            program,
            "POST",
            "/token",
            credential=credential,
            body=body,
            Content_Type="application/x-www-form-urlencoded",
        )

    def token(self, program: Program, scope: str) -> str:
        """An access token."""
        answer = self.ask_token(program, scope)
        assert answer.status == 200, answer.body
        text: str = answer.json()["access_token"]
        return text

    def through(
        self,
        program: Program,
        token: str | None,
        path: str = "/",
        *,
        transaction_id: str | None = "new",
        credential: Credential | None = None,
    ) -> Answer:
        """As our Outway: a request to the Inway of the program."""
        headers = {} if token is None else {"Fsc-Authorization": f"Bearer {token}"}
        if transaction_id is not None:
            headers["Fsc-Transaction-Id"] = new_transaction_id() if transaction_id == "new" else transaction_id
        return call(credential or self.credential, "GET", f"{program.inway_url}{path}", headers=headers)

    def records(self, program: Program, transaction_id: str) -> list[JsonObject]:
        """What the transaction log of the program shows us of one transaction."""
        found: list[JsonObject] = self.get(program, "/logs", transaction_ids=transaction_id)["records"]
        return found

    def verified(self, jws: str, program: Program) -> Verified:
        """A JWS of the program, verified with the keys that it publishes."""
        return verify(jws, self.get(program, "/.well-known/jwks.json"), self.credential.root_file)

    # -- what it answers

    def issue_token(self, form: dict[str, str], client: x509.Certificate) -> Reply:
        """A token for a Grant that we know, bound to the certificate of the client."""
        return self.token_reply(self.claims(form, client))

    def claims(self, form: dict[str, str], client: x509.Certificate) -> JsonObject:
        """What the token says that is asked for."""
        assert form.keys() == {"grant_type", "scope", "client_id"}
        assert (form["grant_type"], form["client_id"]) == ("client_credentials", peer_id_of(client))
        grant = self._grant(form["scope"])
        claims: JsonObject = {
            "gth": form["scope"],
            "gid": GROUP,
            "sub": form["client_id"],
            "iss": self.peer_id,
            "svc": grant["service"]["name"],
            "aud": self.inway_url,
            "exp": int(time.time()) + TOKEN_TTL_S,
            "nbf": int(time.time()) - 60,
            "cnf": {"x5t#S256": thumbprint_of(client)},
            "add": {},
        }
        if "delegator" in grant:
            claims["act"] = {"sub": grant["delegator"]["peer_id"]}
        if "delegator" in grant["service"]:
            claims["pdi"] = grant["service"]["delegator"]["peer_id"]
        if "properties" in grant:
            claims["prp"] = grant["properties"]
        return claims

    def token_reply(self, claims: JsonObject) -> Reply:
        """The answer of a token endpoint, whatever it claims."""
        token = self.credential.sign(claims)
        self.issued[token] = claims
        return Reply.of({"access_token": token, "token_type": "bearer"})

    def holds(self, content: JsonObject, kind: str) -> set[str]:
        """Whose signatures of `kind` we hold under a Contract."""
        known = self.contracts.get(content_hash(content))
        return set() if known is None else set(known.signatures[kind])

    def _as_manager(self, request: Request) -> Reply:
        target = urlsplit(request.path)
        query = {name: values[0].split(",") for name, values in parse_qs(target.query).items()}
        match request.method, target.path.split("/")[2:]:
            case "GET", [".well-known", "jwks.json"]:
                return Reply.of({"keys": [self.credential.jwk()]})
            case "GET", ["peer"]:
                return Reply.of({"peer_id": self.peer_id, "peer_name": self.name, "fsc_version": FSC_VERSION})
            case "GET", ["peers"]:
                ids = query.get("peer_id", list(self.announced))
                return _page("peers", [self.announced[one] for one in ids if one in self.announced])
            case "GET", ["contracts"]:
                return _page("contracts", self._listed(request.caller, query.get("grant_hash")))
            case "PUT", ["announce"]:
                address = request.headers["Fsc-Manager-Address"]
                self.announced[request.caller] = {"id": request.caller, "name": "A Peer", "manager_address": address}
                return Reply()
            case "POST", ["contracts"]:
                return self._receive(request, "accept", None)
            case "PUT", ["contracts", path_hash, kind]:
                return self._receive(request, kind, unquote(path_hash))
            case "POST", ["token"]:
                assert request.leaf is not None
                form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
                return self.token_answer(form, request.leaf)
        return Reply(404)

    def _listed(self, caller: str, grant_hashes: list[str] | None) -> list[JsonObject]:
        """The Contracts of the caller, or those of them that have one of these Grants."""
        named = [known for known in list(self.contracts.values()) if caller in parties(known.content)]
        return [
            {"content": known.content, "signatures": known.signatures}
            for known in named
            if grant_hashes is None or set(grant_hashes) & set(_grant_hashes(known.content))
        ]

    def _receive(self, request: Request, kind: str, path_hash: str | None) -> Reply:
        """Keep a signature of another Peer, once it is seen to be right in every respect."""
        body = json.loads(request.body)
        content, jws = body["contract_content"], body["signature"]
        assert {request.caller, self.peer_id} <= parties(content)
        assert path_hash in (None, content_hash(content))
        keys = call(self.credential, "GET", f"{request.headers['Fsc-Manager-Address']}/v1/.well-known/jwks.json")
        assert keys.peer_id == request.caller
        signature = verify(jws, keys.json(), self.credential.root_file)
        assert signature.peer_id == request.caller
        assert set(signature.payload) == {"contract_content_hash", "type", "signed_at"}
        assert signature.payload["type"] == kind
        assert signature.payload["contract_content_hash"] == content_hash(content)
        self._keep(content, kind, request.caller, jws)
        return Reply(201)

    def _bring(self, method: str, path: str, content: JsonObject, jws: str, to: Program) -> Answer:
        body = json.dumps({"contract_content": content, "signature": jws}).encode()
        return self.ask(to, method, path, body=body, Content_Type="application/json")

    def _signed(self, kind: str, content: JsonObject) -> str:
        jws = self.signature(kind, content)
        self._keep(content, kind, self.peer_id, jws)
        return jws

    def _keep(self, content: JsonObject, kind: str, signer: str, jws: str) -> None:
        known = self.contracts.setdefault(content_hash(content), KnownContract(content))
        known.signatures[kind][signer] = jws

    def _grant(self, wanted: str) -> JsonObject:
        for known in list(self.contracts.values()):
            for item, its_hash in zip(known.content["grants"], _grant_hashes(known.content), strict=True):
                if its_hash == wanted:
                    grant: JsonObject = item["data"]
                    return grant
        raise AssertionError(f"a token is asked for a Grant that we do not know: {wanted}")


def _grant_hashes(content: JsonObject) -> list[str]:
    return [grant_hash(content, index) for index in range(len(content["grants"]))]


def _page(name: str, items: list[JsonObject]) -> Reply:
    """A list that is all there is."""
    return Reply.of({name: items, "pagination": {"next_cursor": ""}})
