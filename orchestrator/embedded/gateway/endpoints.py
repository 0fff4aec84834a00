"""VPC endpoints: a request that says through which one it came is held to that endpoint's policy.

Every request reaches the embedded cloud over loopback, so no packet shows a way through a VPC. A client that stands for
something inside of a VPC says so itself, in a signed header; nothing on AWS has this header. What it says only ever
takes away by the endpoint's own policy, and sets `aws:SourceVpce` and `aws:SourceVpc`, by which a policy may let in or
keep out. Since anybody here may say it, a condition on these keys proves how a policy decides, and guards nothing.
"""

from __future__ import annotations

from orchestrator.embedded.gateway.http import HttpRequest
from orchestrator.embedded.gateway.models import Target
from orchestrator.embedded.gateway.moto_state import MotoState, moto_lock
from orchestrator.embedded.gateway.service import AwsError, Endpoint
from orchestrator.embedded.gateway.sigv4 import Presented, SignatureError
from orchestrator.environment import VPC_ENDPOINT_HEADER as HEADER


def endpoint_of(
    request: HttpRequest, presented: Presented | None, target: Target, moto: MotoState, region: str
) -> Endpoint | None:
    """Return the endpoint that a request names, None when it names none.

    Args:
        request: as it was sent.
        presented: its signature; None for a request without one.
        target: what it asks for.
        moto: the account's endpoints.
        region: the request's region.

    Raises:
        SignatureError: the header is not signed.
        AwsError: the account has no such endpoint for this service and region.
    """
    named = request.headers.get(HEADER)
    if named is None:
        return None
    if presented is not None and HEADER not in presented.signed_headers:
        raise SignatureError("unsigned-header", f"There were headers present which were not signed: {HEADER}")
    with moto_lock:
        found = moto.backend("ec2", region).vpc_end_points.get(named)
        state = "" if found is None else str(found.state).lower()
        if found is None or state != "available":
            raise AwsError("InvalidVpcEndpointId.NotFound", f"The VPC endpoint ID '{named}' does not exist", 400)
        service = f"com.amazonaws.{region}.{target.signing_name}"
        if found.service_name != service:
            raise AwsError(
                "InvalidParameter", f"The endpoint {named} leads to {found.service_name}, not {service}", 400
            )
        return Endpoint(str(found.id), str(found.vpc_id), str(found.policy_document))
