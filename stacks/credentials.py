"""SCRAM credentials, where MSK reads them."""

from __future__ import annotations

import pulumi
from pulumi_aws import secretsmanager

from stacks.inputs import PrincipalInputs, StackInputs
from stacks.tagging import tagged


def secret_name(inputs: StackInputs, principal: str) -> str:
    """Return a secret's name: MSK takes only those that begin with `AmazonMSK_`."""
    return f"AmazonMSK_{inputs.lease_id}_{principal}"


class Credentials(pulumi.ComponentResource):
    """One secret for each SCRAM principal.

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
            self._secret(inputs, principal, key_arn)
        self.register_outputs({})

    def _secret(self, inputs: StackInputs, principal: PrincipalInputs, key_arn: pulumi.Input[str]) -> None:
        name = secret_name(inputs, principal.name)
        secret = secretsmanager.Secret(
            principal.name,
            name=name,
            description=f"SCRAM user {principal.name} of environment {inputs.name}",
            kms_key_id=key_arn,
            recovery_window_in_days=0,  # otherwise the name stays taken for days after the environment is gone
            tags=tagged(inputs, name),
            opts=self._own,
        )
        content = pulumi.Output.json_dumps(
            {"username": principal.name, "password": pulumi.Output.secret(principal.password)}
        )
        self.secrets[principal.name] = secret
        self.versions[principal.name] = secretsmanager.SecretVersion(
            principal.name, secret_id=secret.id, secret_string=content, opts=self._own
        )
