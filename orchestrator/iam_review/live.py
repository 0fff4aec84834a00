"""A live environment as a side of a review: what IAM and the services say now, with the lease's own names made alike.

Two environments of one program differ in their lease id and in ids that AWS chose; those are replaced by words, so that
what remains is a difference in access.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from botocore.exceptions import ClientError

from orchestrator.environment import Environment
from orchestrator.errors import EphkError
from orchestrator.iam_review.account import add_account
from orchestrator.iam_review.builder import SnapshotBuilder
from orchestrator.iam_review.documents import as_policy
from orchestrator.iam_review.model import Location, PolicyRecord, Snapshot
from orchestrator.iam_review.resource_policies import Session, attached_policies


def read_environment(environment: Environment, session: Session) -> Snapshot:
    """Return what the principals of an environment can do now.

    Args:
        environment: the environment.
        session: an identity that may read IAM and the policies of the environment's resources.

    Raises:
        EphkError: IAM cannot be read.
    """
    builder = SnapshotBuilder(f"lease:{environment.name}")
    alike = _names(environment)
    prefix = f"ephk-{environment.lease_id}-"
    try:
        pages = session.client("iam").get_paginator("get_account_authorization_details").paginate()
        details = pages.build_full_result()
    except ClientError as error:
        raise EphkError(
            f"IAM cannot be read: {error.response['Error'].get('Message', error)}",
            next_step="The caller needs iam:GetAccountAuthorizationDetails.",
        ) from None
    ours = {arn for arn in (*environment.roles.values(), *(p.role_arn for p in environment.principals)) if arn}
    names = {arn.rpartition("/")[2] for arn in ours}
    details = json.loads(alike(json.dumps(details, default=str)))
    builder.saw(environment.cluster.arn)
    wanted_prefix, wanted = alike(prefix), {alike(name) for name in names}
    add_account(builder, details, wanted=lambda name: name.startswith(wanted_prefix) or name in wanted)
    for attached in attached_policies(environment, session):
        arn = alike(attached.arn)
        location = Location(address=arn)
        try:
            policy = attached.read()
        except ClientError as error:
            code = error.response["Error"]["Code"]
            builder.gap(location, f"the {attached.kind}'s policy could not be read: {code}")
            continue
        if policy:
            alike_policy = as_policy(json.loads(alike(json.dumps(policy)))) or {}
            builder.resource(arn, PolicyRecord(f"{attached.kind} policy", alike_policy, location))
    return builder.build()


def _names(environment: Environment) -> Callable[[str], str]:
    """Return what replaces an environment's own ids by words."""
    words = {
        f"cluster/{environment.cluster.name}/{environment.cluster.arn.rpartition('/')[2]}": "cluster/ephk-LEASE/UUID",
        f"{environment.cluster.name}/{environment.cluster.arn.rpartition('/')[2]}": "ephk-LEASE/UUID",
        environment.lease_id: "LEASE",
    }
    if environment.bucket is not None:
        words[environment.bucket.kms_key_arn.rpartition("/")[2]] = "KEY"
    for principal in environment.principals:
        if principal.secret_arn:
            # Secrets Manager adds a hyphen and six characters to the name.
            words[principal.secret_arn[-7:]] = "-SUFFIX"
    pattern = re.compile("|".join(re.escape(text) for text in sorted(words, key=len, reverse=True)))
    return lambda text: pattern.sub(lambda found: words[found[0]], text)
