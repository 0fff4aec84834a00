"""The gateway's decisions: may this caller do this, here and now?

The administrator may do everything, but a bucket policy's explicit deny holds for the administrator too. Users and
roles are decided by `orchestrator.iam`: identity policies, boundary, session policies, resource policies, conditions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from orchestrator.embedded.gateway import actions, errors, iam_engine, s3_rules, tag_conditions
from orchestrator.embedded.gateway.dependent_actions import Needed, dependent
from orchestrator.embedded.gateway.http import HttpRequest
from orchestrator.embedded.gateway.identities import Identities, Permissions
from orchestrator.embedded.gateway.models import Target
from orchestrator.embedded.gateway.moto_state import MotoState, moto_lock
from orchestrator.embedded.gateway.service import AwsError, Caller, ServiceBackend
from orchestrator.embedded.gateway.tag_conditions import ResourceTags

#: What everybody with valid credentials may do, whatever the policies say ("GetCallerIdentity", STS API Reference).
_ALWAYS_ALLOWED = frozenset({"sts:GetCallerIdentity", "sts:GetAccessKeyInfo", "sts:GetSessionToken"})
#: Decided inside STS, where the role's trust policy is.
_DECIDED_BY_STS = frozenset({"sts:AssumeRole", "sts:AssumeRoleWithWebIdentity"})


@dataclass(frozen=True)
class _Bucket:
    """What a bucket says about access."""

    policy: str | None
    public: bool
    block: Any

    def blocks(self, setting: str) -> bool:
        """Tell whether a setting of the public access block is on."""
        return str(getattr(self.block, setting, "false")).lower() == "true"


class PolicyGate:
    """Decides about requests. Safe to use from many threads.

    Args:
        identities: the policies of callers.
        moto: buckets, keys and secrets with their resource policies.
        backends: returns the services of our own, for the tags of their resources.
        enforced: whether policies count now; when they do not, whoever has signed may do everything.
    """

    def __init__(
        self,
        identities: Identities,
        moto: MotoState,
        backends: Callable[[], Iterable[ServiceBackend]] = tuple,
        *,
        enforced: Callable[[], bool] = lambda: True,
    ) -> None:
        self._identities, self._moto, self._enforced, self._backends = identities, moto, enforced, backends
        self._tags = ResourceTags(moto, backends)

    def check(self, request: HttpRequest, target: Target, caller: Caller, region: str) -> None:
        """Let a request through, or refuse it as the service would.

        Raises:
            AwsError: the caller may not do this.
        """
        if caller.kind != "anonymous" and not self._enforced():
            return
        if target.service == "s3":
            self._check_s3(request, target, caller, region)
        elif caller.kind != "administrator" or caller.endpoint is not None:
            self._check_service(request, target, caller, region)

    def _check_service(self, request: HttpRequest, target: Target, caller: Caller, region: str) -> None:
        action = actions.action_of(target)
        if _is_beyond_a_users_session(caller, action):
            raise AwsError("InvalidClientTokenId", "The security token included in the request is invalid.", 403)
        if action in _ALWAYS_ALLOWED | _DECIDED_BY_STS:
            return
        operation, fields = target.operation or "", actions.fields_of(target, request)
        context = self._context(caller, region) | tag_conditions.of_request(fields)
        if target.service == "iam":
            context |= tag_conditions.of_iam_request(operation, fields)
        named = actions.resources_of(target, request, self._moto, region)
        needed = [Needed(action, resource) for resource in named]
        needed += dependent(target.service, operation, fields, self._moto, region)
        for one in needed:
            self._decide(one, target, caller, context)

    def _decide(self, needed: Needed, target: Target, caller: Caller, context: Mapping[str, Any]) -> None:
        own = actions.action_of(target) == needed.action
        service = target.service if own else needed.action.partition(":")[0]
        keys = {**context, **needed.context, **self._tags.of_resource(service, needed.resource)}
        if service == "iam":
            keys |= self._tags.boundary_of_role(target.operation or "", needed.resource)
        decision = iam_engine.decide(
            caller,
            needed.action,
            needed.resource,
            keys,
            self._identities.permissions(caller),
            resource_policy=self._resource_policy(service, needed.resource),
            account=self._moto.account_id,
        )
        if not decision.allowed:
            message = refusal(caller, needed.action, needed.resource, decision.reason)
            raise errors.denied(message, target.protocol)

    def _context(self, caller: Caller, region: str) -> dict[str, Any]:
        return request_context(caller, region, self._moto.account_id) | self._tags.of_principal(caller)

    def _resource_policy(self, service: str, resource: str) -> str | None:
        if service == "secretsmanager":
            secret = self._moto.secret(resource)
            return secret.policy if secret else None
        if service == "kms" and ":key/" in resource:
            with moto_lock:
                key = self._moto.backend("kms").keys.get(resource.rsplit("/", 1)[1])
                return None if key is None else str(key.policy)
        return self.cluster_policy(resource) if service == "kafka" else None

    def cluster_policy(self, cluster_arn: str) -> str | None:
        """Return the policy that a cluster carries itself, for its control plane and its brokers alike."""
        for backend in self._backends():
            if backend.service == "kafka":
                read: Callable[[str], str | None] | None = getattr(backend, "cluster_policy", None)
                return read(cluster_arn) if read is not None else None
        return None

    def tag_keys(self, caller: Caller, cluster_arn: str) -> dict[str, str]:
        """Return the condition keys about tags for a request at a cluster's brokers."""
        return self._tags.of_principal(caller) | self._tags.of_resource("kafka", cluster_arn)

    # Amazon S3

    def _bucket(self, name: str) -> _Bucket | None:
        with moto_lock:
            try:
                bucket = self._moto.backend("s3", "aws").buckets.get(name)
            except KeyError:
                bucket = None
            if bucket is None:
                return None
            policy = bucket.policy.decode() if bucket.policy else None
            return _Bucket(policy, policy is not None and s3_rules.is_public_policy(policy), bucket.public_access_block)

    def _check_s3(self, request: HttpRequest, target: Target, caller: Caller, region: str) -> None:
        if target.operation is None:
            return
        name = target.labels.get("Bucket", "")
        bucket = self._bucket(name) if name else None
        limited = caller.endpoint is not None or (bucket is not None and bucket.policy is not None)
        if caller.kind != "administrator" or limited:
            context = self._context(caller, region) | s3_rules.condition_keys(request)
            permissions = self._identities.permissions(caller)
            for action, resource in s3_rules.needed(target.operation, target.labels, request):
                self._decide_s3(action, resource, caller, permissions, context, target)
        if target.operation == "PutBucketPolicy":
            problem = iam_engine.problem_of(request.body.decode("utf-8", "replace"), "RESOURCE")
            if problem:
                raise AwsError("MalformedPolicy", problem)
        if bucket is not None:
            self._check_public_access_block(request, target, bucket)

    def _decide_s3(
        self,
        action: str,
        resource: str,
        caller: Caller,
        permissions: Permissions,
        context: Mapping[str, Any],
        target: Target,
    ) -> None:
        if caller.kind == "administrator" and action in s3_rules.POLICY_MANAGEMENT and caller.endpoint is None:
            return
        name, _, key = resource.removeprefix("arn:aws:s3:::").partition("/")
        bucket = self._bucket(name)
        policy = bucket.policy if bucket else None
        if caller.kind == "anonymous":
            allowed = self._anonymous(caller, action, resource, name, key, bucket, context)
            if not allowed:
                raise errors.denied("Access Denied", target.protocol)
            return
        decision = iam_engine.decide(
            caller, action, resource, context, permissions, resource_policy=policy, account=self._moto.account_id
        )
        if not decision.allowed:
            raise errors.denied(refusal(caller, action, resource, decision.reason), target.protocol)

    def _anonymous(
        self,
        caller: Caller,
        action: str,
        resource: str,
        name: str,
        key: str,
        bucket: _Bucket | None,
        context: Mapping[str, Any],
    ) -> bool:
        """Decide about a request without a signature: by bucket policy, else by the object's ACL."""
        if bucket is None:
            return False
        if bucket.policy is not None:
            decision = iam_engine.decide(
                caller,
                action,
                resource,
                context,
                Permissions(),
                resource_policy=bucket.policy,
                account=self._moto.account_id,
            )
            if decision.explicit_deny:
                return False
            if decision.allowed:
                return not (bucket.public and bucket.blocks("restrict_public_buckets"))
        if action != "s3:GetObject" or bucket.blocks("ignore_public_acls") or caller.endpoint is not None:
            return False
        with moto_lock:
            stored = self._moto.backend("s3", "aws").get_object(name, key)
            return bool(stored is not None and stored.acl is not None and stored.acl.public_read)

    def _check_public_access_block(self, request: HttpRequest, target: Target, bucket: _Bucket) -> None:
        blocked = ""
        if target.operation == "PutBucketPolicy" and bucket.blocks("block_public_policy"):
            if s3_rules.is_public_policy(request.body):
                blocked = "public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access"
        elif bucket.blocks("block_public_acls") and s3_rules.asks_for_public_acl(request):
            blocked = "public ACLs are prevented by the BlockPublicAcls setting in S3 Block Public Access"
        if blocked:
            raise errors.denied(f"Access Denied because {blocked}.", target.protocol)

    # Trust policies, for STS

    def may_assume(
        self, caller: Caller, action: str, role_arn: str, trust_policy: str, context: Mapping[str, str]
    ) -> bool:
        """Decide by a role's trust policy, and by the caller's own policies where the trust policy delegates."""
        if not self._enforced():
            return True
        decision = iam_engine.decide(
            caller,
            action,
            role_arn,
            self._context(caller, self._moto.region) | dict(context),
            self._identities.permissions(caller),
            resource_policy=trust_policy,
            account=self._moto.account_id,
        )
        return decision.allowed

    def may_federate(
        self, provider_arn: str, role_arn: str, trust_policy: str, context: Mapping[str, Any], caller: Caller
    ) -> bool:
        """Decide by a role's trust policy about somebody whom a provider of the account vouches for."""
        decision = iam_engine.decide_federated(
            provider_arn,
            "sts:AssumeRoleWithWebIdentity",
            role_arn,
            self._context(caller, self._moto.region) | dict(context),
            trust_policy,
            account=self._moto.account_id,
            endpoint=caller.endpoint,
        )
        return decision.allowed

    def may_serve(self, service: str, role_arn: str, trust_policy: str, context: Mapping[str, str]) -> bool:
        """Decide by a role's trust policy about a service that acts for one of the account's own resources.

        Args:
            service: the service's principal, such as `kafkaconnect.amazonaws.com`.
            role_arn: the role.
            trust_policy: its trust policy.
            context: `aws:SourceArn` and `aws:SourceAccount` ("The confused deputy problem", IAM User Guide).
        """
        keys = {**context, "aws:ViaAWSService": "false"}
        return iam_engine.decide_service(service, role_arn, keys, trust_policy, account=self._moto.account_id).allowed

    def check_policy(self, text: str) -> None:
        """Refuse a policy document that is not one.

        Raises:
            AwsError: MalformedPolicyDocument.
        """
        problem = iam_engine.problem_of(text)
        if problem:
            raise AwsError("MalformedPolicyDocument", problem)


def _is_beyond_a_users_session(caller: Caller, action: str) -> bool:
    """Tell whether temporary credentials of a user cannot do this whatever the policies say.

    Without MFA they can call nothing of IAM, and of STS these two alone ("GetSessionToken", STS API Reference).
    """
    temporary = caller.kind == "user" and (caller.access_key_id or "").startswith("ASIA")
    return temporary and (
        action.startswith("iam:")
        or (action.startswith("sts:") and action not in {"sts:AssumeRole", "sts:GetCallerIdentity"})
    )


def request_context(caller: Caller, region: str, account_id: str) -> dict[str, Any]:
    """Return the global condition keys of a request ("AWS global condition context keys", IAM User Guide)."""
    now = datetime.now(UTC)
    context: dict[str, Any] = {
        "aws:SecureTransport": "true" if caller.secure else "false",
        "aws:SourceIp": caller.source_ip,
        "aws:UserAgent": caller.user_agent,
        "aws:CurrentTime": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "aws:EpochTime": str(int(now.timestamp())),
        "aws:RequestedRegion": region,
        "aws:ResourceAccount": account_id,
        "aws:ViaAWSService": "false",
    }
    if caller.endpoint is not None:
        context |= {"aws:SourceVpce": caller.endpoint.id, "aws:SourceVpc": caller.endpoint.vpc_id}
    if caller.kind == "anonymous":
        return context | {"aws:PrincipalType": "Anonymous", "aws:userid": "anonymous"}
    context |= {"aws:PrincipalAccount": caller.account_id, "aws:userid": caller.user_id}
    context["aws:PrincipalArn"] = caller.role_arn or caller.arn
    if caller.kind == "role":
        return context | {"aws:PrincipalType": "AssumedRole"}
    return context | {"aws:PrincipalType": "User", "aws:username": caller.arn.rsplit("/", 1)[-1]}


def refusal(caller: Caller, action: str, resource: str, reason: str) -> str:
    """Say who is not authorized to do what, and why, in AWS's words."""
    return f"User: {caller.arn} is not authorized to perform: {action} on resource: {resource} {reason}"
