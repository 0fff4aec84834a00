"""The private authority whose certificates the mTLS listener accepts."""

from __future__ import annotations

import pulumi
from pulumi_aws import acmpca

from stacks.inputs import StackInputs
from stacks.tagging import tagged

_SIGNING = "SHA256WITHRSA"
#: Days; a lease lasts a week at most.
_VALID_DAYS = "30"


class Authority(pulumi.ComponentResource):
    """A root authority of the environment's own, active.

    MSK recommends one for each cluster, since whoever holds a certificate of it can connect
    ("Mutual TLS client authentication", Amazon MSK Developer Guide).

    Args:
        inputs: the environment.
        opts: the parent.
    """

    def __init__(self, inputs: StackInputs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ephk:stacks:Authority", "authority", None, opts)
        own = pulumi.ResourceOptions(parent=self)
        self.authority = acmpca.CertificateAuthority(
            "clients",
            type="ROOT",
            certificate_authority_configuration={
                "key_algorithm": "RSA_2048",
                "signing_algorithm": _SIGNING,
                "subject": {"common_name": f"{inputs.prefix} clients"},
            },
            permanent_deletion_time_in_days=7,
            tags=tagged(inputs, f"{inputs.prefix}-clients"),
            opts=own,
        )
        root = acmpca.Certificate(
            "clients",
            certificate_authority_arn=self.authority.arn,
            certificate_signing_request=self.authority.certificate_signing_request,
            signing_algorithm=_SIGNING,
            template_arn="arn:aws:acm-pca:::template/RootCACertificate/V1",
            validity={"type": "DAYS", "value": _VALID_DAYS},
            opts=own,
        )
        #: The authority is ACTIVE once this is there; a cluster must wait for it.
        self.active = acmpca.CertificateAuthorityCertificate(
            "clients", certificate_authority_arn=self.authority.arn, certificate=root.certificate, opts=own
        )
        self.register_outputs({"arn": self.authority.arn})
