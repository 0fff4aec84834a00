"""SCRAM credentials, where MSK reads them, and the schema registry's beside them."""

from __future__ import annotations

import pulumi
from pulumi_aws import secretsmanager

from stacks.inputs import StackInputs
from stacks.tagging import tagged


def secret_name(inputs: StackInputs, principal: str) -> str:
    """Return a secret's name: MSK takes only those that begin with `AmazonMSK_`."""
    return f"AmazonMSK_{inputs.lease_id}_{principal}"


class Credentials(pulumi.ComponentResource):
    """One secret for each SCRAM principal, and one for the schema registry.

    Args:
        inputs: the environment.
        key_arn: the customer-managed key that MSK demands.
        opts: the parent.
    """

    def __init__(
        self, inputs: StackInputs, key_arn: pulumi.Input[str], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("ephk:stacks:Credentials", "credentials", None, opts)
        self._own = pulumi.ResourceOptions(parent=self)
        self.secrets: dict[str, secretsmanager.Secret] = {}
        self.versions: dict[str, secretsmanager.SecretVersion] = {}
        for principal in inputs.with_auth("scram"):
            name = secret_name(inputs, principal.name)
            what = f"SCRAM user {principal.name} of environment {inputs.name}"
            secret, version = self._secret(
                inputs, principal.name, name, what, (principal.name, principal.password), key_arn
            )
            self.secrets[principal.name], self.versions[principal.name] = secret, version
        self.registry: secretsmanager.Secret | None = None
        if inputs.registry is not None:
            name, what = f"{inputs.prefix}-schema-registry", f"Schema registry of environment {inputs.name}"
            user = (inputs.registry.username, inputs.registry.password)
            # Not a principal's name: those have no colon.
            self.registry, _ = self._secret(inputs, "schema:registry", name, what, user, key_arn)
        self.register_outputs({})

    def _secret(
        self,
        inputs: StackInputs,
        logical_name: str,
        name: str,
        description: str,
        user: tuple[str, str | None],
        key_arn: pulumi.Input[str],
    ) -> tuple[secretsmanager.Secret, secretsmanager.SecretVersion]:
        secret = secretsmanager.Secret(
            logical_name,
            name=name,
            description=description,
            kms_key_id=key_arn,
            recovery_window_in_days=0,  # otherwise the name stays taken for days after the environment is gone
            tags=tagged(inputs, name),
            opts=self._own,
        )
        content = pulumi.Output.json_dumps({"username": user[0], "password": pulumi.Output.secret(user[1])})
        version = secretsmanager.SecretVersion(logical_name, secret_id=secret.id, secret_string=content, opts=self._own)
        return secret, version
