"""What was billed: what Cost Explorer is asked, what is made of its answer, and whose bill it is."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from orchestrator.cost.actual import Actual, NotBilled, billed_for
from orchestrator.cost.answers import RefusedError
from orchestrator.cost.subject import of_lease, of_receipt
from orchestrator.cost.usage import Span
from orchestrator.errors import EphkError
from orchestrator.lease import HourlyCost, new_lease
from orchestrator.reports.costs import actual_lines
from orchestrator.tags import LEASE, Provenance

BEGIN = datetime(2026, 3, 1, 22, tzinfo=UTC)
END = datetime(2026, 3, 2, 2, tzinfo=UTC)
NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)


def result(day: str, *, estimated: bool = False, unit: str = "USD", **services: str) -> dict[str, Any]:
    return {
        "TimePeriod": {"Start": day, "End": day},
        "Total": {},
        "Groups": [
            {"Keys": [name], "Metrics": {"UnblendedCost": {"Amount": amount, "Unit": unit}}}
            for name, amount in services.items()
        ],
        "Estimated": estimated,
    }


class FakeCostExplorer:
    """Serves one result to a page."""

    def __init__(self, results: list[dict[str, Any]], *, status: str = "Active", refused: frozenset[str] = frozenset()):
        self.results, self.status, self.refused = results, status, refused
        self.requests: list[dict[str, Any]] = []

    def client(self, service: str) -> FakeCostExplorer:
        assert service == "ce"
        return self

    def _allow(self, operation: str) -> None:
        if operation in self.refused:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, operation)

    def list_cost_allocation_tags(self, **request: Any) -> dict[str, Any]:
        self._allow("list")
        assert request == {"TagKeys": [LEASE], "Type": "UserDefined"}
        tag = {"TagKey": LEASE, "Type": "UserDefined", "Status": self.status}
        return {"CostAllocationTags": [tag] if self.status else []}

    def get_cost_and_usage(self, **request: Any) -> dict[str, Any]:
        self._allow("get")
        self.requests.append(request)
        page = int(request.get("NextPageToken", 0))
        more = {"NextPageToken": str(page + 1)} if page + 1 < len(self.results) else {}
        return {"ResultsByTime": self.results[page : page + 1], **more}


def ask(explorer: FakeCostExplorer, end: datetime = END, now: datetime = NOW) -> Actual | NotBilled:
    return billed_for(explorer, "bcdfghjk", BEGIN, end, now)  # type: ignore[arg-type]


def test_the_bill_is_the_sum_of_every_page_by_service() -> None:
    explorer = FakeCostExplorer([result("2026-03-01", msk="1.25", kms="0.5"), result("2026-03-02", msk="2")])
    answer = ask(explorer)
    assert isinstance(answer, Actual)
    assert answer.usd == 3.75
    assert answer.by_service == {"msk": 3.25, "kms": 0.5}
    assert answer.final
    assert answer.notes == ()
    first, second = explorer.requests
    assert first["TimePeriod"] == {"Start": "2026-03-01", "End": "2026-03-03"}
    assert first["Filter"]["Tags"] == {"Key": LEASE, "Values": ["bcdfghjk"], "MatchOptions": ["EQUALS"]}
    assert second["NextPageToken"] == "1"
    assert (answer.begin, answer.end) == (date(2026, 3, 1), date(2026, 3, 3))


def test_an_estimate_of_awss_own_is_not_final() -> None:
    answer = ask(FakeCostExplorer([result("2026-03-01", msk="1"), result("2026-03-02", estimated=True, msk="1")]))
    assert isinstance(answer, Actual)
    assert not answer.final


def test_no_result_at_all_is_not_final() -> None:
    answer = ask(FakeCostExplorer([]))
    assert isinstance(answer, Actual)
    assert not answer.final


def test_how_far_the_bill_lags() -> None:
    soon = ask(FakeCostExplorer([result("2026-03-01")]), now=END + timedelta(hours=1))
    late = ask(FakeCostExplorer([result("2026-03-01")]), now=NOW)
    assert isinstance(soon, Actual)
    assert isinstance(late, Actual)
    assert soon.complete_until == END + timedelta(hours=1) - timedelta(hours=24)
    assert late.complete_until == END


@pytest.mark.parametrize("status", ["Inactive", ""])
def test_a_tag_that_is_not_active_is_no_bill_of_zero(status: str) -> None:
    explorer = FakeCostExplorer([], status=status)
    answer = ask(explorer)
    assert isinstance(answer, NotBilled)
    assert "ephk:lease is not an active cost-allocation tag" in answer.reason
    assert explorer.requests == []


def test_a_member_account_that_may_not_see_tags_is_told_what_that_means() -> None:
    answer = ask(FakeCostExplorer([result("2026-03-01", msk="1")], refused=frozenset({"list"})))
    assert isinstance(answer, Actual)
    assert answer.usd == 1
    assert "0 whatever was spent" in answer.notes[0]


def test_a_refusal_names_the_action() -> None:
    with pytest.raises(RefusedError, match="refuses ce:GetCostAndUsage"):
        ask(FakeCostExplorer([], refused=frozenset({"get"})))


def test_another_currency_is_not_added_up() -> None:
    with pytest.raises(EphkError, match="answered in CNY"):
        ask(FakeCostExplorer([result("2026-03-01", unit="CNY", msk="1")]))


def receipt(directory: Path, *, lease_id: str = "bcdfghjk", created: str = "2026-03-01T22:00:00Z", **more: Any) -> Path:
    path = directory / "receipt.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    lease = {"id": lease_id, "name": "orders", "target": "aws", "created_at": created}
    path.write_text(json.dumps({"lease": lease, "issued_at": "2026-03-02T02:00:00Z", **more}))
    return path


@pytest.fixture
def reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "ephk" / "reports"


def test_a_released_environment_is_found_by_name_id_and_receipt(reports: Path) -> None:
    cost = {"estimate": {"low": 1.0, "high": 2.0}}
    path = receipt(reports / "orders-bcdfghjk", cost=cost)
    receipt(reports / "orders-zzzzzzzz", lease_id="zzzzzzzz", created="2026-02-01T00:00:00Z")
    (reports / "broken").mkdir()
    (reports / "broken" / "receipt.json").write_text("{")
    for name in ("orders", "bcdfghjk", str(path)):
        subject = of_receipt(name)
        assert (subject.lease_id, subject.begin, subject.end) == ("bcdfghjk", BEGIN, END)
        assert subject.estimate == Span(1, 2)
    assert of_receipt("zzzzzzzz").estimate is None


def test_an_unknown_environment_and_a_damaged_receipt_are_told(reports: Path, tmp_path: Path) -> None:
    with pytest.raises(EphkError, match="no lease and no receipt called 'orders'"):
        of_receipt("orders")
    broken = tmp_path / "broken.json"
    broken.write_text('{"lease": []}')
    with pytest.raises(EphkError, match="is not a receipt"):
        of_receipt(str(broken))
    with pytest.raises(EphkError, match="cannot be read"):
        of_receipt(str(tmp_path / "absent.json"))


def test_a_lease_is_shown_with_estimate_and_bill_side_by_side() -> None:
    lease = new_lease(
        name="orders",
        target="aws",
        ttl=timedelta(hours=4),
        provenance=Provenance("ci"),
        spec={},
        hourly_cost=HourlyCost(low=1, high=2),
    )
    subject = of_lease(lease, lease.created_at + timedelta(hours=2))
    answer = ask(FakeCostExplorer([result("2026-03-01", estimated=True, msk="1.5")]))
    lines = "\n".join(actual_lines(subject, answer))
    assert "estimate  2.00 to 4.00 USD" in lines
    assert "billed    1.50 USD, not final" in lines
    assert "lags up to 24 h" in lines
    assert "not known: because" in "\n".join(actual_lines(subject, NotBilled("because")))
