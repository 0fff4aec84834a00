"""AWS Private CA: an authority, a certificate that it issues, and the certificate that it works with."""

# ruff: noqa: ARG001 - every verb of the table has the same signature

from __future__ import annotations

from typing import Any

from orchestrator.embedded.provider.call import Call, error_code, found, ignoring, removed_tags, tag_list, tag_map
from orchestrator.embedded.provider.model import TAGS, Field, ResourceType, Values, from_api, to_api

_GONE = "ResourceNotFoundException"
#: A certificate of one of these templates is the authority's own and cannot be revoked.
_SELF_SIGNED = "template/RootCACertificate"

_SUBJECT = Field(
    "subject",
    required=True,
    replace=True,
    fields=(
        Field("commonName", required=True),
        Field("organization"),
        Field("organizationalUnit"),
        Field("country"),
        Field("locality"),
        Field("state"),
    ),
)
_CONFIGURATION = Field(
    "certificateAuthorityConfiguration",
    required=True,
    replace=True,
    fields=(Field("keyAlgorithm", required=True), Field("signingAlgorithm", required=True), _SUBJECT),
)


# --- Authority ---------------------------------------------------------------------------------------------------


def _describe(call: Call, arn: str) -> Any:
    pca = call.client("acm-pca")
    answer = found([_GONE], lambda: pca.describe_certificate_authority(CertificateAuthorityArn=arn))
    if answer is None or answer["CertificateAuthority"]["Status"] == "DELETED":
        return None
    return answer["CertificateAuthority"]


def _create_authority(call: Call, news: Values) -> str:
    given = {"UsageMode": news.get("usageMode"), "CertificateAuthorityType": news.get("type", "SUBORDINATE")}
    answer = call.client("acm-pca").create_certificate_authority(
        CertificateAuthorityConfiguration=to_api(_CONFIGURATION.fields, news["certificateAuthorityConfiguration"]),
        Tags=tag_list(news.get("tags")),
        **{name: value for name, value in given.items() if value},
    )
    arn: str = call.created(answer["CertificateAuthorityArn"])
    call.wait(
        lambda: _describe(call, arn),
        lambda seen: seen is not None and seen["Status"] in {"PENDING_CERTIFICATE", "ACTIVE"},
        f"certificate authority {arn} waiting for its certificate",
    )
    return arn


def _read_authority(call: Call, arn: str, state: Values) -> Values | None:
    pca, authority = call.client("acm-pca"), _describe(call, arn)
    if authority is None:
        return None
    seen: Values = {
        "certificateAuthorityConfiguration": from_api(
            _CONFIGURATION.fields, authority["CertificateAuthorityConfiguration"]
        ),
        "type": authority["Type"],
        "usageMode": authority.get("UsageMode"),
        "enabled": authority["Status"] != "DISABLED",
        "serial": authority.get("Serial"),
        "arn": arn,
        "certificateSigningRequest": pca.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"],
        "tags": tag_map(pca.list_tags(CertificateAuthorityArn=arn).get("Tags")),
    }
    if authority["Status"] == "ACTIVE":
        answer = pca.get_certificate_authority_certificate(CertificateAuthorityArn=arn)
        seen["certificate"] = answer["Certificate"]
        seen["certificateChain"] = answer.get("CertificateChain")
    return seen


def _update_authority(call: Call, arn: str, olds: Values, news: Values, changed: frozenset[str]) -> None:
    pca = call.client("acm-pca")
    if "tags" in changed:
        gone = removed_tags(olds, news)
        if gone:
            pca.untag_certificate_authority(CertificateAuthorityArn=arn, Tags=[{"Key": key} for key in gone])
        pca.tag_certificate_authority(CertificateAuthorityArn=arn, Tags=tag_list(news.get("tags")))


def _delete_authority(call: Call, arn: str, state: Values) -> None:
    pca, authority = call.client("acm-pca"), _describe(call, arn)
    if authority is None:
        return
    with ignoring(_GONE):
        # Only a disabled authority can be deleted ("Deleting your private CA", AWS Private CA User Guide).
        if authority["Status"] == "ACTIVE":
            pca.update_certificate_authority(CertificateAuthorityArn=arn, Status="DISABLED")
        pca.delete_certificate_authority(
            CertificateAuthorityArn=arn, PermanentDeletionTimeInDays=int(state.get("permanentDeletionTimeInDays", 30))
        )


# --- Certificate -------------------------------------------------------------------------------------------------

_VALIDITY = Field(
    "validity", required=True, replace=True, fields=(Field("type", required=True), Field("value", required=True))
)


def _create_certificate(call: Call, news: Values) -> str:
    pca, authority = call.client("acm-pca"), news["certificateAuthorityArn"]
    given = {"TemplateArn": news.get("templateArn")}
    answer = pca.issue_certificate(
        CertificateAuthorityArn=authority,
        Csr=news["certificateSigningRequest"].encode(),
        SigningAlgorithm=news["signingAlgorithm"],
        Validity={"Type": news["validity"]["type"], "Value": int(news["validity"]["value"])},
        **{name: value for name, value in given.items() if value},
    )
    arn: str = call.created(answer["CertificateArn"])
    call.wait(
        lambda: _certificate(call, authority, arn), lambda seen: seen is not None, f"certificate {arn} being issued"
    )
    return arn


def _certificate(call: Call, authority: str, arn: str) -> Any:
    pca = call.client("acm-pca")
    return found(
        [_GONE, "RequestInProgressException"],
        lambda: pca.get_certificate(CertificateAuthorityArn=authority, CertificateArn=arn),
    )


def _read_certificate(call: Call, arn: str, state: Values) -> Values | None:
    authority = arn.split("/certificate/", 1)[0]
    if _describe(call, authority) is None:
        return None
    answer = _certificate(call, authority, arn)
    if answer is None:
        return None
    kept: Values = {
        name: state[name] for name in ("certificateSigningRequest", "signingAlgorithm", "validity") if name in state
    }
    return {
        **kept,
        "certificateAuthorityArn": authority,
        "templateArn": state.get("templateArn"),
        "certificate": answer["Certificate"],
        "certificateChain": answer.get("CertificateChain"),
        "arn": arn,
    }


def _delete_certificate(call: Call, arn: str, state: Values) -> None:
    if _SELF_SIGNED in state.get("templateArn", "") or "certificate" not in state:
        return
    from cryptography import x509

    serial = x509.load_pem_x509_certificate(state["certificate"].encode()).serial_number
    pca = call.client("acm-pca")
    try:
        pca.revoke_certificate(
            CertificateAuthorityArn=state["certificateAuthorityArn"],
            CertificateSerial=f"{serial:x}",
            RevocationReason="UNSPECIFIED",
        )
    except pca.exceptions.ClientError as error:
        if error_code(error) not in {_GONE, "RequestAlreadyProcessedException", "InvalidStateException"}:
            raise


# --- The authority's own certificate -----------------------------------------------------------------------------


def _install(call: Call, news: Values) -> str:
    chain = {"CertificateChain": news["certificateChain"].encode()} if news.get("certificateChain") else {}
    arn = news["certificateAuthorityArn"]
    call.client("acm-pca").import_certificate_authority_certificate(
        CertificateAuthorityArn=arn, Certificate=news["certificate"].encode(), **chain
    )
    call.created(arn)
    call.wait(
        lambda: _describe(call, arn),
        lambda seen: seen is not None and seen["Status"] == "ACTIVE",
        f"certificate authority {arn} becoming active",
    )
    return str(arn)


def _read_installed(call: Call, arn: str, state: Values) -> Values | None:
    authority = _describe(call, arn)
    if authority is None or authority["Status"] in {"PENDING_CERTIFICATE", "CREATING"}:
        return None
    answer = call.client("acm-pca").get_certificate_authority_certificate(CertificateAuthorityArn=arn)
    installed, given = answer["Certificate"], state.get("certificate", "")
    return {
        "certificateAuthorityArn": arn,
        "certificate": given if given.strip() == installed.strip() else installed,
        "certificateChain": answer.get("CertificateChain") or state.get("certificateChain"),
    }


def _delete_installed(call: Call, arn: str, state: Values) -> None:
    """Do nothing: an authority's certificate cannot be taken away, it goes with the authority."""


TYPES = (
    ResourceType(
        "aws:acmpca/certificateAuthority:CertificateAuthority",
        (
            _CONFIGURATION,
            Field("type", replace=True),
            Field("usageMode", replace=True),
            Field("permanentDeletionTimeInDays", local=True),
            TAGS,
        ),
        _create_authority,
        _read_authority,
        _delete_authority,
        _update_authority,
    ),
    ResourceType(
        "aws:acmpca/certificate:Certificate",
        (
            Field("certificateAuthorityArn", required=True, replace=True),
            Field("certificateSigningRequest", required=True, replace=True),
            Field("signingAlgorithm", required=True, replace=True),
            Field("templateArn", replace=True),
            _VALIDITY,
        ),
        _create_certificate,
        _read_certificate,
        _delete_certificate,
    ),
    ResourceType(
        "aws:acmpca/certificateAuthorityCertificate:CertificateAuthorityCertificate",
        (
            Field("certificateAuthorityArn", required=True, replace=True),
            Field("certificate", required=True, replace=True),
            Field("certificateChain", replace=True),
        ),
        _install,
        _read_installed,
        _delete_installed,
    ),
)
