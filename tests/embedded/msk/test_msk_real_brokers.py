"""MSK's control plane over real Apache Kafka processes."""

from __future__ import annotations

import os
import signal

import psutil
import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from orchestrator.processes import wait_until

LOG_GROUP = "/msk/real"


@pytest.fixture(scope="module")
def solo(msk):
    """A cluster of one broker with a user `app`."""
    arn = msk.create("solo", 1)
    assert msk.wait(arn, "ACTIVE", "FAILED")["State"] == "ACTIVE", msk.info(arn).get("StateInfo")
    secret = msk.secret("app", "app-password")
    answer = msk.call("BatchAssociateScramSecret", ClusterArn=arn, SecretArnList=[secret])
    assert answer["UnprocessedScramSecrets"] == []
    return arn


def test_three_brokers_come_and_go(msk):
    arn = msk.create("trio", 3)
    assert msk.info(arn)["State"] == "CREATING"
    info = msk.wait(arn, "ACTIVE", "FAILED")
    assert info["State"] == "ACTIVE", info.get("StateInfo")
    pids = [node.pid for node in msk.nodes(arn)]
    directory = msk.directory / "clusters" / arn.rsplit("/", 1)[1]
    nodes = msk.call("ListNodes", ClusterArn=arn)["NodeInfoList"]
    assert [node["BrokerNodeInfo"]["ClientSubnet"] for node in nodes] == msk.subnets
    secret = msk.secret("trio", "trio-password")
    msk.call("BatchAssociateScramSecret", ClusterArn=arn, SecretArnList=[secret])
    metadata = msk.scram_client(arn, "trio", "trio-password").list_topics(timeout=60)
    assert sorted(metadata.brokers) == [1, 2, 3]
    streams = msk.moto.backend("logs").groups[LOG_GROUP].streams
    assert wait_until(lambda: {"Broker-1", "Broker-2", "Broker-3"} <= set(streams), deadline_s=60)
    assert directory.is_dir()

    msk.delete(arn)
    assert not directory.exists()
    assert not [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie"]


def test_an_associated_secret_can_log_in_and_a_disassociated_one_cannot(msk, solo):
    secret = msk.secret("guest", "guest-password")
    msk.call("BatchAssociateScramSecret", ClusterArn=solo, SecretArnList=[secret])
    assert msk.scram_client(solo, "guest", "guest-password").list_topics(timeout=60).brokers
    _refused(msk, solo, "guest", "wrong")
    msk.call("BatchDisassociateScramSecret", ClusterArn=solo, SecretArnList=[secret])
    _refused(msk, solo, "guest", "guest-password")


def _refused(msk, arn, username, password):
    errors: list[KafkaError] = []
    client = msk.scram_client(arn, username, password, errors)
    with pytest.raises(KafkaException):
        client.list_topics(timeout=3)
    assert wait_until(
        lambda: client.poll(0.1) is not None and KafkaError._AUTHENTICATION in {error.code() for error in errors},
        deadline_s=30,
    )


def test_a_reboot_really_restarts_the_broker(msk, solo):
    before = msk.nodes(solo)[0].pid
    operation = msk.finished(msk.call("RebootBroker", ClusterArn=solo, BrokerIds=["1"]))
    assert operation["OperationState"] == "REBOOT_COMPLETE", operation
    assert msk.nodes(solo)[0].pid != before
    assert msk.scram_client(solo, "app", "app-password").list_topics(timeout=60).brokers


def test_a_killed_broker_is_healed(msk, solo):
    pid = msk.nodes(solo)[0].pid
    os.kill(pid, signal.SIGKILL)
    msk.wait(solo, "HEALING", deadline_s=10)
    msk.wait(solo, "ACTIVE")
    assert msk.nodes(solo)[0].pid != pid


def test_a_configuration_reaches_the_broker_and_a_bad_one_is_taken_back(msk, solo):
    arn = msk.call("CreateConfiguration", Name="seven", ServerProperties=b"num.partitions=7")["Arn"]
    _apply(msk, solo, arn, 1, "UPDATE_COMPLETE")
    assert _broker_setting(msk, solo, "num.partitions") == "7"

    # On the allowed list, and less than what Kafka 4 takes (KIP-1030): the broker itself refuses it.
    msk.call("UpdateConfiguration", Arn=arn, ServerProperties=b"log.segment.bytes=1000")
    operation = _apply(msk, solo, arn, 2, "UPDATE_FAILED")
    assert "log.segment.bytes" in operation["ErrorInfo"]["ErrorString"]
    assert msk.info(solo)["CurrentBrokerSoftwareInfo"]["ConfigurationRevision"] == 1
    msk.wait(solo, "ACTIVE")
    assert _broker_setting(msk, solo, "num.partitions") == "7"


def _apply(msk, cluster, arn, revision, expected):
    operation = msk.finished(
        msk.call(
            "UpdateClusterConfiguration",
            ClusterArn=cluster,
            CurrentVersion=msk.info(cluster)["CurrentVersion"],
            ConfigurationInfo={"Arn": arn, "Revision": revision},
        )
    )
    assert operation["OperationState"] == expected, operation
    return operation


def _broker_setting(msk, cluster, name):
    client = msk.scram_client(cluster, "app", "app-password")
    (answer,) = client.describe_configs([ConfigResource(ResourceType.BROKER, "1")]).values()
    return answer.result(timeout=60)[name].value


def test_a_cluster_that_brokers_refuse_fails_with_their_words(msk):
    arn = msk.call("CreateConfiguration", Name="broken", ServerProperties=b"log.segment.bytes=1000")["Arn"]
    cluster = msk.create("broken", 1, ConfigurationInfo={"Arn": arn, "Revision": 1})
    info = msk.wait(cluster, "ACTIVE", "FAILED")
    assert info["State"] == "FAILED"
    assert "log.segment.bytes" in info["StateInfo"]["Message"]
    msk.delete(cluster)


def test_client_certificates_of_the_private_ca_are_accepted_others_refused(msk, solo):
    pca = msk.moto.backend("acm-pca")
    authority = pca.certificate_authorities[
        pca.create_certificate_authority(
            certificate_authority_configuration={"Subject": {"CommonName": "clients"}, "KeyAlgorithm": "RSA_2048"},
            revocation_configuration={},
            certificate_authority_type="ROOT",
            security_standard=None,
            tags=[],
        )
    ]
    ca_extension = (x509.BasicConstraints(ca=True, path_length=None), True)
    authority.import_certificate_authority_certificate(
        authority.generate_cert(authority.issuer, authority.key.public_key(), [ca_extension]), None
    )
    operation = msk.finished(
        msk.call(
            "UpdateSecurity",
            ClusterArn=solo,
            CurrentVersion=msk.info(solo)["CurrentVersion"],
            ClientAuthentication={"Tls": {"CertificateAuthorityArnList": [authority.arn], "Enabled": True}},
        )
    )
    assert operation["OperationState"] == "UPDATE_COMPLETE", operation
    servers = msk.call("GetBootstrapBrokers", ClusterArn=solo)
    assert set(servers) == {
        "BootstrapBrokerStringTls",
        "BootstrapBrokerStringSaslScram",
        "BootstrapBrokerStringSaslIam",
    }
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "reporting")])
    certificate = authority.generate_cert(subject, key.public_key(), []).decode()
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    stranger = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(authority.certificate.not_valid_before_utc)
        .not_valid_after(authority.certificate.not_valid_after_utc)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
        .decode()
    )
    common = {
        "bootstrap.servers": servers["BootstrapBrokerStringTls"],
        "security.protocol": "SSL",
        "ssl.ca.pem": msk.backend.ca_pem(solo.rsplit("/", 1)[1]),
    }
    ours = AdminClient(common | {"ssl.certificate.pem": certificate, "ssl.key.pem": pem}, logger=None)
    (made,) = ours.create_topics([NewTopic("reports", 1, 1)]).values()
    made.result(timeout=60)
    assert "reports" in ours.list_topics(timeout=60).topics
    for options in ({}, {"ssl.certificate.pem": stranger, "ssl.key.pem": pem}):
        with pytest.raises(KafkaException):
            AdminClient(common | options, logger=None).list_topics(timeout=3)
