"""`ClientAuthentication` and `EncryptionInfo`: what MSK accepts, and what the embedded brokers can really do."""

from __future__ import annotations

import copy
from typing import Any

from orchestrator.embedded.gateway.moto_state import MotoState
from orchestrator.embedded.gateway.service import AwsError
from orchestrator.embedded.msk.arns import Names
from orchestrator.embedded.msk.model import Security


def _refuse(message: str, parameter: str) -> AwsError:
    return AwsError("BadRequestException", message, InvalidParameter=parameter)


def resolve(
    authentication: dict[str, Any] | None, encryption: dict[str, Any] | None, *, moto: MotoState, names: Names
) -> Security:
    """Validate what was asked for and fill in MSK's defaults.

    What was asked for is answered as it was, so that a tool that compares sees no difference.

    Args:
        authentication: the model's `ClientAuthentication`, or None.
        encryption: the model's `EncryptionInfo`, or None.
        moto: where KMS keys and private CAs are.
        names: makes the ARN of the account's own key.

    Raises:
        AwsError: MSK refuses it, or it needs a listener that the embedded target does not have.
    """
    asked = copy.deepcopy(authentication or {})
    sasl = asked.get("Sasl") or {}
    scram = bool((sasl.get("Scram") or {}).get("Enabled"))
    iam = bool((sasl.get("Iam") or {}).get("Enabled"))
    authorities = _authorities(asked.get("Tls") or {}, moto)
    if (asked.get("Unauthenticated") or {}).get("Enabled") or not (scram or iam or authorities):
        raise _refuse(
            "Unauthenticated access isn't available on the embedded target: every listener authenticates its clients. "
            "Turn on Sasl.Scram, Sasl.Iam or Tls.",
            "clientAuthentication",
        )
    return Security(scram, iam, authorities, asked, _encryption(encryption or {}, moto, names))


def _authorities(tls: dict[str, Any], moto: MotoState) -> tuple[str, ...]:
    arns = tuple(tls.get("CertificateAuthorityArnList") or ())
    if tls.get("Enabled") is False:
        return ()
    if tls.get("Enabled") and not arns:
        raise _refuse(
            "Provide at least one certificate authority ARN to turn on TLS authentication.", "clientAuthentication"
        )
    for arn in arns:
        if moto.certificate_authority_pem(arn) is None:
            raise _refuse(
                f"The private certificate authority {arn} doesn't exist or isn't active.", "certificateAuthorityArnList"
            )
    return arns


def client_ca_pem(security: Security, moto: MotoState) -> str | None:
    """Return the certificates of the private CAs, one after the other, or None without an mTLS listener.

    Raises:
        AwsError: a CA has been deleted or disabled since.
    """
    if not security.authorities:
        return None
    certificates = []
    for arn in security.authorities:
        pem = moto.certificate_authority_pem(arn)
        if pem is None:
            raise _refuse(
                f"The private certificate authority {arn} isn't active any more.", "certificateAuthorityArnList"
            )
        certificates.append(pem.strip())
    return "\n".join(certificates) + "\n"


def _encryption(asked: dict[str, Any], moto: MotoState, names: Names) -> dict[str, Any]:
    transit = asked.get("EncryptionInTransit") or {}
    client_broker = transit.get("ClientBroker") or "TLS"
    if client_broker not in {"TLS", "TLS_PLAINTEXT", "PLAINTEXT"}:
        raise _refuse(
            f"Unsupported ClientBroker [{client_broker}]. Valid values: [TLS, TLS_PLAINTEXT, PLAINTEXT]", "clientBroker"
        )
    if client_broker != "TLS":
        raise _refuse(
            f"ClientBroker {client_broker} isn't available on the embedded target: no broker has a plaintext listener. "
            "Use TLS.",
            "clientBroker",
        )
    if transit.get("InCluster") is False:
        raise _refuse(
            "InCluster false isn't available on the embedded target: brokers always talk to each other over TLS.",
            "inCluster",
        )
    key = (asked.get("EncryptionAtRest") or {}).get("DataVolumeKMSKeyId")
    if not key or key in {"alias/aws/kafka", names.managed_key()}:
        arn = names.managed_key()
    else:
        found = moto.kms_key_arn(key)
        if found is None:
            raise _refuse(f"The KMS key {key} doesn't exist.", "dataVolumeKMSKeyId")
        arn = found
    return {
        "EncryptionAtRest": {"DataVolumeKMSKeyId": arn},
        "EncryptionInTransit": {"ClientBroker": "TLS", "InCluster": True},
    }


def changed(current: Security, params: dict[str, Any], *, moto: MotoState, names: Names) -> Security:
    """Return what a cluster has after an UpdateSecurity request.

    Parts that the request does not name stay as they are, inside of `ClientAuthentication`, too.

    Raises:
        AwsError: the request changes nothing, changes what MSK cannot change afterwards, or is refused as in `resolve`.
    """
    authentication = copy.deepcopy(current.client_authentication)
    asked = params.get("ClientAuthentication") or {}
    for member, value in asked.items():
        if member == "Sasl":
            authentication["Sasl"] = {**(authentication.get("Sasl") or {}), **copy.deepcopy(value)}
        else:
            authentication[member] = copy.deepcopy(value)
    encryption = params.get("EncryptionInfo") or {}
    transit = encryption.get("EncryptionInTransit") or {}
    if encryption.get("EncryptionAtRest"):
        raise _refuse(
            "Updating encryption-at-rest settings on your cluster is not currently supported.", "encryptionInfo"
        )
    if transit.get("InCluster") is not None:
        raise _refuse(
            "Updating the inter-broker encryption setting on your cluster is not currently supported.", "encryptionInfo"
        )
    target = resolve(authentication, {**current.encryption, "EncryptionInTransit": transit}, moto=moto, names=names)
    if target == current:
        raise _refuse(
            "The request does not include any updates to the security setting of the cluster. "
            "Verify the request, then try again.",
            "clientAuthentication",
        )
    return target
