"""Which policies must allow: one account, two accounts, boundaries, sessions, organizations, trust and key policies.

Every case is a request of the JSON interface with the expected decision and a part of the reason.
"""

# ruff: noqa: E501  (a case is a line: that is what makes the tables readable)

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.iam import decide_requests

A, B = "111122223333", "444455556666"
USER = f"arn:aws:iam::{A}:user/alice"
ROLE = f"arn:aws:iam::{A}:role/app"
SESSION = f"arn:aws:sts::{A}:assumed-role/app/s1"
OTHER_SESSION = f"arn:aws:sts::{A}:assumed-role/app/s2"
FEDERATED = f"arn:aws:sts::{A}:federated-user/alice"
ROOT = f"arn:aws:iam::{A}:root"
LINKED = f"arn:aws:sts::{A}:assumed-role/AWSServiceRoleForKafka/s"
BUCKET = "arn:aws:s3:::bucket/key"
GET = "s3:GetObject"


def policy(effect: str, action: Any = "*", resource: Any = "*", **more: Any) -> dict[str, Any]:
    statement = {"Effect": effect, "Action": action, "Resource": resource, **more}
    return {"Version": "2012-10-17", "Statement": [statement]}


def names(principal: Any, effect: str = "Allow", action: Any = "s3:*", **more: Any) -> dict[str, Any]:
    return policy(effect, action, "*", Principal=principal, **more)


def trust(principal: Any, effect: str = "Allow", action: Any = "sts:AssumeRole", **more: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": {"Effect": effect, "Action": action, "Principal": principal, **more}}


ALLOW, DENY = policy("Allow"), policy("Deny")
OTHER = policy("Allow", "ec2:*")
S3 = policy("Allow", "s3:*")

Case = tuple[str, dict[str, Any], str, str]


def check(cases: list[Case], base: dict[str, Any]) -> list[Any]:
    return [pytest.param({**base, **case}, decision, reason, id=name) for name, case, decision, reason in cases]


def decide(request: dict[str, Any]) -> dict[str, str]:
    return decide_requests([request])["decisions"][0]


IDENTITY: list[Case] = [
    ("nothing", {}, "deny", "no identity-based policy allows the s3:GetObject action"),
    ("allow", {"identity": [ALLOW]}, "allow", "an identity-based policy allows"),
    ("other action", {"identity": [OTHER]}, "deny", "no identity-based policy allows"),
    ("any of two", {"identity": [OTHER, S3]}, "allow", "identity-based"),
    ("deny wins", {"identity": [ALLOW, DENY]}, "deny", "with an explicit deny in an identity-based policy"),
    ("deny first", {"identity": [DENY, ALLOW]}, "deny", "with an explicit deny in an identity-based policy"),
    ("deny alone", {"identity": [DENY]}, "deny", "with an explicit deny in an identity-based policy"),
    ("action in other case", {"identity": [policy("Allow", "S3:getOBJECT")]}, "allow", ""),
    ("wildcard in action", {"identity": [policy("Allow", "s3:Get*")]}, "allow", ""),
    ("one character", {"identity": [policy("Allow", "s3:GetObjec?")]}, "allow", ""),
    ("one character is not none", {"identity": [policy("Allow", "s3:GetObject?")]}, "deny", ""),
    ("list of actions", {"identity": [policy("Allow", ["ec2:*", "s3:GetObject"])]}, "allow", ""),
    ("resource", {"identity": [policy("Allow", "*", "arn:aws:s3:::bucket/*")]}, "allow", ""),
    ("other resource", {"identity": [policy("Allow", "*", "arn:aws:s3:::other/*")]}, "deny", ""),
    ("resource in other case", {"identity": [policy("Allow", "*", "arn:aws:s3:::BUCKET/*")]}, "deny", ""),
    ("deny of another resource", {"identity": [ALLOW, policy("Deny", "*", "arn:aws:s3:::other/*")]}, "allow", ""),
    ("own folder", {"identity": [policy("Allow", "*", "arn:aws:s3:::bucket/${aws:username, 'key'}")]}, "deny", ""),
    (
        "single statement",
        {"identity": [{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}]},
        "allow",
        "",
    ),
    ("policy as text", {"identity": ['{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}']}, "allow", ""),
    ("role may ask", {"principal": ROLE, "identity": [ALLOW]}, "allow", ""),
    ("session may ask", {"principal": SESSION, "identity": [ALLOW]}, "allow", ""),
]


def without(element: str, replacement: dict[str, Any], effect: str = "Allow") -> dict[str, Any]:
    statement: dict[str, Any] = {"Effect": effect, "Action": "*", "Resource": "*"}
    del statement[element]
    return {"Version": "2012-10-17", "Statement": [{**statement, **replacement}]}


NEGATIONS: list[Case] = [
    ("NotAction other", {"identity": [without("Action", {"NotAction": "ec2:*"})]}, "allow", ""),
    ("NotAction same", {"identity": [without("Action", {"NotAction": "s3:*"})]}, "deny", ""),
    ("NotAction list", {"identity": [without("Action", {"NotAction": ["ec2:*", "S3:Get*"]})]}, "deny", ""),
    ("deny NotAction same", {"identity": [ALLOW, without("Action", {"NotAction": "s3:*"}, "Deny")]}, "allow", ""),
    (
        "deny NotAction other",
        {"identity": [ALLOW, without("Action", {"NotAction": "ec2:*"}, "Deny")]},
        "deny",
        "explicit",
    ),
    ("NotResource other", {"identity": [without("Resource", {"NotResource": "arn:aws:s3:::other/*"})]}, "allow", ""),
    ("NotResource same", {"identity": [without("Resource", {"NotResource": "arn:aws:s3:::bucket/*"})]}, "deny", ""),
    (
        "deny NotResource other",
        {"identity": [ALLOW, without("Resource", {"NotResource": "arn:aws:s3:::other/*"}, "Deny")]},
        "deny",
        "explicit",
    ),
    (
        "deny NotResource same",
        {"identity": [ALLOW, without("Resource", {"NotResource": "arn:aws:s3:::bucket/*"}, "Deny")]},
        "allow",
        "",
    ),
    (
        "NotResource variable",
        {"identity": [without("Resource", {"NotResource": "arn:aws:s3:::${aws:username}/*"})]},
        "allow",
        "",
    ),
    (
        "NotResource unresolved",
        {"identity": [without("Resource", {"NotResource": "arn:aws:s3:::${a:b}/*"})]},
        "deny",
        "",
    ),
    (
        "deny NotResource unresolved",
        {"identity": [ALLOW, without("Resource", {"NotResource": "arn:aws:s3:::${a:b}/*"}, "Deny")]},
        "deny",
        "explicit",
    ),
]

BOUNDARY: list[Case] = [
    ("allows", {"identity": [ALLOW], "boundary": S3}, "allow", ""),
    (
        "does not allow",
        {"identity": [ALLOW], "boundary": OTHER},
        "deny",
        "no permissions boundary allows the s3:GetObject",
    ),
    ("grants nothing", {"boundary": ALLOW}, "deny", "no identity-based policy allows"),
    ("denies", {"identity": [ALLOW], "boundary": DENY}, "deny", "with an explicit deny in a permissions boundary"),
    ("of a role", {"principal": SESSION, "identity": [ALLOW], "boundary": OTHER}, "deny", "no permissions boundary"),
    ("and session", {"principal": SESSION, "identity": [ALLOW], "boundary": S3, "session": S3}, "allow", ""),
]

SESSIONS: list[Case] = [
    ("allows", {"identity": [ALLOW], "session": S3}, "allow", ""),
    (
        "does not allow",
        {"identity": [ALLOW], "session": OTHER},
        "deny",
        "no session policy allows the s3:GetObject action",
    ),
    ("grants nothing", {"session": ALLOW}, "deny", "no identity-based policy"),
    ("denies", {"identity": [ALLOW], "session": DENY}, "deny", "with an explicit deny in a session policy"),
    ("any of several", {"identity": [ALLOW], "session": [OTHER, S3]}, "allow", ""),
    ("absent", {"identity": [ALLOW], "session": None}, "allow", ""),
    ("no list of them", {"identity": [ALLOW], "session": []}, "allow", ""),
    ("federated user needs one", {"principal": FEDERATED, "identity": [ALLOW]}, "deny", "no session policy allows"),
    ("federated user has one", {"principal": FEDERATED, "identity": [ALLOW], "session": S3}, "allow", ""),
]

SCP: list[Case] = [
    ("none", {"scps": []}, "allow", ""),
    ("null", {"scps": None}, "allow", ""),
    ("allows", {"scps": [ALLOW]}, "allow", ""),
    ("every level", {"scps": [ALLOW, S3, ALLOW]}, "allow", ""),
    (
        "root does not allow",
        {"scps": [OTHER, ALLOW]},
        "deny",
        "no service control policy allows the s3:GetObject action",
    ),
    ("account does not allow", {"scps": [ALLOW, OTHER]}, "deny", "no service control policy allows"),
    ("several at a level", {"scps": [[OTHER, S3], ALLOW]}, "allow", ""),
    ("none of several", {"scps": [[OTHER, OTHER], ALLOW]}, "deny", "no service control policy"),
    ("level without policy", {"scps": [ALLOW, []]}, "deny", "no service control policy"),
    (
        "denies",
        {"scps": [[ALLOW, policy("Deny", "s3:*")]]},
        "deny",
        "with an explicit deny in a service control policy",
    ),
    ("denies with condition", {"scps": [[ALLOW, policy("Deny", Condition={"Bool": {"aws:x": "true"}})]]}, "allow", ""),
    ("limits the root user", {"principal": ROOT, "identity": [], "scps": [OTHER]}, "deny", "no service control policy"),
    (
        "limits direct grants",
        {"scps": [OTHER], "resource_policy": names({"AWS": USER})},
        "deny",
        "no service control policy",
    ),
    ("not service-linked roles", {"principal": LINKED, "scps": [[ALLOW, DENY]]}, "allow", ""),
    ("not services", {"principal": "s3.amazonaws.com", "scps": [DENY], "resource_policy": names("*")}, "allow", ""),
]

ONE_ACCOUNT: list[Case] = [
    ("user named", {"resource_policy": names({"AWS": USER})}, "allow", "a resource-based policy allows"),
    ("other user named", {"resource_policy": names({"AWS": f"{USER}2"})}, "deny", "no identity-based policy"),
    ("user in other case", {"resource_policy": names({"AWS": USER.replace("alice", "Alice")})}, "deny", ""),
    ("everyone", {"resource_policy": names("*")}, "allow", "resource-based"),
    ("every AWS", {"resource_policy": names({"AWS": "*"})}, "allow", "resource-based"),
    ("account alone", {"resource_policy": names({"AWS": A})}, "deny", "no identity-based policy"),
    ("account ARN alone", {"resource_policy": names({"AWS": ROOT})}, "deny", "no identity-based policy"),
    ("account and identity", {"resource_policy": names({"AWS": ROOT}), "identity": [S3]}, "allow", ""),
    ("identity alone", {"resource_policy": names({"AWS": f"{USER}2"}), "identity": [S3]}, "allow", "identity-based"),
    ("user named, boundary silent", {"resource_policy": names({"AWS": USER}), "boundary": OTHER}, "allow", ""),
    ("everyone, boundary silent", {"resource_policy": names("*"), "boundary": OTHER}, "allow", ""),
    ("user named, boundary denies", {"resource_policy": names({"AWS": USER}), "boundary": DENY}, "deny", "explicit"),
    ("denies user", {"resource_policy": names({"AWS": USER}, "Deny"), "identity": [S3]}, "deny", "in a resource-based policy"),
    ("denies account", {"resource_policy": names({"AWS": A}, "Deny"), "identity": [S3]}, "deny", "in a resource-based policy"),
    ("denies everyone", {"resource_policy": names("*", "Deny"), "identity": [S3]}, "deny", "in a resource-based policy"),
    ("denies others", {"resource_policy": names({"AWS": B}, "Deny"), "identity": [S3]}, "allow", ""),
    (
        "TLS only, plain",
        {
            "resource_policy": names("*", "Deny", Condition={"Bool": {"aws:SecureTransport": "false"}}),
            "identity": [S3],
            "context": {"aws:SecureTransport": "false"},
        },
        "deny",
        "with an explicit deny in a resource-based policy",
    ),
    (
        "TLS only, encrypted",
        {
            "resource_policy": names("*", "Deny", Condition={"Bool": {"aws:SecureTransport": "false"}}),
            "identity": [S3],
            "context": {"aws:SecureTransport": True},
        },
        "allow",
        "",
    ),
    ("role named", {"principal": SESSION, "resource_policy": names({"AWS": ROLE})}, "allow", "resource-based"),
    ("role named, boundary silent", {"principal": SESSION, "resource_policy": names({"AWS": ROLE}), "boundary": OTHER}, "deny", "no permissions boundary"),
    ("role named, session silent", {"principal": SESSION, "resource_policy": names({"AWS": ROLE}), "session": OTHER}, "deny", "no session policy"),
    ("role named, both allow", {"principal": SESSION, "resource_policy": names({"AWS": ROLE}), "session": S3, "boundary": S3}, "allow", ""),
    ("session named", {"principal": SESSION, "resource_policy": names({"AWS": SESSION}), "session": OTHER, "boundary": OTHER}, "allow", ""),
    ("other session named", {"principal": SESSION, "resource_policy": names({"AWS": OTHER_SESSION})}, "deny", ""),
    ("role with path named", {"principal": SESSION, "resource_policy": names({"AWS": f"arn:aws:iam::{A}:role/team/app"})}, "allow", ""),
    ("role of the same name elsewhere", {"principal": SESSION, "resource_policy": names({"AWS": f"arn:aws:iam::{B}:role/app"})}, "deny", ""),
    ("role denied", {"principal": SESSION, "identity": [S3], "resource_policy": names({"AWS": ROLE}, "Deny")}, "deny", "explicit"),
    ("role by PrincipalArn", {"principal": SESSION, "boundary": OTHER, "resource_policy": names("*", Condition={"ArnEquals": {"aws:PrincipalArn": ROLE}})}, "allow", ""),
    ("federated session named", {"principal": FEDERATED, "resource_policy": names({"AWS": FEDERATED})}, "allow", ""),
    ("federating user named", {"principal": FEDERATED, "resource_policy": names({"AWS": USER})}, "deny", "no session policy"),
    ("federating user named, session", {"principal": FEDERATED, "resource_policy": names({"AWS": USER}), "session": S3}, "allow", ""),
    ("service named", {"principal": "logs.amazonaws.com", "resource_policy": names({"Service": "logs.amazonaws.com"})}, "allow", ""),
    ("other service named", {"principal": "logs.amazonaws.com", "resource_policy": names({"Service": "sns.amazonaws.com"})}, "deny", "no resource-based policy"),
    ("service, account named", {"principal": "logs.amazonaws.com", "resource_policy": names({"AWS": A})}, "deny", ""),
    ("service denied with everyone", {"principal": "logs.amazonaws.com", "resource_policy": {"Statement": [names({"Service": "logs.amazonaws.com"})["Statement"][0], names({"AWS": "*"}, "Deny")["Statement"][0]]}}, "deny", "explicit"),
    ("anonymous", {"principal": "*", "resource_policy": names("*")}, "allow", ""),
    ("anonymous, every AWS", {"principal": "anonymous", "resource_policy": names({"AWS": "*"})}, "allow", ""),
    ("anonymous, account", {"principal": "*", "resource_policy": names({"AWS": A})}, "deny", "no resource-based policy"),
    ("canonical user", {"principal": "7" * 64, "resource_policy": names({"CanonicalUser": "7" * 64})}, "allow", ""),
    ("root user", {"principal": ROOT}, "allow", "account root user has full access"),
    ("root user denied", {"principal": ROOT, "resource_policy": names("*", "Deny")}, "deny", "explicit"),
    ("unique ID of a user", {"resource_policy": names({"AWS": "AIDACKCEVSQ6C2EXAMPLE"}), "context": {"aws:userid": "AIDACKCEVSQ6C2EXAMPLE"}}, "allow", ""),
    ("unique ID of a deleted user", {"resource_policy": names({"AWS": "AIDACKCEVSQ6C2EXAMPLE"}), "context": {"aws:userid": "AIDANEWUSERNEWEXAMPLE"}}, "deny", ""),
    ("unique ID of a role", {"principal": SESSION, "resource_policy": names({"AWS": "AROACKCEVSQ6C2EXAMPLE"}), "boundary": OTHER, "context": {"aws:userid": "AROACKCEVSQ6C2EXAMPLE:s1"}}, "deny", "boundary"),
    ("account, then user named", {"resource_policy": {"Statement": [names({"AWS": A})["Statement"][0], names({"AWS": USER})["Statement"][0]]}}, "allow", "resource-based"),
    ("user, then account named", {"resource_policy": {"Statement": [names({"AWS": USER})["Statement"][0], names({"AWS": A})["Statement"][0]]}}, "allow", "resource-based"),
    ("without Resource", {"resource_policy": {"Statement": {"Effect": "Allow", "Principal": "*", "Action": "s3:*"}}}, "allow", ""),
    ("caller identity", {"action": "sts:GetCallerIdentity", "resource": "*", "identity": [DENY]}, "allow", "requires no permissions"),
]  # fmt: skip


def not_principal(*arns: str) -> dict[str, Any]:
    return policy("Deny", "s3:*", "*", NotPrincipal={"AWS": list(arns)})


NOT_PRINCIPAL: list[Case] = [
    ("user and account", {"resource_policy": not_principal(USER, ROOT)}, "allow", ""),
    ("user alone", {"resource_policy": not_principal(USER)}, "allow", ""),
    (
        "other user",
        {"resource_policy": not_principal(f"{USER}2", ROOT)},
        "deny",
        "explicit deny in a resource-based policy",
    ),
    ("account", {"resource_policy": not_principal(ROOT)}, "allow", ""),
    ("other account", {"resource_policy": not_principal(B)}, "deny", "explicit"),
    (
        "session, role, account",
        {"principal": SESSION, "resource_policy": not_principal(SESSION, ROLE, ROOT)},
        "allow",
        "",
    ),
    (
        "other session",
        {"principal": OTHER_SESSION, "resource_policy": not_principal(SESSION, ROLE, ROOT)},
        "deny",
        "explicit",
    ),
    ("role and account", {"principal": SESSION, "resource_policy": not_principal(ROLE, ROOT)}, "allow", ""),
    ("with a boundary", {"boundary": ALLOW, "resource_policy": not_principal(USER, ROOT)}, "deny", "explicit"),
    ("service", {"principal": "logs.amazonaws.com", "resource_policy": not_principal(USER, ROOT)}, "deny", "explicit"),
]

TWO_ACCOUNTS: list[Case] = [
    ("both", {"identity": [S3], "resource_policy": names({"AWS": USER})}, "allow", "a resource-based policy"),
    ("identity only", {"identity": [S3]}, "deny", "no resource-based policy allows the s3:GetObject action"),
    ("resource only", {"resource_policy": names({"AWS": USER})}, "deny", "no identity-based policy allows"),
    ("everyone, no identity", {"resource_policy": names("*")}, "deny", "no identity-based policy"),
    ("everyone and identity", {"identity": [S3], "resource_policy": names("*")}, "allow", ""),
    ("account and identity", {"identity": [S3], "resource_policy": names({"AWS": A})}, "allow", ""),
    ("owner's account only", {"identity": [S3], "resource_policy": names({"AWS": B})}, "deny", "no resource-based policy"),
    ("boundary", {"identity": [S3], "boundary": OTHER, "resource_policy": names({"AWS": USER})}, "deny", "no permissions boundary"),
    ("session", {"principal": SESSION, "identity": [S3], "session": OTHER, "resource_policy": names({"AWS": SESSION})}, "deny", "no session policy"),
    ("session named, no identity", {"principal": SESSION, "resource_policy": names({"AWS": SESSION})}, "deny", "no identity-based"),
    ("role", {"principal": SESSION, "identity": [S3], "resource_policy": names({"AWS": ROLE})}, "allow", ""),
    ("SCP", {"identity": [S3], "scps": [OTHER], "resource_policy": names({"AWS": USER})}, "deny", "no service control policy"),
    ("resource denies", {"identity": [S3], "resource_policy": names({"AWS": A}, "Deny")}, "deny", "explicit"),
    ("root user", {"principal": ROOT, "resource_policy": names({"AWS": A})}, "allow", ""),
    ("root user, not named", {"principal": ROOT}, "deny", "no resource-based policy"),
    ("service", {"principal": "sns.amazonaws.com", "resource_policy": names({"Service": "sns.amazonaws.com"})}, "allow", ""),
]  # fmt: skip

TRUST: list[Case] = [
    ("user named", {"resource_policy": trust({"AWS": USER})}, "allow", "a role trust policy allows the sts:AssumeRole action"),
    ("user named, boundary silent", {"resource_policy": trust({"AWS": USER}), "boundary": OTHER}, "allow", ""),
    ("no trust", {"identity": [ALLOW]}, "deny", "no role trust policy allows the sts:AssumeRole action"),
    ("others trusted", {"identity": [ALLOW], "resource_policy": trust({"AWS": f"{USER}2"})}, "deny", "no role trust policy"),
    ("account, no identity", {"resource_policy": trust({"AWS": ROOT})}, "deny", "no identity-based policy"),
    ("account and identity", {"identity": [ALLOW], "resource_policy": trust({"AWS": A})}, "allow", ""),
    ("account, boundary silent", {"identity": [ALLOW], "boundary": OTHER, "resource_policy": trust({"AWS": A})}, "deny", "no permissions boundary"),
    ("role", {"principal": SESSION, "resource_policy": trust({"AWS": ROLE})}, "allow", ""),
    ("role, session silent", {"principal": SESSION, "session": OTHER, "resource_policy": trust({"AWS": ROLE})}, "deny", "no session policy"),
    ("identity denies", {"identity": [DENY], "resource_policy": trust({"AWS": USER})}, "deny", "identity-based"),
    ("trust denies", {"identity": [ALLOW], "resource_policy": trust({"AWS": A}, "Deny")}, "deny", "with an explicit deny in the role trust policy"),
    ("service", {"principal": "kafkaconnect.amazonaws.com", "resource_policy": trust({"Service": "kafkaconnect.amazonaws.com"})}, "allow", ""),
    ("other service", {"principal": "ec2.amazonaws.com", "resource_policy": trust({"Service": ["kafkaconnect.amazonaws.com", "lambda.amazonaws.com"]})}, "deny", ""),
    ("external ID", {"resource_policy": trust({"AWS": USER}, Condition={"StringEquals": {"sts:ExternalId": "x"}}), "context": {"sts:ExternalId": "x"}}, "allow", ""),
    ("no external ID", {"resource_policy": trust({"AWS": USER}, Condition={"StringEquals": {"sts:ExternalId": "x"}})}, "deny", ""),
    ("other action trusted", {"identity": [ALLOW], "resource_policy": trust({"AWS": USER}, action="sts:TagSession")}, "deny", "no role trust policy"),
    ("tag session", {"action": "sts:TagSession", "resource_policy": trust({"AWS": USER}, action="sts:TagSession")}, "allow", ""),
    ("root user", {"principal": ROOT, "resource_policy": trust({"AWS": ROOT})}, "deny", "account root user"),
    ("two accounts", {"account": B, "identity": [ALLOW], "resource_policy": trust({"AWS": A})}, "allow", ""),
    ("two accounts, no identity", {"account": B, "resource_policy": trust({"AWS": USER})}, "deny", "no identity-based policy"),
    ("web identity", {"action": "sts:AssumeRoleWithWebIdentity", "principal": f"arn:aws:iam::{A}:oidc-provider/token.example.com", "resource_policy": trust({"Federated": f"arn:aws:iam::{A}:oidc-provider/token.example.com"}, action="sts:AssumeRoleWithWebIdentity")}, "allow", ""),
    ("web identity of a host", {"action": "sts:AssumeRoleWithWebIdentity", "principal": "cognito-identity.amazonaws.com", "resource_policy": trust({"Federated": "cognito-identity.amazonaws.com"}, action="sts:AssumeRoleWithWebIdentity")}, "allow", ""),
    ("web identity, wrong subject", {"action": "sts:AssumeRoleWithWebIdentity", "principal": "accounts.google.com", "context": {"accounts.google.com:aud": "66"}, "resource_policy": trust({"Federated": "accounts.google.com"}, action="sts:AssumeRoleWithWebIdentity", Condition={"StringEquals": {"accounts.google.com:aud": "67"}})}, "deny", "no role trust policy"),
    ("every AWS is no identity provider", {"action": "sts:AssumeRoleWithWebIdentity", "principal": "accounts.google.com", "resource_policy": trust({"AWS": "*"}, action="sts:AssumeRoleWithWebIdentity")}, "deny", ""),
    ("SAML", {"action": "sts:AssumeRoleWithSAML", "principal": {"Federated": f"arn:aws:iam::{A}:saml-provider/idp"}, "resource_policy": trust({"Federated": f"arn:aws:iam::{A}:saml-provider/idp"}, action="sts:AssumeRoleWithSAML")}, "allow", ""),
    ("trust with Resource", {"resource_policy": names({"AWS": USER}, action="sts:*")}, "error", "Resource"),
    ("trust with NotPrincipal", {"resource_policy": {"Statement": {"Effect": "Deny", "NotPrincipal": {"AWS": USER}, "Action": "*"}}}, "error", "NotPrincipal"),
]  # fmt: skip

KEY = f"arn:aws:kms:us-east-1:{A}:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def key_policy(principal: Any, effect: str = "Allow", **more: Any) -> dict[str, Any]:
    return names(principal, effect, "kms:*", **more)


KMS: list[Case] = [
    ("identity alone", {"identity": [ALLOW]}, "deny", "no resource-based policy allows the kms:Decrypt action"),
    ("key policy for others", {"identity": [ALLOW], "resource_policy": key_policy({"AWS": B})}, "deny", "no resource-based"),
    ("delegated to the account", {"identity": [ALLOW], "resource_policy": key_policy({"AWS": ROOT})}, "allow", "identity-based"),
    ("delegated, no identity", {"resource_policy": key_policy({"AWS": ROOT})}, "deny", "no identity-based"),
    ("user named", {"resource_policy": key_policy({"AWS": USER})}, "allow", "resource-based"),
    ("role named", {"principal": SESSION, "resource_policy": key_policy({"AWS": ROLE})}, "allow", ""),
    ("role named, boundary", {"principal": SESSION, "boundary": OTHER, "resource_policy": key_policy({"AWS": ROLE})}, "deny", "boundary"),
    ("key policy denies", {"identity": [ALLOW], "resource_policy": key_policy({"AWS": ROOT}, "Deny")}, "deny", "explicit"),
    ("identity denies", {"identity": [DENY], "resource_policy": key_policy({"AWS": USER})}, "deny", "explicit"),
    ("root user, named", {"principal": ROOT, "resource_policy": key_policy({"AWS": ROOT})}, "allow", ""),
    ("root user, not named", {"principal": ROOT, "resource_policy": key_policy({"AWS": USER})}, "deny", "no resource-based"),
    ("delegated for a service", {"identity": [ALLOW], "context": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}, "resource_policy": key_policy({"AWS": A}, Condition={"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}})}, "allow", ""),
    ("delegated for another service", {"identity": [ALLOW], "context": {"kms:ViaService": "ec2.us-east-1.amazonaws.com"}, "resource_policy": key_policy({"AWS": A}, Condition={"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}})}, "deny", "no resource-based"),
    ("other account", {"account": B, "identity": [ALLOW], "resource_policy": key_policy({"AWS": A})}, "allow", ""),
    ("no key: create", {"action": "kms:CreateKey", "resource": "*", "identity": [ALLOW]}, "allow", ""),
    ("no key: list", {"action": "kms:ListAliases", "resource": "*", "identity": [ALLOW]}, "allow", ""),
    ("alias", {"action": "kms:CreateAlias", "resource": f"arn:aws:kms:us-east-1:{A}:alias/a", "identity": [ALLOW]}, "allow", ""),
]  # fmt: skip

BASE = {"principal": USER, "action": GET, "resource": BUCKET, "account": A, "context": {}}
ASSUME = {"principal": USER, "action": "sts:AssumeRole", "resource": f"arn:aws:iam::{A}:role/target", "account": A}
DECRYPT = {"principal": USER, "action": "kms:Decrypt", "resource": KEY, "account": A}

ALL = [
    *check(IDENTITY, BASE),
    *check(NEGATIONS, BASE),
    *check(BOUNDARY, BASE),
    *check(SESSIONS, {**BASE, "principal": SESSION}),
    *check(SCP, {**BASE, "identity": [ALLOW]}),
    *check(ONE_ACCOUNT, BASE),
    *check(NOT_PRINCIPAL, {**BASE, "identity": [ALLOW]}),
    *check(TWO_ACCOUNTS, {**BASE, "account": B}),
    *check(TRUST, ASSUME),
    *check(KMS, DECRYPT),
]


@pytest.mark.parametrize(("request_", "decision", "reason"), ALL)
def test_decision(request_: dict[str, Any], decision: str, reason: str) -> None:
    found = decide(request_)
    assert (found["decision"], reason in found["reason"]) == (decision, True), found["reason"]


def test_account_of_the_resource_comes_from_its_arn() -> None:
    request = {"principal": USER, "action": "sqs:SendMessage", "identity": [ALLOW]}
    assert decide({**request, "resource": f"arn:aws:sqs:us-east-1:{A}:q"})["decision"] == "allow"
    assert decide({**request, "resource": f"arn:aws:sqs:us-east-1:{B}:q"})["decision"] == "deny"
    assert decide({**request, "resource": f"arn:aws:sqs:us-east-1:{B}:q", "account": A})["decision"] == "allow"


def test_msk_topic_grants() -> None:
    cluster = f"arn:aws:kafka:us-east-1:{A}"
    grants = policy("Allow", ["kafka-cluster:WriteData", "kafka-cluster:DescribeTopic"], f"{cluster}:topic/c/*/orders")
    for action, topic, expected in [
        ("kafka-cluster:WriteData", "c/uuid/orders", "allow"),
        ("kafka-cluster:ReadData", "c/uuid/orders", "deny"),
        ("kafka-cluster:WriteData", "c/uuid/payments", "deny"),
        ("kafka-cluster:WriteData", "other/uuid/orders", "deny"),
    ]:
        request = {"principal": SESSION, "action": action, "resource": f"{cluster}:topic/{topic}", "identity": [grants]}
        assert decide(request)["decision"] == expected


def test_a_vpc_endpoints_policy_limits_and_grants_nothing() -> None:
    from orchestrator.iam import PolicySet, Request

    request = Request(f"arn:aws:iam::{A}:user/alice", "s3:GetObject", "arn:aws:s3:::own/key")
    own = {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::own/*"}
    everything = [{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}]

    def decided(*statements: dict[str, Any], identity: Any = everything) -> tuple[bool, str]:
        endpoint = {"Version": "2012-10-17", "Statement": list(statements)}
        decision = PolicySet(identity_policies=identity, endpoint_policy=endpoint).decide(request)
        return decision.allowed, decision.reason

    assert decided(own)[0]
    assert decided(own, identity=[]) == (False, "no identity-based policy allows the s3:GetObject action")
    other = {**own, "Resource": "arn:aws:s3:::other/*"}
    assert decided(other) == (False, "no VPC endpoint policy allows the s3:GetObject action")
    denied = {**own, "Effect": "Deny"}
    assert decided(own, denied) == (False, "with an explicit deny in a VPC endpoint policy")
    root = {**own, "Principal": {"AWS": f"arn:aws:iam::{A}:root"}}
    assert decided(root)[0]
    assert not decided({**own, "Principal": {"AWS": "999999999999"}})[0]
