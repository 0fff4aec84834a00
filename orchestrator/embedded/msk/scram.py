"""SCRAM secrets: a Secrets Manager secret that is associated with a cluster is a user of its brokers.

Rules: "Sign-in credentials authentication with AWS Secrets Manager" and its "Limitations", Amazon MSK Developer Guide.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import time
from typing import Any

from orchestrator.embedded.gateway.moto_state import Secret
from orchestrator.embedded.gateway.service import AwsError
from orchestrator.embedded.msk.model import Cluster, ClusterState
from orchestrator.embedded.msk.pagination import page
from orchestrator.embedded.msk.plane import ControlPlane

_log = logging.getLogger(__name__)

PREFIX = "AmazonMSK_"
_BATCH = 10
_USERS = 1000
_SECRET_ARN = re.compile(r"^arn:aws[a-z-]*:secretsmanager:([a-z0-9-]+):(\d{12}):secret:(.+)$")
_POLICY_SID = "AWSKafkaResourcePolicy"


class _Unprocessed(Exception):  # noqa: N818 - an entry of a list, not a failure of the request
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def associate(plane: ControlPlane, params: dict[str, Any]) -> dict[str, Any]:
    """BatchAssociateScramSecret: each secret becomes a user, or an entry that says why it did not.

    Raises:
        AwsError: the cluster does not exist, is not ACTIVE or has no SASL/SCRAM; the list is empty or too long.
    """
    return _each(plane, params, _associate_one)


def disassociate(plane: ControlPlane, params: dict[str, Any]) -> dict[str, Any]:
    """BatchDisassociateScramSecret: removes the users; connections that exist stay.

    Raises:
        AwsError: as `associate`.
    """
    return _each(plane, params, _disassociate_one)


def list_secrets(plane: ControlPlane, params: dict[str, Any]) -> dict[str, Any]:
    """ListScramSecrets."""
    with plane.lock:
        cluster = plane.cluster(params["ClusterArn"])
        chosen, more = page(list(cluster.secrets), params, key=str)
    return {"SecretArnList": chosen, **more}


def _each(plane: ControlPlane, params: dict[str, Any], handle: Any) -> dict[str, Any]:
    arns = list(params["SecretArnList"])
    if not 1 <= len(arns) <= _BATCH:
        raise AwsError(
            "BadRequestException",
            f"The secretArnList must have 1 to {_BATCH} secret ARNs.",
            InvalidParameter="secretArnList",
        )
    with plane.lock:
        cluster = plane.active(params["ClusterArn"], "update cluster")
        if not cluster.spec.security.scram:
            raise AwsError("BadRequestException", "SASL/SCRAM authentication isn't turned on for this cluster.")
    unprocessed = []
    for arn in arns:
        try:
            handle(plane, cluster, arn)
        except _Unprocessed as reason:
            unprocessed.append({"ErrorCode": reason.code, "ErrorMessage": reason.message, "SecretArn": arn})
    return {"ClusterArn": cluster.arn, "UnprocessedScramSecrets": unprocessed}


def _associate_one(plane: ControlPlane, cluster: Cluster, arn: str) -> None:
    secret = _usable(plane, arn)
    username, password = _credentials(secret)
    with plane.lock:
        if arn in cluster.secrets:
            raise _Unprocessed(
                "SecretAlreadyAssociated", "The provided secret is already associated with this cluster."
            )
        if username in cluster.secrets.values():
            raise _Unprocessed("InvalidSecretContent", "Another associated secret has the same username.")
        if len(cluster.secrets) >= _USERS:
            raise _Unprocessed("LimitExceeded", f"A cluster can have up to {_USERS} users.")
        cluster.secrets[arn] = username
        cluster.secret_values[arn] = _digest(secret)
        runner = cluster.require_runner()
        _allow_service(plane, secret)
    delay_s = plane.context.scenario.msk.scram_s
    if delay_s > 0:
        due = time.monotonic() + delay_s

        def later() -> None:
            plane.rest_until(due)
            with plane.lock:
                wanted = cluster.secrets.get(arn) == username
            if wanted and not plane.closing.is_set():
                runner.put_scram_user(username, password)

        plane.spawn(f"scram-{cluster.spec.name}", later)
        return
    try:
        runner.put_scram_user(username, password)
    except Exception as error:
        with plane.lock:
            _forget(cluster, arn)
            _withdraw_service(plane, arn)
        _log.exception("a SCRAM user of %s could not be created", cluster.spec.name)
        raise AwsError("InternalServerErrorException", "The brokers did not take the user.", 500) from error


def _disassociate_one(plane: ControlPlane, cluster: Cluster, arn: str) -> None:
    with plane.lock:
        username = cluster.secrets.get(arn)
        if username is None:
            raise _Unprocessed("InvalidSecretArn", "The provided secret isn't associated with this cluster.")
        runner = cluster.require_runner()
    try:
        runner.delete_scram_user(username)
    except Exception as error:
        _log.exception("a SCRAM user of %s could not be removed", cluster.spec.name)
        raise AwsError("InternalServerErrorException", "The brokers did not remove the user.", 500) from error
    with plane.lock:
        _forget(cluster, arn)
        _withdraw_service(plane, arn)


def _forget(cluster: Cluster, arn: str) -> None:
    cluster.secrets.pop(arn, None)
    cluster.secret_values.pop(arn, None)


def propagate(plane: ControlPlane, cluster: Cluster) -> None:
    """Give the brokers the passwords of secrets that have changed since they were associated.

    On AWS this takes up to ten minutes. A secret that was deleted or is no longer usable changes nothing; neither
    does another username, which would be another user: that takes a new association.
    """
    with plane.lock:
        if cluster.state is not ClusterState.ACTIVE or cluster.runner is None:
            return
        known, runner = dict(cluster.secrets), cluster.runner
    for arn, username in known.items():
        secret = plane.context.moto.secret(arn)
        if secret is None or _digest(secret) == cluster.secret_values.get(arn):
            continue
        try:
            new_username, password = _credentials(secret)
        except _Unprocessed:
            continue
        with plane.lock:
            if cluster.secrets.get(arn) != username:
                continue
            cluster.secret_values[arn] = _digest(secret)
        if new_username == username:
            _log.info("the user of a rotated secret is set again in cluster %s", cluster.spec.name)
            runner.put_scram_user(username, password)


def _digest(secret: Secret) -> bytes:
    return hashlib.sha256((secret.value or "").encode()).digest()


def release_all(plane: ControlPlane, cluster: Cluster) -> None:
    """Forget a deleted cluster's secrets and take back their resource policies; the caller holds the lock."""
    arns = list(cluster.secrets)
    cluster.secrets.clear()
    cluster.secret_values.clear()
    for arn in arns:
        _withdraw_service(plane, arn)


def _usable(plane: ControlPlane, arn: str) -> Secret:
    """Return the secret behind an ARN that MSK may use."""
    match = _SECRET_ARN.match(arn)
    if match is None:
        raise _Unprocessed("InvalidSecretArn", "The provided secret arn isn't valid.")
    region, account, name = match.groups()
    if (region, account) != (plane.context.region, plane.context.account_id):
        raise _Unprocessed(
            "InvalidSecretArn", "The provided secret must be in the same account and Region as the cluster."
        )
    if not name.startswith(PREFIX):
        raise _Unprocessed(
            "InvalidSecretArn",
            "The provided secret arn cannot be used with Amazon MSK. Secret names must have the prefix 'AmazonMSK_'",
        )
    secret = plane.context.moto.secret(arn)
    if secret is None:
        raise _Unprocessed("InvalidSecretArn", "Amazon MSK wasn't able to access the provided secret.")
    if not secret.customer_managed_key:
        raise _Unprocessed(
            "InvalidSecretArn",
            "The provided secret is encrypted with the default Secrets Manager key. You can't use this secret with "
            "Amazon MSK.",
        )
    return secret


def _credentials(secret: Secret) -> tuple[str, str]:
    try:
        document = json.loads(secret.value or "")
        username, password = document["username"], document["password"]
    except (ValueError, KeyError, TypeError):
        username = password = None
    if not (isinstance(username, str) and isinstance(password, str) and username and password):
        raise _Unprocessed(
            "InvalidSecretContent",
            'The provided secret must be JSON of the form {"username": "...", "password": "..."}.',
        )
    return username, password


def _statement(arn: str) -> dict[str, Any]:
    return {
        "Sid": _POLICY_SID,
        "Effect": "Allow",
        "Principal": {"Service": "kafka.amazonaws.com"},
        "Action": "secretsmanager:getSecretValue",
        "Resource": arn,
    }


def _allow_service(plane: ControlPlane, secret: Secret) -> None:
    """Put MSK's statement into the secret's resource policy, beside what is there."""
    policy: dict[str, Any] = {"Version": "2012-10-17", "Statement": []}
    if secret.policy:
        policy = json.loads(secret.policy)
    statements = policy["Statement"] if isinstance(policy["Statement"], list) else [policy["Statement"]]
    if any(statement.get("Sid") == _POLICY_SID for statement in statements):
        return
    policy["Statement"] = [*statements, _statement(secret.arn)]
    plane.context.moto.put_secret_policy(secret.arn, json.dumps(policy))
    plane.granted_secrets.add(secret.arn)


def _withdraw_service(plane: ControlPlane, arn: str) -> None:
    """Take MSK's statement back once no cluster uses the secret; a policy that a person wrote stays."""
    if arn not in plane.granted_secrets or any(arn in cluster.secrets for cluster in plane.clusters.values()):
        return
    plane.granted_secrets.discard(arn)
    secret = plane.context.moto.secret(arn)
    if secret is None or not secret.policy:
        return
    policy = json.loads(secret.policy)
    if not isinstance(policy.get("Statement"), list):
        return
    rest = [statement for statement in policy["Statement"] if statement != _statement(arn)]
    document = json.dumps({**policy, "Statement": rest}) if rest else None
    plane.context.moto.put_secret_policy(arn, document)
