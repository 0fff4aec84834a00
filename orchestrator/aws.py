"""boto3 sessions: one place that knows the endpoint, the CA, the credentials and the retries."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import boto3
from botocore.config import Config

from orchestrator.environment import VPC_ENDPOINT_HEADER, CloudEndpoint
from orchestrator.retries import ONE_ATTEMPT, with_retries


@dataclass(frozen=True)
class Credentials:
    """An access key, with a session token when it is temporary. Its repr shows no secret."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
    expiration: datetime | None = None


class AwsSession:
    """boto3 clients for one cloud and one identity, made once each and shared between threads.

    Args:
        cloud: where the API is.
        credentials: explicit ones (the embedded cloud's, or an assumed role's); None uses the
            caller's own AWS configuration (environment, profile, OIDC).
    """

    def __init__(self, cloud: CloudEndpoint, credentials: Credentials | None = None) -> None:
        self.cloud = cloud
        self.credentials = credentials
        self._session = boto3.session.Session(
            region_name=cloud.region,
            aws_access_key_id=credentials.access_key_id if credentials else None,
            aws_secret_access_key=credentials.secret_access_key if credentials else None,
            aws_session_token=credentials.session_token if credentials else None,
        )
        self._clients: dict[tuple[str, bool, str | None], Any] = {}
        self._lock = threading.Lock()

    def client(self, service: str, *, plain_http: bool = False, through: str | None = None) -> Any:
        """Return the client of a service.

        Args:
            service: a boto3 service name.
            plain_http: speak HTTP instead of HTTPS, which a TLS-only policy must refuse.
            through: the VPC endpoint through which the embedded cloud is to take the requests to come.

        Raises:
            ValueError: plain HTTP was asked for and the cloud's HTTP endpoint is not known, or an endpoint was named
                on AWS, where the network decides and no client.
        """
        if through is not None and self.cloud.endpoint_url is None:
            raise ValueError("on AWS no request can say through which VPC endpoint it comes")
        with self._lock:
            key = (service, plain_http, through)
            if key not in self._clients:
                self._clients[key] = self._make(service, plain_http)
                if through is not None:
                    self._clients[key].meta.events.register("before-sign", _stating(through))
            return self._clients[key]

    def _make(self, service: str, plain_http: bool) -> Any:
        endpoint, verify, use_ssl = self.cloud.endpoint_url, self.cloud.ca_bundle, True
        if plain_http:
            endpoint, verify, use_ssl = self.cloud.http_endpoint_url, None, False
            if endpoint is None and self.cloud.endpoint_url is not None:
                raise ValueError("this cloud has no plain HTTP endpoint")
        config = Config(
            retries=ONE_ATTEMPT,
            connect_timeout=5,
            read_timeout=60,
            max_pool_connections=32,
            s3={"addressing_style": "path"} if self.cloud.endpoint_url else None,
            tcp_keepalive=True,
        )
        return with_retries(
            self._session.client(service, endpoint_url=endpoint, verify=verify, use_ssl=use_ssl, config=config)
        )

    def assume_role(self, role_arn: str, session_name: str = "ephk") -> AwsSession:
        """Return a session with the role's temporary credentials (an hour).

        Raises:
            botocore.exceptions.ClientError: the role's trust policy or the caller's policy refuses.
        """
        answer = self.client("sts").assume_role(RoleArn=role_arn, RoleSessionName=session_name)
        return self._of(answer["Credentials"])

    def assume_role_with_web_identity(self, role_arn: str, token: str, session_name: str = "ephk") -> AwsSession:
        """Return a session of a role for whom an identity provider vouches (an hour).

        Raises:
            botocore.exceptions.ClientError: the token is not genuine, or the role's trust policy refuses its subject.
        """
        answer = self.client("sts").assume_role_with_web_identity(
            RoleArn=role_arn, RoleSessionName=session_name, WebIdentityToken=token
        )
        return self._of(answer["Credentials"])

    def _of(self, keys: Mapping[str, Any]) -> AwsSession:
        own = Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], keys["Expiration"])
        return AwsSession(self.cloud, own)


def _stating(endpoint_id: str) -> Callable[..., None]:
    """Return what adds the endpoint to a request before it is signed."""

    def add(request: Any, **_: Any) -> None:
        del request.headers[VPC_ENDPOINT_HEADER]
        request.headers[VPC_ENDPOINT_HEADER] = endpoint_id

    return add
