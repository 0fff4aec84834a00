"""The few actions whose rules differ from the general ones, each with the page that says so."""

from __future__ import annotations

_ASSUME_ROLE_ACTIONS = frozenset(
    {
        "sts:assumerole",
        "sts:assumerolewithsaml",
        "sts:assumerolewithwebidentity",
        "sts:setsourceidentity",
        "sts:tagsession",
    }
)
# AWS KMS Developer Guide, "AWS KMS permissions": the actions whose resource is no KMS key. An IAM policy suffices.
_KMS_ACTIONS_WITHOUT_KEY = frozenset(
    {
        "kms:connectcustomkeystore",
        "kms:createcustomkeystore",
        "kms:createkey",
        "kms:deletecustomkeystore",
        "kms:describecustomkeystores",
        "kms:disconnectcustomkeystore",
        "kms:generaterandom",
        "kms:listaliases",
        "kms:listkeys",
        "kms:listretirablegrants",
        "kms:updatecustomkeystore",
    }
)
# AWS STS API Reference, GetCallerIdentity: no permissions are required, and an explicit deny has no effect.
_WITHOUT_PERMISSION = frozenset({"sts:getcalleridentity"})


def is_assume_role(action_key: str) -> bool:
    """Whether a role's trust policy is the resource-based policy of an action, given in lower case."""
    return action_key in _ASSUME_ROLE_ACTIONS


def needs_no_permission(action_key: str) -> bool:
    """Whether an action is allowed to every caller that authenticates, whatever policies say."""
    return action_key in _WITHOUT_PERMISSION


def needs_resource_allow(action_key: str, resource: str) -> bool:
    """Whether the resource's own policy must allow the request even within one account.

    Role trust policies and KMS key policies are the exceptions to the rule that either side may allow (IAM User
    Guide, "Policy evaluation logic"). Aliases have no policy: an IAM policy decides about them.
    """
    if is_assume_role(action_key):
        return True
    return action_key.startswith("kms:") and action_key not in _KMS_ACTIONS_WITHOUT_KEY and ":alias/" not in resource
