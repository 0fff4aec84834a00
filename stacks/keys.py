"""The key that encrypts the environment: broker volumes, the bucket and the SCRAM secrets."""

from __future__ import annotations

import pulumi
from pulumi_aws import kms

from stacks.bucket import delivery_condition
from stacks.inputs import StackInputs
from stacks.policies import account_root, allow, document
from stacks.tagging import tagged


class Keys(pulumi.ComponentResource):
    """One customer-managed key, since MSK refuses a SCRAM secret under Secrets Manager's default key.

    Args:
        inputs: the environment.
        opts: the parent.
    """

    def __init__(self, inputs: StackInputs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ephk:stacks:Keys", "keys", None, opts)
        own = pulumi.ResourceOptions(parent=self)
        # Without a statement for the account no IAM policy could allow the key to anybody
        # ("Default key policy", AWS KMS Developer Guide).
        account = allow("AccountDecidesByIam", ["kms:*"], ["*"], principal={"AWS": account_root(inputs)})
        statements = [account]
        if inputs.observability.flow_logs:
            # The delivery service encrypts records with the bucket's key ("Required key policy for use with SSE-KMS",
            # Amazon VPC User Guide).
            statements.append(
                allow(
                    "FlowLogDelivery",
                    ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"],
                    ["*"],
                    principal={"Service": "delivery.logs.amazonaws.com"},
                    condition=delivery_condition(inputs),
                )
            )
        self.key = kms.Key(
            "environment",
            description=f"Environment {inputs.name} ({inputs.lease_id})",
            enable_key_rotation=True,
            deletion_window_in_days=7,
            policy=document(*statements),
            tags=tagged(inputs, inputs.prefix),
            opts=own,
        )
        kms.Alias("environment", name=f"alias/{inputs.prefix}", target_key_id=self.key.key_id, opts=own)
        self.register_outputs({"key_arn": self.key.arn})
