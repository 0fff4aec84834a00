from datetime import timedelta
from pathlib import Path

import pytest

from orchestrator.errors import UsageError
from orchestrator.policy_file import ProjectPolicy, find_policy_file, load_policy
from orchestrator.spec import EnvironmentSpec


def test_the_nearest_file_up_to_the_repository_root_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EPHK_POLICY", raising=False)
    inside = tmp_path / "repository" / "services" / "orders"
    inside.mkdir(parents=True)
    (tmp_path / "repository" / ".git").mkdir()
    (tmp_path / "ephk-policy.yaml").write_text("max_ttl: 1h")
    assert find_policy_file(inside) is None  # outside the repository: somebody else's
    (tmp_path / "repository" / "ephk-policy.yaml").write_text("max_ttl: 2h")
    assert load_policy(start=inside).max_ttl == timedelta(hours=2)
    monkeypatch.setenv("EPHK_POLICY", str(tmp_path / "ephk-policy.yaml"))
    assert load_policy(start=inside).max_ttl == timedelta(hours=1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("max_ttl: [", "is not YAML"),
        ("max_ttl: never", "must be a duration"),
        ("max_ttl: 0s", "more than 0s"),
        ("max_tll: 2h", "max_tll: Extra inputs"),
        ("budget_usd: 0", "greater than 0"),
        ("- 1", "file"),
    ],
)
def test_a_limit_that_is_not_understood_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "ephk-policy.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=said):
        load_policy(path)


def test_a_file_that_is_named_and_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        load_policy(tmp_path / "gone.yaml")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "ephk-policy.yaml"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="is not UTF-8 text"):
        load_policy(file)


def test_a_spec_that_asks_for_more_than_the_project_allows_is_refused_with_every_limit() -> None:
    policy = ProjectPolicy.model_validate({"max_ttl": "2h", "create_deadline": "30m"})
    policy.check(EnvironmentSpec.model_validate({"ttl": "2h"}))
    with pytest.raises(UsageError, match="ttl: 3h is more than the 2h") as caught:
        policy.check(EnvironmentSpec.model_validate({"ttl": "3h", "create_deadline": "1h"}))
    assert caught.value.details == ("create_deadline: 1h is more than the 30m that ephk-policy.yaml allows",)
