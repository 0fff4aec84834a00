"""What brokers ask about IAM identities: is this token genuine, and may this principal do that?

Kafka operations become `kafka-cluster` actions as "Semantics of IAM authorization policy actions and resources"
(Amazon MSK Developer Guide) has them. Everything that is not clearly allowed is refused. The administrator's key is
refused as well: on MSK nobody has a way in without a policy that names `kafka-cluster` actions, and the embedded
administrator has no policy.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from orchestrator.embedded.gateway import iam_engine, iam_payload, presigned_url, sigv4
from orchestrator.embedded.gateway.credentials import CredentialStore
from orchestrator.embedded.gateway.http import HttpRequest, HttpResponse, split_query
from orchestrator.embedded.gateway.identities import Identities
from orchestrator.embedded.gateway.policy_gate import request_context
from orchestrator.embedded.gateway.service import Caller
from orchestrator.embedded.gateway.sigv4 import SignatureError

TOKEN_HEADER = "x-ephk-authority-token"  # noqa: S105 - a header's name
_MAX_TOKEN = 16_384
_MAX_REQUESTS = 10_000

#: (resource type, operation) to the actions that all must be allowed.
_ACTIONS: dict[tuple[str, str], tuple[str, ...]] = {
    ("CLUSTER", "DESCRIBE"): ("DescribeCluster",),
    ("CLUSTER", "ALTER"): ("AlterCluster",),
    ("CLUSTER", "CREATE"): ("CreateTopic",),
    ("CLUSTER", "DESCRIBE_CONFIGS"): ("DescribeClusterDynamicConfiguration",),
    ("CLUSTER", "ALTER_CONFIGS"): ("AlterClusterDynamicConfiguration",),
    ("CLUSTER", "IDEMPOTENT_WRITE"): ("WriteDataIdempotently",),
    ("TOPIC", "DESCRIBE"): ("DescribeTopic",),
    ("TOPIC", "CREATE"): ("CreateTopic",),
    ("TOPIC", "DELETE"): ("DeleteTopic",),
    ("TOPIC", "ALTER"): ("AlterTopic",),
    ("TOPIC", "READ"): ("ReadData",),
    ("TOPIC", "WRITE"): ("WriteData",),
    ("TOPIC", "DESCRIBE_CONFIGS"): ("DescribeTopicDynamicConfiguration",),
    ("TOPIC", "ALTER_CONFIGS"): ("AlterTopicDynamicConfiguration",),
    ("GROUP", "DESCRIBE"): ("DescribeGroup",),
    ("GROUP", "READ"): ("AlterGroup",),
    ("GROUP", "DELETE"): ("DeleteGroup",),
    ("TRANSACTIONAL_ID", "DESCRIBE"): ("DescribeTransactionalId",),
    ("TRANSACTIONAL_ID", "WRITE"): ("AlterTransactionalId",),
}
_ARN_TYPES = {"TOPIC": "topic", "GROUP": "group", "TRANSACTIONAL_ID": "transactional-id"}
#: Actions that MSK evaluates on the cluster whatever the resource of the request is.
_ON_CLUSTER = frozenset({"WriteDataIdempotently"})


class Authority:
    """The endpoints `/authenticate` and `/authorize`.

    Args:
        store: credentials.
        identities: the policies of roles and users.
        token: what brokers must show.
        region: the region that tokens must be signed for.
        account_id: the embedded account.
        enforced: whether policies count now; when they do not, every role and user may do everything.
        tags: returns the condition keys about the tags of a caller and of a cluster.
        cluster_policy: returns the policy that a cluster carries itself, None when it has none.
    """

    def __init__(
        self,
        store: CredentialStore,
        identities: Identities,
        *,
        token: str,
        region: str,
        account_id: str,
        enforced: Callable[[], bool] = lambda: True,
        tags: Callable[[Caller, str], dict[str, str]] = lambda _caller, _cluster: {},
        cluster_policy: Callable[[str], str | None] = lambda _cluster: None,
    ) -> None:
        self._enforced, self._tags_of, self._policy_of = enforced, tags, cluster_policy
        self._store, self._identities = store, identities
        self._token, self._region, self._account = token, region, account_id

    def handle(self, endpoint: str, request: HttpRequest) -> HttpResponse:
        """Answer one question of a broker; anything malformed is refused."""
        shown = request.headers.get(TOKEN_HEADER, "")
        if not hmac.compare_digest(shown.encode("utf-8", "replace"), self._token.encode()):
            return _answer(403, {"reason": "the authority token is missing or wrong"})
        if request.method != "POST":
            return _answer(405, {"reason": "POST only"})
        try:
            document = json.loads(request.body)
            if endpoint == "authenticate":
                return self._authenticate(document)
            if endpoint == "authorize":
                allowed = self.authorize(
                    str(document["cluster_arn"]), str(document["principal_arn"]), list(document["requests"])
                )
                return _answer(200, {"allowed": allowed})
        except (ValueError, KeyError, TypeError, RecursionError):
            return _answer(400, {"reason": "malformed request"})
        return _answer(404, {"reason": "no such endpoint"})

    def _authenticate(self, document: dict[str, Any]) -> HttpResponse:
        """Check a token or payload, and the permission to connect, without which MSK refuses the connection itself."""
        now, cluster_arn = datetime.now(UTC), str(document["cluster_arn"])
        try:
            if "payload" in document:
                url = iam_payload.url_of(str(document["payload"]), cluster_arn, self._region)
                caller, expires_at = self._verify_url(url, now)
            else:
                caller, expires_at = self.verify(str(document["token"]), now)
        except SignatureError as error:
            return _answer(403, {"reason": error.message})
        if caller.kind not in {"role", "user"} or not self._allowed(caller, "Connect", cluster_arn):
            action = "kafka-cluster:Connect"
            reason = f"User: {caller.arn} is not authorized to perform: {action} on resource: {cluster_arn}"
            return _answer(403, {"reason": reason})
        return _answer(200, {"principal_arn": caller.arn, "expires_at_ms": int(expires_at.timestamp() * 1000)})

    def verify(self, token: str, now: datetime) -> tuple[Caller, datetime]:
        """Check an MSK IAM token: a base64url text of a presigned `kafka-cluster:Connect` URL.

        Returns:
            The signer, and when the token (or the session behind it) ends.

        Raises:
            SignatureError: it is not genuine, not for this region, too old, or its key is not known.
        """
        url = _decode(token)
        parts = urlsplit(url)
        if (
            parts.scheme != "https"
            or parts.netloc != f"kafka.{self._region}.amazonaws.com"
            or parts.path not in {"", "/"}
        ):
            raise SignatureError("mismatch", f"the token is not for kafka.{self._region}.amazonaws.com")
        return self._verify_url(url, now)

    def _verify_url(self, url: str, now: datetime) -> tuple[Caller, datetime]:
        """Check everything of a presigned URL but the host that it is for."""
        query = dict(split_query(urlsplit(url).query))
        if query.get("Action") != "kafka-cluster:Connect":
            raise SignatureError("mismatch", "the token's action is not kafka-cluster:Connect")
        presented = presigned_url.present_url(url)
        if presented is None or presented.expires_s is None:
            raise SignatureError("incomplete", "the token is not a presigned URL")
        if presented.service != "kafka-cluster" or presented.region != self._region:
            raise SignatureError("mismatch", f"the token's scope is not kafka-cluster in {self._region}")
        if presented.signed_headers != ("host",):
            raise SignatureError("mismatch", "the token signs other headers than host")
        sigv4.check_time(presented, now)
        credential = self._store.authenticated(presented.access_key_id, presented.session_token, now)
        # The signers append their own name after signing.
        presigned_url.check_url_signature(presented, credential.secret, url, omit_query=frozenset({"User-Agent"}))
        ends = presented.moment + timedelta(seconds=presented.expires_s)
        return credential.caller, min(ends, credential.expires_at) if credential.expires_at else ends

    def authorize(self, cluster_arn: str, principal_arn: str, requests: list[Any]) -> list[bool]:
        """Decide each Kafka operation; one answer for each, in order."""
        if len(requests) > _MAX_REQUESTS:
            raise ValueError("too many requests at once")
        callers = self._store.callers_of(principal_arn)
        if not callers or not all(self._allowed(caller, "Connect", cluster_arn) for caller in callers):
            return [False] * len(requests)
        return [all(self._one(caller, cluster_arn, request) for caller in callers) for request in requests]

    def _one(self, caller: Caller, cluster_arn: str, request: Any) -> bool:
        kind, operation = str(request["resource_type"]).upper(), str(request["operation"]).upper()
        actions = _ACTIONS.get((kind, operation))
        if actions is None:
            return False
        resource = cluster_arn
        if kind in _ARN_TYPES:
            resource = cluster_arn.replace(":cluster/", f":{_ARN_TYPES[kind]}/", 1) + f"/{request['resource_name']}"
        return all(
            self._allowed(caller, action, cluster_arn if action in _ON_CLUSTER else resource) for action in actions
        )

    def _allowed(self, caller: Caller, action: str, resource: str) -> bool:
        if not self._enforced():
            return True
        # What is in a cluster carries the cluster's tags and policy ("IAM access control", Amazon MSK Developer Guide).
        cluster = _cluster_of(resource)
        verdict = iam_engine.decide(
            caller,
            f"kafka-cluster:{action}",
            resource,
            request_context(caller, self._region, self._account) | self._tags_of(caller, cluster),
            self._identities.permissions(caller),
            resource_policy=self._policy_of(cluster),
            account=self._account,
        )
        return verdict.allowed


def _cluster_of(arn: str) -> str:
    """Return the ARN of the cluster of a topic, group or transactional id, whose names may hold colons and slashes."""
    *prefix, path = arn.split(":", 5)
    return ":".join((*prefix, f"cluster/{'/'.join(path.split('/')[1:3])}"))


def _decode(token: str) -> str:
    if len(token) > _MAX_TOKEN:
        raise SignatureError("incomplete", "the token is too long")
    try:
        return base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode("ascii")
    except (binascii.Error, ValueError) as error:
        raise SignatureError("incomplete", "the token is not base64url text") from error


def _answer(status: int, document: dict[str, Any]) -> HttpResponse:
    return HttpResponse(status, [("Content-Type", "application/json")], json.dumps(document).encode())
