"""Misconfigurations of the bucket and of its key."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from tests.mutation.model import Mutation
from tests.mutation.scene import Scene, changed, widened, without

Broken = Callable[[Scene], AbstractContextManager[object]]
_ALL_BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
_STRANGER = "arn:aws:iam::999999999999:root"


def blocks(*on: str) -> Callable[..., object]:
    """Return a change of the public access block: these settings are on, the others off."""
    return lambda s, *_: s.aws("s3").put_public_access_block(
        Bucket=s.bucket.name, PublicAccessBlockConfiguration={name: name in on for name in _ALL_BLOCKS}
    )


def policy(change: Callable[[Scene, dict[str, Any]], str | None]) -> Broken:
    """Give the bucket another policy (None: none)."""

    @contextmanager
    def broken(scene: Scene) -> Iterator[None]:
        s3, name = scene.aws("s3"), scene.bucket.name
        before = s3.get_bucket_policy(Bucket=name)["Policy"]
        wanted = change(scene, json.loads(before))
        if wanted is None:
            s3.delete_bucket_policy(Bucket=name)
        else:
            s3.put_bucket_policy(Bucket=name, Policy=wanted)
        try:
            yield
        finally:
            s3.put_bucket_policy(Bucket=name, Policy=before)

    return broken


def statement(scene: Scene, effect: str, principal: Any, action: Any) -> dict[str, Any]:
    """Return a statement about the bucket and its objects."""
    where = [scene.bucket_arn, f"{scene.bucket_arn}/*"]
    return {"Effect": effect, "Principal": principal, "Action": action, "Resource": where}


@contextmanager
def public(scene: Scene) -> Iterator[None]:
    """Switch the block off and let everybody read: what somebody does who wants to share one file."""
    everybody = policy(lambda s, p: widened(p, statement(s, "Allow", "*", "s3:GetObject")))
    with changed(blocks(), blocks(*_ALL_BLOCKS))(scene), everybody(scene):
        yield


def session(scene: Scene, role: str) -> dict[str, str]:
    """Return a role's session of a probe, which no boundary limits when a resource's policy names it."""
    account = scene.environment.cloud.account_id
    return {"AWS": f"arn:aws:sts::{account}:assumed-role/{scene.role(role)}/ephk-verify"}


@contextmanager
def encrypted(scene: Scene, default: dict[str, str]) -> Iterator[None]:
    """Give the bucket another default encryption."""
    s3, name = scene.aws("s3"), scene.bucket.name
    before = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]
    rules = [{"ApplyServerSideEncryptionByDefault": default}]
    s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": rules})
    try:
        yield
    finally:
        s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration=before)


@contextmanager
def another_key(scene: Scene) -> Iterator[None]:
    """Encrypt with another key of the account, whose policy lets the same identities use it."""
    kms = scene.aws("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    try:
        with encrypted(scene, {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}):
            yield
    finally:
        kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)


def lifecycle(rules: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> Broken:
    """Change the lifecycle rules."""

    @contextmanager
    def broken(scene: Scene) -> Iterator[None]:
        s3, name = scene.aws("s3"), scene.bucket.name
        before = s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
        wanted = rules(before)
        if wanted:
            s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": wanted})
        else:
            s3.delete_bucket_lifecycle(Bucket=name)
        try:
            yield
        finally:
            s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": before})

    return broken


def versioning(status: str) -> Callable[..., object]:
    """Return a change of the versioning."""
    return lambda s, *_: s.aws("s3").put_bucket_versioning(
        Bucket=s.bucket.name, VersioningConfiguration={"Status": status}
    )


def ownership(value: str) -> Callable[..., object]:
    """Return a change of who owns objects."""
    return lambda s, *_: s.aws("s3").put_bucket_ownership_controls(
        Bucket=s.bucket.name, OwnershipControls={"Rules": [{"ObjectOwnership": value}]}
    )


def only_a_prefix(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Let the rules hold for a part of the bucket alone."""
    return [{**rule, "Filter": {"Prefix": "tmp/"}} for rule in rules]


def switched_off(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Switch the rules off."""
    return [{**rule, "Status": "Disabled"} for rule in rules]


MUTATIONS = (
    Mutation(
        "bpa-deleted",
        "the bucket's public access block is off",
        changed(blocks(), blocks(*_ALL_BLOCKS)),
        ("bucket.public-access",),
    ),
    Mutation(
        "bpa-one-off",
        "one setting of the public access block is off",
        changed(blocks(*_ALL_BLOCKS[:3]), blocks(*_ALL_BLOCKS)),
        ("bucket.public-access",),
    ),
    Mutation(
        "bucket-public",
        "the bucket is public",
        public,
        ("bucket.public-access", "policy.bucket.own-account", "iam.lint.public-principal"),
    ),
    Mutation(
        "bucket-http",
        "the TLS-only statement is gone",
        policy(lambda _s, p: without(p, "TlsOnly")),
        ("bucket.tls-only",),
    ),
    Mutation(
        "bucket-any-key",
        "the statements that name the only key are gone",
        policy(lambda _s, p: without(p, "OnlyKms", "OnlyThisKey", "NoDefaultKey")),
        ("bucket.encryption.enforced",),
    ),
    Mutation(
        "bucket-no-policy",
        "the bucket's policy is gone",
        policy(lambda _s, _p: None),
        ("bucket.tls-only", "bucket.encryption.enforced"),
    ),
    Mutation(
        "bucket-stranger",
        "the bucket's policy lets another account read",
        policy(lambda s, p: widened(p, statement(s, "Allow", {"AWS": _STRANGER}, "s3:GetObject"))),
        ("policy.bucket.own-account",),
    ),
    Mutation(
        "bucket-operator",
        "the bucket's policy names the operator",
        policy(lambda s, p: widened(p, statement(s, "Allow", session(s, "operator"), "s3:*"))),
        # A simulation of the role's policies does not see the bucket's.
        ("iam.operator.deny.bucket", "iam.views.agree"),
    ),
    Mutation(
        "bucket-connector-denied",
        "the bucket's policy denies the connector's role",
        policy(
            lambda s, p: widened(
                p,
                statement(
                    s,
                    "Deny",
                    {"AWS": f"arn:aws:iam::{s.environment.cloud.account_id}:role/{s.role('connector')}"},
                    "s3:PutObject",
                ),
            )
        ),
        ("iam.connector.allow.use-bucket", "iam.views.agree"),
    ),
    Mutation(
        "bucket-no-reading",
        "the bucket's policy denies everybody to read",
        policy(lambda s, p: widened(p, statement(s, "Deny", "*", "s3:GetObject"))),
        ("bucket.round-trip", "iam.connector.allow.use-bucket", "iam.views.agree"),
        blocked=("bucket.*", "network.endpoint.allow"),
    ),
    Mutation("bucket-other-key", "objects are encrypted with another key", another_key, ("bucket.encryption",)),
    Mutation(
        "bucket-s3-key",
        "objects are encrypted with S3's own key",
        lambda s: encrypted(s, {"SSEAlgorithm": "AES256"}),
        ("bucket.encryption",),
    ),
    Mutation(
        "bucket-versions",
        "versioning is suspended",
        changed(versioning("Suspended"), versioning("Enabled")),
        ("bucket.versioning",),
    ),
    Mutation("lifecycle-removed", "the lifecycle rules are gone", lifecycle(lambda _: []), ("bucket.lifecycle",)),
    Mutation(
        "lifecycle-prefix",
        "the lifecycle rules hold for a prefix alone",
        lifecycle(only_a_prefix),
        ("bucket.lifecycle",),
    ),
    Mutation("lifecycle-off", "the lifecycle rules are switched off", lifecycle(switched_off), ("bucket.lifecycle",)),
    Mutation(
        "ownership",
        "objects belong to whoever writes them",
        changed(ownership("ObjectWriter"), ownership("BucketOwnerEnforced")),
        ("bucket.ownership",),
    ),
    Mutation(
        "key-policy",
        "the key's policy lets another account decrypt",
        lambda s: key_policy(s, {"AWS": _STRANGER}, "kms:Decrypt"),
        ("policy.key.own-account",),
    ),
    Mutation(
        "key-everybody",
        "the key's policy lets everybody decrypt",
        lambda s: key_policy(s, "*", "kms:Decrypt"),
        ("policy.key.own-account", "iam.lint.public-principal"),
    ),
    Mutation(
        "key-rotation",
        "the key is not rotated any more",
        changed(
            lambda s: s.aws("kms").disable_key_rotation(KeyId=s.bucket.kms_key_arn),
            lambda s, _: s.aws("kms").enable_key_rotation(KeyId=s.bucket.kms_key_arn),
        ),
        ("bucket.key.kept",),
    ),
)


@contextmanager
def key_policy(scene: Scene, principal: Any, action: str) -> Iterator[None]:
    """Let somebody else use the environment's key."""
    kms, key = scene.aws("kms"), scene.bucket.kms_key_arn
    before = kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"]
    more = {"Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*"}
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=widened(json.loads(before), more))
    try:
        yield
    finally:
        kms.put_key_policy(KeyId=key, PolicyName="default", Policy=before)
