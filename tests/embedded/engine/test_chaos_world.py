"""The chaos suite's check can fail: what is really left is seen, whatever made it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from orchestrator.aws import AwsSession, Credentials
from orchestrator.environment import CloudEndpoint
from orchestrator.processes import wait_until
from tests.chaos.world import ChaosWorld


def test_what_is_left_in_the_cloud_or_on_the_machine_is_seen(tmp_path: Path) -> None:
    world = ChaosWorld(tmp_path / "logs")
    try:
        assert world.left() == []
        info = json.loads((world.state / "cloud" / "info.json").read_text())
        cloud = CloudEndpoint(
            region=info["region"],
            account_id=info["account_id"],
            endpoint_url=info["endpoint"],
            ca_bundle=info["ca_bundle"],
        )
        # A type of which the product's own inventory knows nothing, without a tag.
        topics = AwsSession(cloud, Credentials(info["access_key_id"], info["secret_access_key"])).client("sns")
        arn = topics.create_topic(Name="forgotten")["TopicArn"]
        assert any(arn in path for path in world.left())
        topics.delete_topic(TopicArn=arn)
        assert world.left() == []

        broker = [sys.executable, "-c", "import time; time.sleep(60)", "kafka.Kafka", str(world.home)]
        stray = subprocess.Popen(broker)
        assert wait_until(lambda: world.brokers() == [stray.pid], deadline_s=60)
        assert not world.gone(deadline_s=0.2)
        stray.kill()
        stray.wait()
        assert world.gone()

        world.rehearse({"rules": [{"service": "sns", "error": {"code": "ExpiredToken", "status": 403}, "times": 1}]})
        with pytest.raises(ClientError, match="ExpiredToken"):
            topics.list_topics()
        assert topics.list_topics()["Topics"] == []
        assert world.injected() == 1
    finally:
        world.close()
    assert not world.home.exists()
