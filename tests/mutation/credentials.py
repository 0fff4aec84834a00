"""Misconfigurations of secrets and of SCRAM users."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from confluent_kafka.admin import ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion

from tests.mutation.bucket import session
from tests.mutation.model import Mutation
from tests.mutation.scene import Scene

_USER = "orders-producer"
_ANSWER_S = 20.0


def _secret(scene: Scene) -> str:
    return str(scene.environment.principal(_USER).secret_arn)


def _set_password(scene: Scene, password: str) -> None:
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    change = UserScramCredentialUpsertion(_USER, info, password.encode())
    scene.admin.alter_user_scram_credentials([change], request_timeout=_ANSWER_S)[_USER].result(_ANSWER_S)


@contextmanager
def other_password(scene: Scene) -> Iterator[None]:
    """Change a password on the brokers alone."""
    text = scene.aws("secretsmanager").get_secret_value(SecretId=_secret(scene))["SecretString"]
    _set_password(scene, "another-password-1")
    try:
        yield
    finally:
        _set_password(scene, json.loads(text)["password"])


@contextmanager
def disassociated(scene: Scene) -> Iterator[None]:
    """Take a secret's association with the cluster away."""
    kafka, arns = scene.aws("kafka"), [_secret(scene)]
    kafka.batch_disassociate_scram_secret(ClusterArn=scene.cluster_arn, SecretArnList=arns)
    try:
        yield
    finally:
        scene.wait_active()
        answer = kafka.batch_associate_scram_secret(ClusterArn=scene.cluster_arn, SecretArnList=arns)
        assert not answer["UnprocessedScramSecrets"], answer


def secret_policy(principal: Callable[[Scene], Any]) -> Callable[[Scene], Any]:
    """Let somebody else read a secret."""

    @contextmanager
    def broken(scene: Scene) -> Iterator[None]:
        manager, arn = scene.aws("secretsmanager"), _secret(scene)
        before = manager.get_resource_policy(SecretId=arn)["ResourcePolicy"]
        statement = {
            "Effect": "Allow", "Principal": principal(scene), "Action": "secretsmanager:GetSecretValue", "Resource": "*"
        }  # fmt: skip
        document = json.loads(before)
        document["Statement"] = [*document["Statement"], statement]
        manager.put_resource_policy(SecretId=arn, ResourcePolicy=json.dumps(document))
        try:
            yield
        finally:
            manager.put_resource_policy(SecretId=arn, ResourcePolicy=before)

    return broken


_STRANGER = {"AWS": "arn:aws:iam::999999999999:root"}
#: What needs this user to log in.
_LOGIN = ("acl.orders-producer.*", "auth.*", "listener.*", "iam.views.agree", "clients.matrix.*")

MUTATIONS = (
    Mutation(
        "scram-password",
        "a password changed on the brokers and not in the secret",
        other_password,
        ("auth.scram.accepts",),
        blocked=_LOGIN,
    ),
    Mutation(
        "scram-disassociated",
        "a secret is not associated with the cluster any more",
        disassociated,
        ("auth.scram.accepts",),
        blocked=_LOGIN,
    ),
    Mutation(
        "secret-stranger",
        "another account may read a secret",
        secret_policy(lambda _: _STRANGER),
        ("policy.secret-orders-producer.own-account",),
    ),
    Mutation(
        "secret-operator",
        "the operator may read a secret",
        secret_policy(lambda s: session(s, "operator")),
        # A simulation of the role's policies does not see the secret's.
        ("iam.operator.deny.secrets", "iam.views.agree"),
    ),
)
