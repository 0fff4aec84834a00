"""A pipeline's role: commands act as it, and it has the least policy of a command and nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3

from orchestrator.permissions import policy_for
from tests.embedded.conftest import Done, World

ACCOUNT = "123456789012"


@dataclass(frozen=True)
class ActingWorld(World):
    """A world in which commands act as somebody."""

    more: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def variables(self) -> dict[str, str]:
        return {**super().variables, **self.more}


class Pipeline:
    """A role of the embedded account that commands act as.

    Args:
        world: the world whose cloud is running.
        name: the role's name.
    """

    def __init__(self, world: World, name: str = "pipeline") -> None:
        self._name, self.arn = name, f"arn:aws:iam::{ACCOUNT}:role/{name}"
        self._info = world.must("cloud", "status", "--json").json()
        self._iam: Any = self._client("iam")
        self._world = ActingWorld(world.home, {"EPHK_ACT_AS_ROLE": self.arn})
        trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": ACCOUNT}}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        self._iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)

    def _client(self, service: str) -> Any:
        return boto3.client(
            service,
            region_name=self._info["region"],
            endpoint_url=self._info["endpoint"],
            verify=self._info["ca_bundle"],
            aws_access_key_id=self._info["access_key_id"],
            aws_secret_access_key=self._info["secret_access_key"],
        )

    def may(self, *commands: str, but: str = "") -> None:
        """Give the role the least policy for some commands, without one action."""
        policy = policy_for(commands, account=ACCOUNT, region="us-east-1")
        for statement in policy["Statement"]:
            kept = [action for action in statement["Action"] if action != but]
            statement["Action"] = kept or ["iam:GetRole"]
        self._iam.put_role_policy(RoleName=self._name, PolicyName="least", PolicyDocument=json.dumps(policy))

    def ephk(self, *arguments: str | Path) -> Done:
        """Run a command as this role."""
        return self._world.ephk(*arguments)

    def must(self, *arguments: str | Path) -> Done:
        """Run a command as this role that has to succeed."""
        return self._world.must(*arguments)

    def keys(self) -> dict[str, str]:
        """Return credentials of the role, as any AWS tool takes them from its environment."""
        sts = self._client("sts")
        made = sts.assume_role(RoleArn=self.arn, RoleSessionName="ephk")["Credentials"]
        sts.close()
        return {
            "AWS_ACCESS_KEY_ID": made["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": made["SecretAccessKey"],
            "AWS_SESSION_TOKEN": made["SessionToken"],
        }

    def plant(self, role: str, action: str, resource: str) -> None:
        """Give a role more than it should have."""
        hole = {"Effect": "Allow", "Action": action, "Resource": resource}
        document = json.dumps({"Version": "2012-10-17", "Statement": [hole]})
        self._iam.put_role_policy(RoleName=role, PolicyName="hole", PolicyDocument=document)

    def pull_out(self, role: str) -> None:
        """Take it back."""
        self._iam.delete_role_policy(RoleName=role, PolicyName="hole")

    def remove(self) -> None:
        """Delete the role."""
        self._iam.delete_role_policy(RoleName=self._name, PolicyName="least")
        self._iam.delete_role(RoleName=self._name)
        self._iam.close()
