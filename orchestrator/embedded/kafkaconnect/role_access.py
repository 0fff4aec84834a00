"""What a connector's workers get of their service execution role: credentials for AWS, tokens for Kafka."""

from __future__ import annotations

import hmac
import json
import logging
from typing import Any

from orchestrator.embedded.gateway.http import HttpRequest, HttpResponse
from orchestrator.embedded.gateway.service import AwsError
from orchestrator.embedded.kafkaconnect.model import Connector
from orchestrator.embedded.kafkaconnect.plane import ConnectPlane

_log = logging.getLogger(__name__)

SERVICE = "kafkaconnect.amazonaws.com"


class RoleAccess:
    """Assumes roles as the service, and hands out what they give to the workers that show their authorization.

    Args:
        plane: the connectors.
    """

    def __init__(self, plane: ConnectPlane) -> None:
        self._plane = plane

    def session(self, connector: Connector) -> Any:
        """Return a fresh session's credential.

        Its name is the connector's: brokers end a connection whose principal changes when it authenticates again.

        Raises:
            AwsError: the role does not exist, or does not trust the service.
        """
        sts = self._plane.context.peer("sts")
        name = f"{connector.spec.name[:40]}-{connector.uuid[:8]}"
        return sts.assume_for_service(SERVICE, connector.spec.role_arn, name, connector.arn)

    def answer(self, request: HttpRequest, connector_uuid: str, what: str) -> HttpResponse:
        """Answer a worker.

        Args:
            request: with the worker's authorization.
            connector_uuid: whose worker it says to be.
            what: `credentials` or `token`.
        """
        connector = self._plane.by_uuid(connector_uuid)
        shown = request.headers.get("authorization", "")
        if connector is None or not hmac.compare_digest(shown.encode(), connector.authorization.encode()):
            return _text(403, "not a worker of this connector")
        try:
            session = self.session(connector)
        except AwsError as error:
            return _text(403, error.message)
        if what == "token":
            return _text(200, self._token(session))
        expires = session.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ")
        document = {
            "AccessKeyId": session.access_key_id,
            "SecretAccessKey": session.secret,
            "Token": session.session_token,
            "Expiration": expires,
            "RoleArn": connector.spec.role_arn,
        }
        return HttpResponse(200, [("Content-Type", "application/json")], json.dumps(document).encode())

    def _token(self, session: Any) -> str:
        """Sign a token with AWS's own signer."""
        from aws_msk_iam_sasl_signer import MSKAuthTokenProvider
        from botocore.credentials import CredentialProvider, Credentials

        class Fixed(CredentialProvider):  # type: ignore[misc]
            METHOD = CANONICAL_NAME = "ephk"

            def load(self) -> Credentials:
                return Credentials(session.access_key_id, session.secret, session.session_token)

        region = self._plane.context.region
        token, _ = MSKAuthTokenProvider.generate_auth_token_from_credentials_provider(region, Fixed())
        return str(token)


def _text(status: int, text: str) -> HttpResponse:
    return HttpResponse(status, [("Content-Type", "text/plain; charset=utf-8")], text.encode())
