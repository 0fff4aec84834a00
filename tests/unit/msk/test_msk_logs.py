"""Broker logs reach the cluster's log group, whole lines, once."""

from __future__ import annotations

from datetime import datetime

import pytest

from orchestrator.embedded.msk.watch import LogShipper
from orchestrator.processes import wait_until

GROUP = "/msk/orders"
#: As log4j writes it. CloudWatch Logs drops what is older than 14 days.
STAMP = datetime.now().strftime("[%Y-%m-%d %H:%M:%S,123]")


@pytest.fixture
def group(world):
    world.moto.backend("logs").create_log_group(GROUP, {})
    return world.moto.backend("logs").groups[GROUP]


def _messages(group, stream="Broker-1"):
    return [event.message for event in group.streams[stream].events] if stream in group.streams else []


def test_whole_lines_are_shipped_once(world, group, tmp_path):
    log, shipper = tmp_path / "broker.log", LogShipper(world.moto)
    assert shipper.ship(GROUP, "Broker-1", log) == 0
    log.write_text(f"{STAMP} INFO one\nhalf")
    assert shipper.ship(GROUP, "Broker-1", log) == 1
    with log.open("a") as stream:
        stream.write(" a line\n\n")
    assert shipper.ship(GROUP, "Broker-1", log) == 1
    assert shipper.ship(GROUP, "Broker-1", log) == 0
    assert _messages(group) == [f"{STAMP} INFO one", "half a line"]


def test_events_carry_the_time_of_their_line(world, group, tmp_path):
    log = tmp_path / "broker.log"
    log.write_text(f"{STAMP} INFO one\n")
    LogShipper(world.moto).ship(GROUP, "Broker-1", log)
    written = datetime.strptime(STAMP, "[%Y-%m-%d %H:%M:%S,%f]")
    assert group.streams["Broker-1"].events[0].timestamp == int(written.timestamp() * 1000)


def test_a_rolled_log_is_read_from_its_beginning(world, group, tmp_path):
    log, shipper = tmp_path / "broker.log", LogShipper(world.moto)
    log.write_text("a long first line\n")
    shipper.ship(GROUP, "Broker-1", log)
    log.write_text("next\n")
    shipper.ship(GROUP, "Broker-1", log)
    assert _messages(group) == ["a long first line", "next"]


def test_lines_wait_for_their_log_group(world, tmp_path):
    log, shipper = tmp_path / "broker.log", LogShipper(world.moto)
    log.write_text("line\n")
    assert shipper.ship(GROUP, "Broker-1", log) == 0
    world.moto.backend("logs").create_log_group(GROUP, {})
    assert shipper.ship(GROUP, "Broker-1", log) == 1


def test_a_clusters_logs_arrive_one_stream_for_each_broker(world, group):
    logging = {"BrokerLogs": {"CloudWatchLogs": {"Enabled": True, "LogGroup": GROUP}}}
    arn = world.active(LoggingInfo=logging)
    assert world.describe(arn)["LoggingInfo"] == logging
    for broker in (1, 2, 3):
        wanted = f"broker {broker} started"
        assert wait_until(
            lambda b=broker, w=wanted: any(w in m for m in _messages(group, f"Broker-{b}")), deadline_s=30
        )
