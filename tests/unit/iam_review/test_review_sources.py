"""Where sides come from, what a team accepts, and how the command ends."""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from orchestrator.cli import main
from orchestrator.errors import UsageError
from orchestrator.iam_review.accepted import Acceptance, apply_acceptances, read_policy_file
from orchestrator.iam_review.collect import collect
from orchestrator.iam_review.documents import statement_lines
from orchestrator.iam_review.files import read_revision
from orchestrator.iam_review.model import Finding, Location, Severity, Snapshot
from orchestrator.iam_review.render import MARKER
from orchestrator.iam_review.wording import compact

EXAMPLE = Path(__file__).parents[3] / "examples" / "iam"
FINDING = Finding(
    "new-access", "iam.diff.new-access", Severity.HIGH, "role/sink", "m", Location("f", 1),
    ("s3:GetObject", "s3:PutObject"), ("arn:aws:s3:::orders/*",), widens=True,
)  # fmt: skip
TODAY = date(2030, 1, 1)


def no_live(_name: str) -> Snapshot:
    raise AssertionError("no environment is asked")


def run(*arguments: str | Path) -> tuple[int, str, str]:
    done = CliRunner().invoke(main, ["check", "iam", *map(str, arguments)])
    return done.exit_code, done.stdout, done.stderr


def test_the_example_of_the_documentation(tmp_path: Path) -> None:
    accept, markdown, sarif = EXAMPLE / "ephk-policy.yaml", tmp_path / "r" / "iam.md", tmp_path / "iam.sarif"
    status, out, _ = run(
        "--base", EXAMPLE / "base", "--head", EXAMPLE / "head", "--accept", accept,
        "--markdown", markdown, "--sarif", sarif, "--json",
    )  # fmt: skip
    assert status == 3
    document = json.loads(out)
    assert document["summary"]["unaccepted"] == 2
    assert document["summary"]["accepted"] == 1
    assert document["unused_acceptances"] == []
    assert {one["principal"] for one in document["findings"] if not one["accepted"]} == {"role/orders-ci"}
    text = markdown.read_text()
    assert text.startswith(MARKER)
    assert "repo:acme/\\*:\\*" in text
    results = json.loads(sarif.read_text())["runs"][0]["results"]
    assert [bool(one.get("suppressions")) for one in results] == [False, False, True]


def test_nothing_new_is_fine() -> None:
    status, out, _ = run("--base", EXAMPLE / "base", "--head", EXAMPLE / "base")
    assert status == 0
    assert "nothing that is not accepted" in out


def test_a_plan_is_compared_with_what_it_starts_from_and_strict_fails_on_gaps(tmp_path: Path) -> None:
    plan = Path(__file__).parent / "plans" / "pulumi.json"
    policy = tmp_path / "accept.yaml"
    kinds = ("new-access", "trust", "lint")
    entries = "".join(f"    - {{principal: '*', kind: {kind}, reason: a test}}\n" for kind in kinds)
    policy.write_text(f"iam:\n  accept:\n{entries}")
    assert run("--head", plan, "--accept", policy)[0] == 0
    status, out, _ = run("--head", plan, "--accept", policy, "--strict")
    assert status == 3
    assert "known only after apply" in out


def test_lint_uses_parliament(tmp_path: Path) -> None:
    statement = {"Effect": "Allow", "Action": "s3:GetObjet", "Resource": "arn:aws:s3:::orders/*"}
    (tmp_path / "typo.json").write_text(json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    status, out, _ = run("--lint", tmp_path)
    assert (status, "UNKNOWN_ACTION" in out) == (0, True)
    assert run("--lint", EXAMPLE / "head")[0] == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "say what to check"),
        (("--head", EXAMPLE / "base"), "--head needs --base"),
        (("--base", "no-such-revision", "--head", EXAMPLE / "base"), "neither a file or directory nor a git revision"),
        (("--base", "-x", "--head", EXAMPLE / "base"), "is no git revision"),
        (("--lint",), "at least one path"),
        (("--lint", Path(__file__).parent), "not JSON"),
        (("--action", "s3:GetObject"), "needs --principal"),
    ],
)
def test_wrong_usage_is_told(arguments: tuple[Any, ...], words: str, tmp_path: Path) -> None:
    if words == "not JSON":
        broken = tmp_path / "roles" / "app" / "broken.json"
        broken.parent.mkdir(parents=True)
        broken.write_text("{")
        arguments = ("--lint", tmp_path)
    status, _, err = run(*arguments)
    assert status == 2
    assert words in err


def test_one_decision_is_explained() -> None:
    role = "arn:aws:sts::111122223333:assumed-role/orders-sink/x"
    policy, boundary = (EXAMPLE / "base/roles/orders-sink" / name for name in ("archive.json", "boundary.json"))
    asked = (policy, "--boundary", boundary, "--principal", role, "--action", "s3:GetObject")
    objects = ("--resource", "arn:aws:s3:::acme-orders-archive/key")
    status, out, _ = run(*asked, *objects)
    assert status == 0
    assert "denied, because no identity-based policy allows" in out
    status, out, _ = run(*asked, *objects, "--context", "aws:SourceVpce=vpce-0a1b2c3d", "--json")
    assert json.loads(out)["decision"] == "allow"


def git(directory: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *arguments], cwd=directory, check=True, capture_output=True)


def test_a_git_revision_is_a_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(EXAMPLE / "base", tmp_path / "policies")
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "base")
    shutil.rmtree(tmp_path / "policies")
    shutil.copytree(EXAMPLE / "head", tmp_path / "policies")
    monkeypatch.chdir(tmp_path)
    status, out, _ = run("--base", "main", "--head", "policies", "--json")
    assert status == 3
    assert json.loads(out)["summary"]["unaccepted"] == 3
    status, out, _ = run("--base", "main:policies", "--head", "main:policies")
    assert status == 0
    assert read_revision("main", "absent") is None
    monkeypatch.chdir(tmp_path / "policies")
    found = read_revision("main", "roles/orders-ci")
    assert found is not None
    assert sorted(Path(name).name for name in found) == ["boundary.json", "deploy.json", "trust.json"]


def test_account_details_are_a_side(tmp_path: Path) -> None:
    def arn(kind: str, name: str) -> str:
        return f"arn:aws:iam::111122223333:{kind}/{name}"

    def allow(action: str) -> dict[str, Any]:
        return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]}

    policy = {"PolicyName": "ops", "Arn": arn("policy", "ops"),
              "PolicyVersionList": [{"IsDefaultVersion": True, "Document": allow("sqs:*")},
                                    {"IsDefaultVersion": False, "Document": allow("*")}]}  # fmt: skip
    user = {"UserName": "eve", "Arn": arn("user", "eve"), "GroupList": ["ops"],
            "AttachedManagedPolicies": [{"PolicyName": "x", "PolicyArn": arn("policy", "absent")}]}  # fmt: skip
    group = {"GroupName": "ops", "Arn": arn("group", "ops"), "GroupPolicyList": [],
             "AttachedManagedPolicies": [{"PolicyName": "ops", "PolicyArn": arn("policy", "ops")}]}  # fmt: skip
    file = tmp_path / "account.json"
    file.write_text(
        json.dumps({"RoleDetailList": [], "UserDetailList": [user], "GroupDetailList": [group], "Policies": [policy]})
    )
    found = collect(str(file), no_live)
    assert [one.document for one in found.principals["user/eve"].policies] == [allow("sqs:*")]
    assert [gap.principal for gap in found.gaps] == ["user/eve"]


def test_a_policy_that_cannot_be_evaluated_is_a_gap_and_a_finding(tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text('{"Statement": [{"Effect": "Allow", "Action": "s3:*"}]}')
    status, out, _ = run("--lint", tmp_path, "--json")
    document = json.loads(out)
    assert status == 3
    assert [one["rule"] for one in document["findings"]] == ["iam.lint.malformed"]
    assert "cannot be evaluated" in document["not_covered"][0]["reason"]


@pytest.mark.parametrize(
    ("entry", "covers"),
    [
        ({}, True),
        ({"principal": "role/other"}, False),
        ({"principal": "role/*", "actions": ("s3:*",), "resources": ("arn:aws:s3:::orders/*",)}, True),
        ({"actions": ("s3:GetObject",)}, False),
        ({"resources": ("arn:aws:s3:::orders/a/*",)}, False),
        ({"kind": "trust"}, False),
        ({"expires": date(2029, 12, 31)}, False),
        ({"expires": TODAY}, True),
        ({"condition": "aws:SourceVpce"}, False),
    ],
)
def test_an_acceptance_must_cover_all_of_a_finding(entry: dict[str, Any], covers: bool) -> None:
    acceptance = Acceptance(**{"principal": "role/sink", "reason": "agreed", **entry})
    (marked,), unused = apply_acceptances([FINDING], [acceptance], TODAY)
    assert marked.accepted == ("agreed" if covers else "")
    assert bool(unused) is not covers


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("iam: {accept: [{principal: x}]}", "reason: field required"),
        ("iam: {accept: [{principal: x, reason: y, action: z}]}", "action"),
        ("iam: []\n", "must be a mapping"),
        ("- 1", "must be a mapping"),
        ("iam: {accept: [", "cannot read"),
    ],
)
def test_a_wrong_policy_file_is_told(text: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(text)
    if text == "iam: []\n":
        assert read_policy_file(file).accept == ()
        return
    with pytest.raises(UsageError) as problem:
        read_policy_file(file)
    assert words in problem.value.message


def test_lines_of_statements() -> None:
    assert statement_lines('{\n "Statement": [\n  {"a": 1},\n\t{"b": [2,\n 3]}\n , {"c": 1}]}') == (3, 4, 6)
    assert statement_lines('{"Version": "x",\n"Statement": {"Effect": "Allow"}}') == (2,)
    assert statement_lines("{}") == ()


def test_actions_are_told_with_wildcards_that_cover_no_more() -> None:
    assert compact(["kafka-cluster:Connect"]) == ["kafka-cluster:Connect"]
    topics = [f"kafka-cluster:{name}" for name in ("DeleteGroup", "DeleteTopic", "ReadData", "WriteData")]
    assert compact(topics) == topics
    from orchestrator.iam.actions import expand_action

    assert compact(expand_action("s3:*")) == ["s3:*"]
    reads = compact(expand_action("kafka-cluster:Describe*"))
    assert reads == ["kafka-cluster:Describe*"]
