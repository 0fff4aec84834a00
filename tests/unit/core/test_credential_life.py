import math
from datetime import UTC, datetime, timedelta
from typing import Any

import botocore.session
import pytest
from botocore.credentials import Credentials, RefreshableCredentials

from orchestrator import credential_life
from orchestrator.credential_life import NEEDED_S, caller_life, check_caller, life_of, require
from orchestrator.errors import EphkError

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def refreshable(left: timedelta, method: str) -> RefreshableCredentials:
    return RefreshableCredentials("AKIA", "secret", "token", NOW + left, lambda: {}, method, time_fetcher=lambda: NOW)


@pytest.mark.parametrize(
    ("credentials", "left_s"),
    [
        (Credentials("AKIA", "secret", None, "env"), math.inf),
        (refreshable(timedelta(minutes=5), "sso"), math.inf),
        (refreshable(timedelta(minutes=5), "iam-role"), math.inf),
        (refreshable(timedelta(minutes=50), "env"), 3000.0),
        (refreshable(timedelta(minutes=50), "assume-role-with-web-identity"), 3000.0),
        (refreshable(timedelta(minutes=-1), "env"), -60.0),
        (Credentials("ASIA", "secret", "token", "env"), 3600.0),
    ],
)
def test_how_long_credentials_last(credentials: Any, left_s: float) -> None:
    assert life_of(credentials, NOW).left_s == left_s


def test_an_hour_is_too_short_for_msk_and_the_refusal_has_the_numbers_and_the_fix() -> None:
    life = life_of(Credentials("ASIA", "secret", "token", "env"), NOW)
    with pytest.raises(EphkError) as caught:
        require(life, NEEDED_S["official"])
    assert "last 60 more minutes" in caught.value.message
    assert "needs 85" in caught.value.message
    assert "role-duration-seconds" in caught.value.next_step
    assert credential_life.VARIABLE in caught.value.next_step
    require(life, NEEDED_S["embedded"])


def test_the_end_that_the_environment_states_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime.now(UTC)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ASIA")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    monkeypatch.setenv(credential_life.VARIABLE, (now + timedelta(hours=2)).isoformat())
    assert caller_life(now).left_s == pytest.approx(7200, abs=1)
    check_caller("official", now)
    monkeypatch.setenv(credential_life.VARIABLE, (now + timedelta(minutes=40)).isoformat())
    with pytest.raises(EphkError, match="last 40 more minutes"):
        check_caller("official", now)


def test_no_credentials_is_said_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(botocore.session.Session, "get_credentials", lambda _: None)
    with pytest.raises(EphkError, match="no AWS credentials") as caught:
        caller_life()
    assert "Sign in" in caught.value.next_step
