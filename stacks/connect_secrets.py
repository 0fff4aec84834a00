"""Secrets that connectors refer to: made under the environment's key or there already; their roles alone read them."""

from __future__ import annotations

from collections.abc import Iterable

import pulumi
from pulumi_aws import secretsmanager

from stacks.inputs import ConnectInputs, ConnectSecretInputs, StackInputs
from stacks.policies import Statement, allow
from stacks.tagging import tagged


def secret_arn(inputs: StackInputs, secret: ConnectSecretInputs) -> str:
    """Return a secret's ARN as a policy names it: Secrets Manager ends it with six characters of its own."""
    return f"arn:aws:secretsmanager:{inputs.region}:{inputs.account_id}:secret:{secret.full_name}-??????"


def read_statements(
    inputs: StackInputs, secrets: Iterable[ConnectSecretInputs], key_arn: pulumi.Input[str]
) -> list[Statement]:
    """Return what reads these secrets' values and nothing else; empty without a secret."""
    wanted = list(secrets)
    if not wanted:
        return []
    keys = [key_arn] if any(secret.values is not None for secret in wanted) else []
    keys += [secret.kms_key_arn for secret in wanted if secret.kms_key_arn is not None]
    via = f"secretsmanager.{inputs.region}.amazonaws.com"
    statements = [
        allow("Secrets", ["secretsmanager:GetSecretValue"], [secret_arn(inputs, secret) for secret in wanted])
    ]
    if keys:  # Secrets Manager's own key needs no grant
        condition = {"StringEquals": {"kms:ViaService": via}}
        statements.append(allow("SecretKeys", ["kms:Decrypt"], keys, condition=condition))
    return statements


class ConnectSecrets(pulumi.ComponentResource):
    """The secrets that are made; one that is there already is never touched.

    Args:
        inputs: the environment.
        connect: its connectors and their secrets.
        key_arn: the environment's key.
        opts: the parent.
    """

    def __init__(
        self,
        inputs: StackInputs,
        connect: ConnectInputs,
        key_arn: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("ephk:stacks:ConnectSecrets", "connect-secrets", None, opts)
        own = pulumi.ResourceOptions(parent=self)
        #: What must be there before a worker looks a value up.
        self.versions: list[secretsmanager.SecretVersion] = []
        for wanted in connect.secrets:
            if wanted.values is None:
                continue
            secret = secretsmanager.Secret(
                f"connect-{wanted.name}",
                name=wanted.full_name,
                description=f"Secret {wanted.name} of the connectors of environment {inputs.name}",
                kms_key_id=key_arn,
                recovery_window_in_days=0,  # otherwise the name stays taken for days after the environment is gone
                tags=tagged(inputs, wanted.full_name),
                opts=own,
            )
            content = pulumi.Output.json_dumps(pulumi.Output.secret(dict(wanted.values)))
            self.versions.append(
                secretsmanager.SecretVersion(
                    f"connect-{wanted.name}", secret_id=secret.id, secret_string=content, opts=own
                )
            )
        self.register_outputs({})
