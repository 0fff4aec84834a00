"""Whether workers would get where they must: addresses, declared hosts, services, the brokers' connection limits."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterator
from typing import Literal

from orchestrator.connect_egress import EgressSpec
from orchestrator.connect_spec import ConnectorSpec, ConnectSpec
from orchestrator.errors import UsageError
from orchestrator.spec import EnvironmentSpec

Status = Literal["ok", "failed", "not_covered"]
#: Status, subject, message, next step.
Item = tuple[Status, str, str, str]

#: Addresses of a subnet that AWS keeps (Amazon VPC User Guide, "Subnet sizing").
_RESERVED = 5
#: Each subnet is a sixteenth of the VPC's range (`stacks.network`).
_SUBNET_BITS = 4
#: Clients of a distributed worker: three stores with a producer and a consumer each, the group, an Admin client.
_WORKER_CLIENTS = 8
#: A task's consumer and producer, the latter also for errors.
_TASK_CLIENTS = 2
#: New TCP connections each second to one broker under IAM ("Amazon MSK quota", Amazon MSK Developer Guide).
_RATES = {"t3": 4}
_RATE = 100
#: TCP connections to one broker under IAM (the same page).
_CONNECTIONS = 3000
_URL = re.compile(r"[a-z][a-z0-9+.-]*://(?:[^/@\s]*@)?(?P<host>[A-Za-z0-9._-]+)(?::(?P<port>\d+))?")
_PORTS = {"https": 443, "http": 80, "postgresql": 5432, "mysql": 3306, "mongodb": 27017, "redis": 6379, "amqp": 5672}
#: Settings by which connectors and clients assume another role, which needs AWS STS.
_ASSUMES = re.compile(r"(?i)(sts[._-]?role|assume[._-]?role|role[._-]?arn|awsRoleArn)")


def examine(spec: EnvironmentSpec, *, on_aws: bool) -> Iterator[Item]:
    """Yield what the network and the quotas make of the spec's connectors.

    Args:
        spec: as asked for; has `connect`.
        on_aws: packets use the VPC, and roles are under the account's permissions boundary; the embedded target's use
            loopback, under a boundary of the environment's own.
    """
    connect = spec.connect
    if connect is None:
        return
    yield _addresses(spec, connect)
    yield _connections(spec, connect, on_aws=on_aws)
    for host in connect.egress:
        yield _declared(spec, host, on_aws=on_aws)
    for connector in connect.connectors:
        yield from _undeclared(spec, connect, connector)
    yield from _secrets(connect, on_aws=on_aws)
    if on_aws:
        message = "whether the account may write the log group's resource policy shows when a connector is created"
        yield ("not_covered", "log delivery", message, "")


def _addresses(spec: EnvironmentSpec, connect: ConnectSpec) -> Item:
    """An interface for each worker, broker and endpoint, spread over the subnets."""
    zones = spec.network.zones
    size = 2 ** (32 - ipaddress.ip_network(spec.network.cidr).prefixlen - _SUBNET_BITS) - _RESERVED
    workers = sum(-(-connector.workers // zones) for connector in connect.connectors)
    services = connect.endpoint_services()
    brokers = spec.brokers.count // zones
    needed = workers + brokers + len(services)
    what = f"{needed} addresses in a subnet ({workers} workers, {brokers} brokers, {len(services)} endpoints)"
    if needed > size:
        step = "Give network.cidr a larger range, or the connectors fewer workers."
        return ("failed", "subnets", f"{what}, and one of {spec.network.cidr} has {size}", step)
    return ("ok", "subnets", f"{what}; there are {size}", "")


def _connections(spec: EnvironmentSpec, connect: ConnectSpec, *, on_aws: bool) -> Item:
    workers = sum(connector.workers for connector in connect.connectors)
    tasks = sum(connector.tasks for connector in connect.connectors)
    wanted = workers * _WORKER_CLIENTS + tasks * _TASK_CLIENTS
    family = spec.brokers.instance_type.split(".")[1]
    rate, subject = _RATES.get(family, _RATE), f"brokers {spec.brokers.instance_type}"
    if wanted > _CONNECTIONS:
        step = "Spread the connectors over several clusters, or give them fewer tasks."
        return ("failed", subject, f"about {wanted} IAM connections to a broker, the most are {_CONNECTIONS}", step)
    if family in _RATES and wanted > rate:
        message = f"takes {rate} new IAM connections a second, and workers open about {wanted} ('Too many connects')"
        if not on_aws:
            return ("not_covered", subject, f"{message}; on AWS this is refused", "")
        return ("failed", subject, message, "Use kafka.m7g.large or larger (brokers.instance_type).")
    return ("ok", subject, f"about {wanted} IAM connections to a broker, {rate} new ones a second are taken", "")


def _declared(spec: EnvironmentSpec, host: EgressSpec, *, on_aws: bool) -> Item:
    subject = f"host {host.host}:{host.port}"
    try:
        host.described()
    except UsageError as error:
        return ("failed", subject, error.message, "Correct 'ca_file'; it is looked for from the current directory.")
    if host.endpoint is not None:
        return ("ok", subject, f"an interface endpoint of {host.endpoint} with private DNS is made", "")
    vpc = ipaddress.ip_network(spec.network.cidr)
    let_out = ipaddress.ip_network(host.cidr or spec.network.cidr)
    try:
        addresses = sorted({str(item[4][0]) for item in socket.getaddrinfo(host.host, host.port, socket.AF_INET)})
    except OSError:
        return ("not_covered", subject, "its name cannot be resolved here; the VPC's DNS may know it", "")
    for text in addresses:
        address = ipaddress.ip_address(text)
        if address.is_loopback and not on_aws:
            continue  # the embedded target's hosts are on this machine
        if address not in let_out:
            step = f"Set 'cidr' of {host.host} to a range that holds it."
            return ("failed", subject, f"security group: lets out to {let_out}, and the host is at {text}", step)
        if address not in vpc:
            step = "Use an address in the VPC, or an interface endpoint ('endpoint') where an AWS service is meant."
            return ("failed", subject, f"route: {text} is outside of the VPC {vpc}, which has no way out", step)
    return ("ok", subject, f"{', '.join(addresses)}: inside the VPC, and port {host.port} is let out", "")


def _undeclared(spec: EnvironmentSpec, connect: ConnectSpec, connector: ConnectorSpec) -> Iterator[Item]:
    """Hosts in a configuration that no security group lets out to, and roles that need STS."""
    subject = f"connector {connector.name}"
    declared = {(host.host, host.port) for host in connect.egress}
    endpoints = {host.endpoint for host in connect.egress}
    for key, text in connector.config.items():
        for found in _URL.finditer(text):
            scheme = found[0].partition("://")[0].rsplit(":", 1)[-1]
            port = int(found["port"] or _PORTS.get(scheme, 0))
            if scheme in {"s3", "file", "classpath"} or not port or (found["host"], port) in declared:
                continue
            message = f"{key} names {found['host']}:{port}, which the workers' security group holds back"
            yield ("failed", subject, message, f"Declare it: connect.egress: [{{host: {found['host']}, port: {port}}}]")
        if (_ASSUMES.search(key) or "awsRoleArn" in text) and "sts" not in endpoints:
            host = f"sts.{spec.region}.amazonaws.com"
            message = f"{key} assumes a role, and the workers' subnets have no way to AWS STS"
            step = f"Declare it: connect.egress: [{{host: {host}, port: 443, endpoint: sts}}]"
            yield ("failed", subject, message, step)


def _secrets(connect: ConnectSpec, *, on_aws: bool) -> Iterator[Item]:
    for secret in connect.secrets:
        subject = f"secret {secret.name}"
        if missing := secret.missing():
            step = f"Export {missing[0]}, or let the value be made with 'generate'."
            yield ("failed", subject, f"takes its value from {', '.join(missing)}, which is not set", step)
        elif secret.existing is None:
            yield ("ok", subject, f"is made with the fields {', '.join(secret.fields)}", "")
        elif on_aws:
            message = f"{secret.existing} must be readable under the account's permissions boundary"
            yield ("not_covered", subject, message, "")
        else:
            yield ("not_covered", subject, f"{secret.existing} is looked at by the workers alone", "")
