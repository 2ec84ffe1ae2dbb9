"""The additional-claims service of a tenant: what it adds to an access token, or that there must be none.

Standard: FSC Core, access token, claim `add`; the request and its answer as OpenFSC has them (FSC.md 6).

Only a 200 with an object `add` is a yes. 400 and 422 refuse the token; anything else leaves the question open, and then
there is no token either.
"""

import logging

from config.settings import AdditionalClaimsSettings
from gateway.fsc.jcs import JsonObject
from gateway.fsc.oauth import OAuthError, OAuthErrorCode, OAuthTemporarilyUnavailable
from gateway.http.json_client import JsonAnswer, JsonClient, NoAnswer, printable_text

_log = logging.getLogger(__name__)

PATH = "/v1/additional-claims"
_REFUSED = (400, 422)


async def additional_claims(
    client: JsonClient, settings: AdditionalClaimsSettings, grant_data: JsonObject
) -> JsonObject:
    """The claim `add` of a token for this Grant.

    Shape: `grant_data` is the Grant as the Contract has it.
    Raises: OAuthError unauthorized_client, OAuthTemporarilyUnavailable.
    """
    url = f"{settings.url}{PATH}"
    try:
        return read_claims(await client.post(url, {"grant": {"data": grant_data}}, timeout_s=settings.timeout_seconds))
    except NoAnswer as error:
        _log.warning("additional_claims_unavailable", extra={"url": url, "reason": str(error)})
        raise OAuthTemporarilyUnavailable(
            "the provider cannot complete the claims of the token now; try again later"
        ) from error


def read_claims(answer: JsonAnswer) -> JsonObject:
    """The claims in the answer of the service. Raises: OAuthError unauthorized_client; NoAnswer when it is neither."""
    if answer.status in _REFUSED:
        said = printable_text(answer.body.get("message"))
        raise OAuthError(
            OAuthErrorCode.UNAUTHORIZED_CLIENT,
            f"the provider adds claims to its tokens and refuses this one{f': {said}' if said else ''}",
        )
    if answer.status != 200:
        raise NoAnswer(f"it answered with status {answer.status}")
    added = answer.body.get("add")
    if not isinstance(added, dict):
        raise NoAnswer("its answer has no object `add`")
    return added
