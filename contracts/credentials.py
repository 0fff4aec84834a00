"""What an environment's identities prove themselves with: read or issued once, kept in memory, never shown."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aws_msk_iam_sasl_signer import MSKAuthTokenProvider
from botocore.credentials import CredentialProvider
from botocore.credentials import Credentials as BotocoreCredentials
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from contracts.memo import Memo
from contracts.model import OutOfReachError, ProbeError, Watch
from orchestrator.aws import AwsSession
from orchestrator.environment import Environment, Principal
from orchestrator.kafka_clients import ClientKeyPair

#: MSK refuses a re-authentication under another principal: the session's name must stay the same.
_SESSION_NAME = "ephk-verify"
#: Private CAs need a moment between issuing a certificate and handing it out.
_ISSUE_POLL_S = 0.05
_CERTIFICATE_DAYS = 1
#: Where an adopted environment's SCRAM secret is a file of the same shape instead of an ARN.
FILE_SECRET = "file:"  # noqa: S105 - a prefix


@dataclass(frozen=True)
class ScramSecret:
    """A SCRAM user with its password. Its repr shows neither."""

    username: str
    password: str

    def __repr__(self) -> str:
        return "ScramSecret(...)"


class _Fixed(CredentialProvider):  # type: ignore[misc]
    """Hands one set of credentials to the token signer."""

    METHOD = CANONICAL_NAME = "ephk"

    def __init__(self, credentials: BotocoreCredentials) -> None:
        super().__init__()
        self._credentials = credentials

    def load(self) -> BotocoreCredentials:
        """Return the credentials."""
        return self._credentials


class Credentials:
    """Secrets, role sessions, tokens and client certificates of one environment.

    Args:
        environment: whose identities.
        session: an administrator's or operator's session that may read the secrets and assume the roles.
    """

    def __init__(self, environment: Environment, session: AwsSession) -> None:
        self._environment = environment
        self._session = session
        self._memo = Memo()
        self.secret_values: set[str] = set()

    def known_secrets(self) -> set[str]:
        """Return the secrets that are known by now; probes that run at the same time go on adding theirs."""
        return self.secret_values.copy()

    def scram(self, principal: Principal, watch: Watch) -> ScramSecret:
        """Return a SCRAM principal's user and password from Secrets Manager."""
        if principal.secret_arn is None:
            raise OutOfReachError(f"principal {principal.name} names no secret that holds its password")
        return self._user(f"principal {principal.name}", principal.secret_arn, watch)

    def registry(self, watch: Watch) -> ScramSecret | None:
        """Return the schema registry's user and password; None when there is no registry or it asks for nobody."""
        registry = self._environment.schema_registry
        if registry is None or registry.secret_arn is None:
            return None
        return self._user("the schema registry", registry.secret_arn, watch)

    def _user(self, whose: str, secret_arn: str, watch: Watch) -> ScramSecret:
        def read() -> ScramSecret:
            watch.waiting(f"the secret of {whose}")
            text = self._secret_text(secret_arn)
            try:
                document = json.loads(text)
                secret = ScramSecret(document["username"], document["password"])
            except (KeyError, TypeError, ValueError):
                raise ProbeError(
                    f"the secret of {whose} does not hold a JSON object with username and password"
                ) from None
            self.secret_values.add(secret.password)
            return secret

        return self._memo.get(("user", secret_arn), read, watch)

    def _secret_text(self, where: str) -> str:
        """Read a secret from Secrets Manager, or from a file of an adopted environment (`file:PATH`)."""
        if where.startswith(FILE_SECRET):
            try:
                return Path(where.removeprefix(FILE_SECRET)).read_text()
            except (OSError, UnicodeDecodeError) as error:
                reason = getattr(error, "strerror", None) or "it is not text"
                raise ProbeError(f"cannot read the secret {where}: {reason}") from None
        return str(self._session.client("secretsmanager").get_secret_value(SecretId=where).get("SecretString", ""))

    def role(self, role_arn: str, watch: Watch) -> AwsSession:
        """Return a session of an assumed role."""

        def assume() -> AwsSession:
            watch.waiting(f"credentials of role {role_arn}")
            session = self._assumed(role_arn)
            self.signing_keys(session)
            return session

        return self._memo.get(("role", role_arn), assume, watch)

    def _assumed(self, role_arn: str) -> AwsSession:
        """Assume a role as the verifying session, or as whoever the CI's token is for.

        A pipeline's role lets nobody in but the CI's jobs. Their token is named as every AWS SDK takes it.
        """
        if role_arn != self._environment.roles.get("ci"):
            return self._session.assume_role(role_arn, _SESSION_NAME)
        token_file = os.environ.get("AWS_WEB_IDENTITY_TOKEN_FILE")
        if not token_file or os.environ.get("AWS_ROLE_ARN") != role_arn:
            raise OutOfReachError(
                f"only a job of the CI may become {role_arn}: no token of its identity provider is here "
                "(AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE)"
            )
        try:
            token = Path(token_file).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not text"
            raise ProbeError(f"cannot read the CI's token in {token_file}: {reason}") from None
        self.secret_values.add(token)
        return self._session.assume_role_with_web_identity(role_arn, token, _SESSION_NAME)

    def token(self, principal: Principal, watch: Watch) -> tuple[str, float]:
        """Return an MSK IAM token of the principal's role, and when it expires in seconds since the epoch."""
        if principal.role_arn is None:
            raise OutOfReachError(f"principal {principal.name} names no IAM role")
        return self.sign(self.signing_keys(self.role(principal.role_arn, watch)))

    def sign(self, keys: BotocoreCredentials) -> tuple[str, float]:
        """Return an MSK IAM token that these keys sign, and when it expires in seconds since the epoch."""
        token, expires_ms = MSKAuthTokenProvider.generate_auth_token_from_credentials_provider(
            self._environment.cloud.region, _Fixed(keys)
        )
        self.secret_values.add(token)
        return str(token), float(expires_ms) / 1000

    @property
    def base_keys(self) -> tuple[str, str] | None:
        """The access key with which roles are assumed; None where that is the caller's own AWS configuration."""
        own = self._session.credentials
        return (own.access_key_id, own.secret_access_key) if own is not None else None

    def another_session(self, principal: Principal, watch: Watch, *, same_name: bool) -> BotocoreCredentials:
        """Assume the principal's role anew, under the same session name or under another; returns the keys."""
        if principal.role_arn is None:
            raise OutOfReachError(f"principal {principal.name} names no IAM role")
        watch.waiting(f"another session of role {principal.role_arn}")
        name = _SESSION_NAME if same_name else f"{_SESSION_NAME}-other"
        return self.signing_keys(self._session.assume_role(principal.role_arn, name))

    def signing_keys(self, session: AwsSession) -> BotocoreCredentials:
        """Return the keys of an assumed role, as signers take them."""
        keys = session.credentials
        if keys is None:
            raise ProbeError("the role gave no credentials")
        self.secret_values.update(filter(None, (keys.secret_access_key, keys.session_token)))
        return BotocoreCredentials(keys.access_key_id, keys.secret_access_key, keys.session_token)

    def certificate(self, common_name: str, watch: Watch) -> ClientKeyPair:
        """Issue a client certificate from the environment's private CA (ACM PCA), valid for a day."""
        authority = self._environment.cluster.certificate_authority_arn
        if authority is None:
            raise OutOfReachError("the environment names no private certificate authority")

        def issue() -> ClientKeyPair:
            watch.waiting(f"a client certificate for {common_name} from the private CA")
            key = ec.generate_private_key(ec.SECP256R1())
            request = (
                x509.CertificateSigningRequestBuilder()
                .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]))
                .sign(key, hashes.SHA256())
                .public_bytes(serialization.Encoding.PEM)
            )
            pca = self._session.client("acm-pca")
            # The CA's own key decides the algorithm; a CA of another kind refuses the wrong one.
            described = pca.describe_certificate_authority(CertificateAuthorityArn=authority)["CertificateAuthority"]
            configuration = described.get("CertificateAuthorityConfiguration", {})
            certificate_arn = pca.issue_certificate(
                CertificateAuthorityArn=authority,
                Csr=request,
                SigningAlgorithm=configuration.get("SigningAlgorithm", "SHA256WITHRSA"),
                Validity={"Value": _CERTIFICATE_DAYS, "Type": "DAYS"},
            )["CertificateArn"]
            answer = self._issued(pca, authority, certificate_arn, watch)
            private = key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ).decode()
            self.secret_values.add(private)
            return ClientKeyPair(answer["Certificate"] + "\n" + answer.get("CertificateChain", ""), private)

        return self._memo.get(("certificate", common_name), issue, watch)

    @staticmethod
    def _issued(pca: Any, authority: str, certificate_arn: str, watch: Watch) -> dict[str, Any]:
        while True:
            try:
                answer: dict[str, Any] = pca.get_certificate(
                    CertificateAuthorityArn=authority, CertificateArn=certificate_arn
                )
            except pca.exceptions.RequestInProgressException:
                if watch.remaining() <= _ISSUE_POLL_S:
                    raise
                time.sleep(_ISSUE_POLL_S)
            else:
                return answer


def self_signed(common_name: str) -> ClientKeyPair:
    """Make a certificate that no authority vouches for, to show that a stranger's is refused."""
    import datetime

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return ClientKeyPair(certificate.public_bytes(serialization.Encoding.PEM).decode(), private.decode())


__all__ = ["Credentials", "ScramSecret", "self_signed"]
