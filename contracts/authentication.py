"""Authentication: the right credentials are accepted, wrong ones and none are refused, by every broker."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from contracts.access import ANSWER_S, Access, Address
from contracts.applicability import IAM_ONLY
from contracts.credentials import self_signed
from contracts.listeners import try_tls
from contracts.model import Failed, Outcome, ProbeError, Verified, Watch
from contracts.registry import contract
from contracts.wire import BrokerConnection, SaslRefusedError, Scram, TlsRefusedError, WireError, error_name, requests
from orchestrator.environment import Principal

_SASL_AUTHENTICATION_FAILED = 58
_UNSUPPORTED_MECHANISM = 33
#: Alerts that refuse a client for its certificate: TLS 1.3's own, and what TLS 1.2 and older JDKs send.
_CERTIFICATE_ALERTS = ("CERTIFICATE_REQUIRED", "BAD_CERTIFICATE", "HANDSHAKE_FAILURE")
_STRANGER_ALERTS = ("UNKNOWN_CA", "CERTIFICATE_UNKNOWN", "BAD_CERTIFICATE")


def _scram_principals(access: Access) -> list[Principal]:
    return [principal for principal in access.environment.principals if principal.auth == "scram"]


@contract(
    "auth.scram.accepts",
    title="SCRAM users are known to every broker",
    risk="Applications cannot connect although their secret exists",
    statement="Every broker accepts every SCRAM principal with the password of its secret",
    remediation="Associate the secret with the cluster; it must be named AmazonMSK_* and use a customer-managed key",
    documentation="Amazon MSK Developer Guide, Sign-in credentials authentication with AWS Secrets Manager",
    needs=("listener.scram", "principal.scram"),
    not_on=IAM_ONLY,
)
def scram_accepts(access: Access, watch: Watch) -> Outcome:
    """Authenticate as every principal on every broker."""
    accepted: dict[str, list[str]] = {}
    for principal in _scram_principals(access):
        for address in access.addresses("scram", watch):
            try:
                connection = access.connection(principal, address, watch)
            except SaslRefusedError as error:
                return Failed(f"{address} refused {principal.name}: {error_name(error.code)}", {"accepted": accepted})
            accepted.setdefault(principal.name, []).append(f"{address} {connection.tls_version()}")
    return Verified({"accepted": accepted})


def judge_wrong_password(codes: Mapping[str, int]) -> Outcome:
    """Judge what a wrong password brought, by address: 0 is acceptance, and only code 58 the right refusal."""
    evidence = {address: error_name(code) for address, code in codes.items()}
    for address, code in codes.items():
        if code == 0:
            return Failed(f"{address} accepted a wrong password", evidence)
    for address, code in codes.items():
        if code != _SASL_AUTHENTICATION_FAILED:
            raise ProbeError(f"{address} refused with {error_name(code)}, not for the password", evidence)
    return Verified(evidence)


@contract(
    "auth.scram.wrong-password.refused",
    title="Wrong passwords are refused",
    risk="Anybody who knows a user name gets in",
    statement="Every broker refuses a SCRAM user with a wrong password: SASL_AUTHENTICATION_FAILED",
    remediation="Check the SASL configuration of the SCRAM listener",
    documentation="RFC 5802; KIP-84, KIP-152",
    needs=("listener.scram", "principal.scram"),
    not_on=IAM_ONLY,
)
def wrong_password(access: Access, watch: Watch) -> Outcome:
    """Authenticate as a real user with a random password."""
    username = access.credentials.scram(_scram_principals(access)[0], watch).username
    context = access.context(watch)
    codes: dict[str, int] = {}
    for address in access.addresses("scram", watch):
        watch.waiting(f"{address} to refuse a wrong password")
        try:
            BrokerConnection(
                address.host,
                address.port,
                context,
                Scram(username, secrets.token_urlsafe(24)),
                timeout_s=watch.remaining(ANSWER_S),
            ).close()
        except SaslRefusedError as error:
            codes[str(address)] = error.code
        else:
            codes[str(address)] = 0
    return judge_wrong_password(codes)


@contract(
    "auth.mtls.accepts",
    title="Certificates of the private CA are accepted",
    risk="Applications with a valid certificate cannot connect",
    statement="Every broker's mTLS listener accepts a client certificate that the environment's private CA issued",
    remediation="Name the private CA in the cluster's client authentication",
    documentation="Amazon MSK Developer Guide, Mutual TLS client authentication for Amazon MSK",
    needs=("listener.mtls", "authority"),
    not_on=IAM_ONLY,
)
def mtls_accepts(access: Access, watch: Watch) -> Outcome:
    """Issue a certificate and use it on every broker."""
    principal = access.identity("mtls")
    pair = access.credentials.certificate(access.common_name(principal), watch)
    accepted: list[str] = []
    for address in access.addresses("mtls", watch):
        if refusal := try_tls(access, address, watch, pair):
            return Failed(
                f"{address} refused a certificate of the private CA: {refusal.reason}", {"accepted": accepted}
            )
        accepted.append(str(address))
    return Verified({"accepted": accepted, "certificate": f"CN={access.common_name(principal)}"})


def judge_alerts(alerts: Mapping[str, str | None], right: tuple[str, ...], who: str) -> Outcome:
    """Judge TLS refusals of a client, by address.

    Args:
        alerts: OpenSSL's reason of each refusal; None means that the client was let in.
        right: endings of the reasons that refuse the client for its certificate.
        who: the client, for messages.
    """
    evidence = {address: alert or "accepted" for address, alert in alerts.items()}
    for address, alert in alerts.items():
        if alert is None:
            return Failed(f"{address} accepted {who}", evidence)
    for address, alert in alerts.items():
        if not (alert or "").endswith(right):
            raise ProbeError(f"{address} refused with {alert}, not for the certificate", evidence)
    return Verified(evidence)


def _alert(access: Access, address: Address, watch: Watch, pair: object = None) -> str | None:
    try:
        refusal: TlsRefusedError | None = try_tls(access, address, watch, pair)
    except WireError as error:
        raise ProbeError(f"{error}; a refusal has to be a TLS alert") from error
    return refusal.reason if refusal else None


@contract(
    "auth.mtls.no-certificate.refused",
    title="mTLS without a certificate is refused",
    risk="The mTLS listener is open to everybody who trusts the CA",
    statement="Every broker's mTLS listener refuses, by a TLS alert, a client that presents no certificate",
    remediation="Set ssl.client.auth=required; do not enable unauthenticated access",
    documentation="RFC 8446, section 4.4.2.4; Amazon MSK Developer Guide, Mutual TLS client authentication",
    needs=("listener.mtls",),
    not_on=IAM_ONLY,
)
def no_certificate(access: Access, watch: Watch) -> Outcome:
    """Connect without a certificate."""
    alerts = {str(a): _alert(access, a, watch) for a in access.addresses("mtls", watch)}
    return judge_alerts(alerts, _CERTIFICATE_ALERTS, "a client without a certificate")


@contract(
    "auth.mtls.foreign-certificate.refused",
    title="mTLS with a stranger's certificate is refused",
    risk="Anybody can make a certificate with an application's name",
    statement="Every broker's mTLS listener refuses, by a TLS alert, a certificate that its private CA did not issue",
    remediation="Trust only the environment's private CA on the mTLS listener",
    documentation="RFC 8446, section 4.4.2.4; Amazon MSK Developer Guide, Mutual TLS client authentication",
    needs=("listener.mtls",),
    not_on=IAM_ONLY,
)
def foreign_certificate(access: Access, watch: Watch) -> Outcome:
    """Connect with a self-signed certificate that bears a principal's name."""
    name = next((access.common_name(p) for p in access.environment.principals if p.auth == "mtls"), "ephk-probe")
    pair = self_signed(name)
    alerts = {str(a): _alert(access, a, watch, pair) for a in access.addresses("mtls", watch)}
    return judge_alerts(alerts, _STRANGER_ALERTS, "a self-signed certificate")


#: What each SASL listener may offer (Amazon MSK Developer Guide: SASL/SCRAM authentication; IAM access control).
_MECHANISMS = {"scram": frozenset({"SCRAM-SHA-512"}), "iam": frozenset({"OAUTHBEARER", "AWS_MSK_IAM"})}


def judge_mechanisms(offered: Mapping[tuple[str, str], tuple[int, tuple[str, ...]]]) -> Outcome:
    """Judge what listeners offered instead of a mechanism that does not exist, by (listener, address)."""
    evidence = {f"{listener} {address}": ", ".join(names) for (listener, address), (_, names) in offered.items()}
    for (listener, address), (code, names) in offered.items():
        if code != _UNSUPPORTED_MECHANISM:
            raise ProbeError(f"{address} answered {error_name(code)} to an unknown mechanism", evidence)
        if foreign := sorted(set(names) - _MECHANISMS[listener]):
            return Failed(f"{address} offers {foreign[0]} on the {listener} listener", evidence)
        if not names:
            return Failed(f"{address} offers no mechanism on the {listener} listener", evidence)
    return Verified(evidence)


@contract(
    "auth.mechanisms.least",
    title="Listeners offer their own mechanism alone",
    risk="A weaker mechanism (PLAIN, SCRAM-SHA-256) on the same port gives passwords away",
    statement="The SCRAM listener offers SCRAM-SHA-512 alone, the IAM listener OAUTHBEARER and AWS_MSK_IAM alone",
    remediation="Set sasl.enabled.mechanisms of each listener",
    documentation="KIP-43, KIP-103; Amazon MSK Developer Guide, Sign-in credentials authentication",
    needs=("listener.sasl",),
)
def mechanisms(access: Access, watch: Watch) -> Outcome:
    """Ask every broker for a mechanism that does not exist; it answers with those that do."""
    offered: dict[tuple[str, str], tuple[int, tuple[str, ...]]] = {}
    for listener in (name for name in access.environment.cluster.bootstrap if name in _MECHANISMS):
        for address in access.addresses(listener, watch):
            watch.waiting(f"the mechanisms of {address}")
            with BrokerConnection(
                address.host, address.port, access.context(watch), timeout_s=watch.remaining(ANSWER_S)
            ) as connection:
                offered[listener, str(address)] = requests.sasl_mechanisms(connection)
    return judge_mechanisms(offered)
