"""`ephk adopt`: an environment that somebody else made becomes one that contracts run on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from orchestrator import provenance
from orchestrator.adopted import Adopted, AdoptedStore, check_name, new_environment, read_bootstrap, target_of
from orchestrator.cli.output import example, json_option, print_json, reports_errors
from orchestrator.environment import Bucket, CloudEndpoint, Principal, Topic
from orchestrator.errors import EphkError, UsageError
from orchestrator.ledger import FileLedger
from orchestrator.spec import EnvironmentSpec
from orchestrator.spec_loading import load_spec


@click.command(
    "adopt",
    epilog=example(
        "ephk adopt staging --bootstrap scram=b-1.example:9096,b-2.example:9096 --ca ca.pem \\",
        "      --spec ephk.yaml --secret orders-producer=file:/run/secrets/orders.json",
        "  ephk verify staging --report ephk-report",
    ),
)
@click.argument("name")
@click.option(
    "--bootstrap",
    multiple=True,
    required=True,
    metavar="[LISTENER=]HOST:PORT,...",
    help="Bootstrap servers of a listener (scram, iam, mtls); MSK's ports say which by themselves. May be repeated.",
)
@click.option("--ca", type=click.Path(path_type=Path), help="The brokers' CA (PEM); default: the system's trust store.")
@click.option("--spec", type=click.Path(path_type=Path), help="Spec with its topics, principals, grants and contracts.")
@click.option(
    "--secret",
    "secrets",
    multiple=True,
    metavar="PRINCIPAL=WHERE",
    help="SCRAM secret: a Secrets Manager ARN, or file:PATH with {username, password}. May be repeated.",
)
@click.option(
    "--role", "roles", multiple=True, metavar="PRINCIPAL=ARN", help="IAM role of a principal, or of 'operator'."
)
@click.option("--brokers", type=click.IntRange(1), help="How many there are (default: as many as bootstrap servers).")
@click.option("--region", help="AWS region of its control plane.")
@click.option("--cluster-arn", help="MSK cluster.")
@click.option("--bucket", help="S3 bucket; needs --kms-key.")
@click.option("--kms-key", help="ARN of the key that must encrypt the bucket.")
@click.option("--connect-url", help="Kafka Connect's REST endpoint.")
@click.option("--endpoint-url", help="Another API than AWS's own (its results never count as cloud).")
@click.option("--ca-bundle", type=click.Path(path_type=Path), help="CA of that API.")
@click.option("--allow-writes", is_flag=True, help="Let probes write things of their own, and remove them again.")
@json_option
@reports_errors
def adopt_command(
    name: str,
    bootstrap: tuple[str, ...],
    ca: Path | None,
    spec: Path | None,
    secrets: tuple[str, ...],
    roles: tuple[str, ...],
    brokers: int | None,
    region: str | None,
    cluster_arn: str | None,
    bucket: str | None,
    kms_key: str | None,
    connect_url: str | None,
    endpoint_url: str | None,
    ca_bundle: Path | None,
    allow_writes: bool,
    as_json: bool,
) -> None:
    """Adopt a cluster that somebody else made, so that contracts run on it.

    Nothing of it is ever changed or deleted: `ephk down NAME` forgets it. What a contract cannot reach from here, or
    could only find out by writing, is not covered.
    """
    check_name(name)
    wanted = load_spec(spec) if spec else EnvironmentSpec(topics=(), principals=())
    servers = read_bootstrap(bootstrap)
    secret_of, role_of = _pairs("--secret", secrets), _pairs("--role", roles)
    if bucket and not kms_key:
        raise UsageError("--bucket needs --kms-key", next_step="Name the key that must encrypt the bucket's objects.")
    if any(lease.name == name for lease in FileLedger().leases()):
        raise EphkError(f"an environment of this product is called '{name}'", next_step="Choose another name.")
    environment = new_environment(
        name,
        bootstrap=servers,
        target=target_of(servers, cluster_arn, endpoint_url),
        cloud=CloudEndpoint(
            region=region or (cluster_arn.split(":")[3] if cluster_arn else "none"),
            account_id=cluster_arn.split(":")[4] if cluster_arn else "none",
            endpoint_url=endpoint_url,
            ca_bundle=str(ca_bundle.absolute()) if ca_bundle else None,
        ),
        principals=_principals(wanted, secret_of, role_of),
        brokers=brokers,
        ca_pem=_ca(ca),
        cluster_arn=cluster_arn,
        topics=_topics(wanted),
        roles={"operator": role_of["operator"]} if "operator" in role_of else {},
        bucket=Bucket(name=bucket, kms_key_arn=kms_key) if bucket and kms_key else None,
        connect_url=connect_url,
        read_only=not allow_writes,
    )
    adopted = Adopted(
        environment=environment,
        provenance=provenance.detect(),
        contracts=tuple(contract.model_dump(mode="json") for contract in wanted.contracts),
    )
    AdoptedStore().add(adopted)
    if as_json:
        print_json(adopted.model_dump(mode="json"))
        return
    layer = "cloud" if environment.target == "aws" else "local"
    topics = ", ".join(topic.name for topic in environment.topics) or "none"
    principals = ", ".join(principal.name for principal in environment.principals) or "none"
    click.echo(f"{name} is adopted; principals: {principals}; topics: {topics}")
    for listener, addresses in environment.cluster.bootstrap.items():
        click.echo(f"  {listener:<6} {addresses}")
    click.echo(f"  results count in the {layer} layer; probes {'may write' if allow_writes else 'write nothing'}")
    click.echo(f"\nnext:\n  ephk verify {name}\n  ephk down {name}    (forgets it; nothing is deleted)")


def _pairs(option: str, entries: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for entry in entries:
        principal, equals, value = entry.partition("=")
        if not (principal and equals and value):
            raise UsageError(f"{option}: '{entry}' is not PRINCIPAL=VALUE")
        found[principal] = value
    return found


def _ca(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read --ca {path}: {getattr(error, 'strerror', None) or 'not text'}") from None
    if "-----BEGIN CERTIFICATE-----" not in text or "PRIVATE KEY" in text:
        raise UsageError(f"--ca {path} must hold certificates in PEM, and no key")
    return text


def _topics(spec: EnvironmentSpec) -> tuple[Topic, ...]:
    from orchestrator.describe import topics

    return topics(spec)


def _principals(spec: EnvironmentSpec, secrets: dict[str, str], roles: dict[str, str]) -> list[Principal]:
    """Return the spec's principals with where their secrets are, and one for each further secret or role.

    A principal without either stays: what would need it is then not covered, and says so.
    """
    from orchestrator.describe import principals

    known = list(principals(spec, secret_arns=secrets, principal_role_arns=roles))
    names = {principal.name for principal in known}
    known += [
        Principal(name=name, auth="scram", kafka_principal=f"User:{name}", secret_arn=where)
        for name, where in secrets.items()
        if name not in names
    ]
    known += [
        Principal(name=name, auth="iam", kafka_principal=f"User:{arn}", role_arn=arn)
        for name, arn in roles.items()
        if name not in names and name != "operator"
    ]
    return known
