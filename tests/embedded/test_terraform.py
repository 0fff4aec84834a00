"""Terraform's genuine AWS provider against the embedded cloud: apply, an empty second plan, a clean destroy."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import urllib.request
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from tests.embedded.conftest import World

#: Where providers are kept for machines that cannot download them; the first that has the AWS provider is used.
MIRRORS = [
    os.environ.get("EPHK_TERRAFORM_PLUGIN_DIR", ""),
    "~/.terraform.d/plugins",
    "/usr/local/share/terraform/plugins",
    "/usr/share/terraform/plugins",
    "/opt/tf-plugins",
]
PLUGINS = next(
    (path for path in map(Path, map(os.path.expanduser, filter(None, MIRRORS))) if list(path.glob("*/hashicorp/aws"))),
    None,
)

pytestmark = [
    pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed"),
    pytest.mark.skipif(PLUGINS is None, reason="no local mirror has Terraform's AWS provider"),
]


def terraform(directory: Path, variables: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["terraform", *arguments],
        cwd=directory,
        env={**os.environ, **variables, "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1", "TF_CLI_ARGS": "-no-color"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_apply_then_an_empty_plan_then_destroy(world: World, tmp_path: Path) -> None:
    info = world.must("cloud", "start", "--json").json()
    variables = {
        "AWS_ENDPOINT_URL": info["endpoint"],
        "AWS_CA_BUNDLE": info["ca_bundle"],
        "AWS_REGION": info["region"],
        "AWS_ACCESS_KEY_ID": info["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": info["secret_access_key"],
        "AWS_S3_USE_PATH_STYLE": "true",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    shutil.copy(Path(__file__).parent / "terraform" / "main.tf", tmp_path)
    init = terraform(tmp_path, variables, "init", f"-plugin-dir={PLUGINS}")
    assert init.returncode == 0, init.stderr
    applied = terraform(tmp_path, variables, "apply", "-auto-approve")
    assert applied.returncode == 0, applied.stderr
    planned = terraform(tmp_path, variables, "plan", "-detailed-exitcode")
    assert planned.returncode == 0, planned.stdout[-4000:]
    outputs = json.loads(terraform(tmp_path, variables, "output", "-json").stdout)
    uuid = outputs["cluster_arn"]["value"].rsplit("/", 1)[-1]
    with urllib.request.urlopen(f"{info['http_endpoint']}/_ephk/clusters/{uuid}/ca.pem", timeout=10) as answer:
        ca_pem = answer.read().decode()
    admin = AdminClient(
        {
            "bootstrap.servers": outputs["bootstrap_scram"]["value"],
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": "orders",
            "sasl.password": "correct horse battery staple",
            "ssl.ca.pem": ca_pem,
        }
    )
    assert len(admin.list_topics(timeout=60).brokers) == 3
    destroyed = terraform(tmp_path, variables, "destroy", "-auto-approve")
    assert destroyed.returncode == 0, destroyed.stderr
    assert json.loads((tmp_path / "terraform.tfstate").read_text())["resources"] == []
    world.must("cloud", "stop")
