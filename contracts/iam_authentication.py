"""IAM authentication: both of MSK's mechanisms, forged signatures, and re-authentication on a living connection.

A re-authentication must be the same principal's ("Cannot change principals during re-authentication", KIP-368). On MSK
the principal of a role is its session's ARN, so clients that make up a session name for each set of credentials fail
after some minutes or hours: pin it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial

from botocore.credentials import Credentials

from contracts.access import ANSWER_S, Access, Address
from contracts.model import Failed, Outcome, ProbeError, Verified, Watch
from contracts.registry import contract
from contracts.wire import BrokerConnection, MskIam, OAuthBearer, Sasl, SaslRefusedError, error_name, requests
from contracts.wire.msk_iam import payload
from orchestrator.environment import Principal

_REFUSED = 58
_CHANGED = "Cannot change principals during re-authentication"
_DOCUMENTATION = "Amazon MSK Developer Guide, IAM access control; KIP-368"


def _keys(access: Access, principal: Principal, watch: Watch) -> Credentials:
    return access.credentials.signing_keys(access.credentials.role(str(principal.role_arn), watch))


def _signed(access: Access, keys: Credentials, address: Address) -> MskIam:
    return MskIam(lambda: payload(keys, access.environment.cloud.region, address.host))


def _connect(access: Access, address: Address, sasl: Sasl, watch: Watch) -> BrokerConnection:
    watch.waiting(f"{address} to answer {sasl.mechanism}")
    return BrokerConnection(
        address.host, address.port, access.context(watch), sasl, timeout_s=watch.remaining(ANSWER_S)
    )


def judge_accepted(answers: Mapping[str, Mapping[str, str]]) -> Outcome:
    """Judge what each broker answered to each mechanism: `NONE` is acceptance."""
    for address, by_mechanism in answers.items():
        for mechanism, said in by_mechanism.items():
            if said != "NONE":
                return Failed(f"{address} refused {mechanism}: {said}", answers)
    return Verified(answers)


@contract(
    "auth.iam.accepts",
    title="IAM roles connect with both mechanisms",
    risk="Clients of one kind (Java's AWS_MSK_IAM, all others' OAUTHBEARER) cannot connect",
    statement="Every broker accepts a role's signature over OAUTHBEARER and over AWS_MSK_IAM, for a limited time",
    remediation="Enable IAM access control; the role needs kafka-cluster:Connect on the cluster",
    documentation=_DOCUMENTATION,
    needs=("listener.iam", "roles"),
)
def accepts(access: Access, watch: Watch) -> Outcome:
    """Authenticate on every broker with both mechanisms and ask for its metadata."""
    principal = access.identity("iam")
    keys = _keys(access, principal, watch)
    answers: dict[str, dict[str, str]] = {}
    endless: list[str] = []
    for address in access.addresses("iam", watch):
        bearer = OAuthBearer(lambda: access.credentials.token(principal, watch)[0])
        for sasl in (bearer, _signed(access, keys, address)):
            try:
                with _connect(access, address, sasl, watch) as connection:
                    requests.metadata(connection, [])
                    if connection.session_lifetime_ms <= 0:
                        endless.append(f"{address} ({sasl.mechanism})")
                    answers.setdefault(str(address), {})[sasl.mechanism] = "NONE"
            except SaslRefusedError as error:
                answers.setdefault(str(address), {})[sasl.mechanism] = error_name(error.code)
    outcome = judge_accepted(answers)
    if isinstance(outcome, Verified) and endless:
        return Failed(f"a session has no end on {', '.join(endless)}: set connections.max.reauth.ms", answers)
    return outcome


def judge_forged(codes: Mapping[str, int]) -> Outcome:
    """Judge what a forged signature brought, by broker and mechanism: 0 is acceptance, only code 58 the refusal."""
    evidence = {where: error_name(code) for where, code in codes.items()}
    for where, code in codes.items():
        if code == 0:
            return Failed(f"{where} accepted a forged signature", evidence)
    for where, code in codes.items():
        if code != _REFUSED:
            raise ProbeError(f"{where} refused with {error_name(code)}, not for the signature", evidence)
    return Verified(evidence)


def forged(keys: Credentials) -> Credentials:
    """Return the same identity with another secret: whatever it signs has the right form and the wrong signature."""
    return Credentials(keys.access_key, str(keys.secret_key)[::-1] + "x", keys.token)


@contract(
    "auth.iam.forged.refused",
    title="Forged IAM signatures are refused",
    risk="Whoever knows an access key's id, which is no secret, connects as its role",
    statement="Every broker refuses what is signed with another secret key or for another host, in both mechanisms",
    remediation="Check the IAM listener's callback handler",
    documentation=_DOCUMENTATION,
    needs=("listener.iam", "roles"),
)
def forged_refused(access: Access, watch: Watch) -> Outcome:
    """Sign with a wrong secret, and change the host that a right signature is for."""
    keys = _keys(access, access.identity("iam"), watch)
    region = access.environment.cloud.region
    codes: dict[str, int] = {}
    for address in access.addresses("iam", watch):
        elsewhere = json.loads(payload(keys, region, "b-1.elsewhere.example"))
        attempts: dict[str, Sasl] = {
            "token of a wrong secret": OAuthBearer(lambda: access.credentials.sign(forged(keys))[0]),
            "payload of a wrong secret": _signed(access, forged(keys), address),
            "payload for another host": MskIam(partial(json.dumps, {**elsewhere, "host": address.host})),
        }
        for what, sasl in attempts.items():
            try:
                _connect(access, address, sasl, watch).close()
            except SaslRefusedError as error:
                codes[f"{address}, {what}"] = error.code
            else:
                codes[f"{address}, {what}"] = 0
    return judge_forged(codes)


def judge_reauthentication(same: str, changed: str) -> Outcome:
    """Judge two re-authentications; the arguments are the brokers' refusals, empty for acceptance."""
    evidence = {"same session name": same or "accepted", "changed session name": changed or "accepted"}
    if same:
        return Failed(f"the same session name could not continue: {same}", evidence)
    if not changed:
        return Failed("a connection went on as another session", evidence)
    if _CHANGED not in changed:
        raise ProbeError(f"another session name was refused, but for another reason: {changed}", evidence)
    return Verified(evidence)


@contract(
    "auth.iam.reauthentication",
    title="Sessions are renewed, and stay the same principal's",
    risk="Clients are cut off after hours, when their credentials have been renewed under another session name",
    statement="On one connection, new keys of the same session name are accepted and those of another one are refused",
    remediation="Set a fixed role session name in the client (awsRoleSessionName), as 'ephk env --auth iam' does",
    documentation=_DOCUMENTATION,
    needs=("listener.iam", "roles"),
)
def reauthentication(access: Access, watch: Watch) -> Outcome:
    """Authenticate twice on one connection: with new keys of the same session name, and of another one."""
    principal, address = access.identity("iam"), access.addresses("iam", watch)[0]
    first = _signed(access, _keys(access, principal, watch), address)

    def again(*, same_name: bool) -> str:
        keys = access.credentials.another_session(principal, watch, same_name=same_name)
        with _connect(access, address, first, watch) as connection:
            try:
                connection.authenticate(_signed(access, keys, address))
            except SaslRefusedError as error:
                return str(error)
            requests.metadata(connection, [])
        return ""

    return judge_reauthentication(again(same_name=True), again(same_name=False))
