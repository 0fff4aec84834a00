package io.ephk.connect;

import java.util.List;
import java.util.Map;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigDef.Importance;
import org.apache.kafka.common.config.ConfigDef.NonEmptyString;
import org.apache.kafka.common.config.ConfigDef.Range;
import org.apache.kafka.common.config.ConfigDef.Type;
import org.apache.kafka.connect.connector.Task;
import org.apache.kafka.connect.source.SourceConnector;

/** Emits numbered records, and goes on after a restart with the number that follows the last one committed. */
public final class CanarySourceConnector extends SourceConnector {
    static final String TOPIC = "canary.topic";
    static final String STREAM = "canary.stream";
    static final String INTERVAL = "canary.interval.ms";
    static final String COUNT = "canary.count";

    static final ConfigDef CONFIG = new ConfigDef()
            .define(TOPIC, Type.STRING, ConfigDef.NO_DEFAULT_VALUE, new NonEmptyString(), Importance.HIGH,
                    "The topic that records are written to.")
            .define(STREAM, Type.STRING, "canary", new NonEmptyString(), Importance.MEDIUM,
                    "Names the sequence; it is every record's key and the source partition of its offsets.")
            .define(INTERVAL, Type.LONG, 1000L, Range.between(1, 3_600_000), Importance.MEDIUM,
                    "Milliseconds between two records.")
            .define(COUNT, Type.LONG, 0L, Range.atLeast(0), Importance.LOW,
                    "How many records to emit; 0 goes on for ever.");

    private Map<String, String> settings = Map.of();

    @Override
    public void start(Map<String, String> props) {
        settings = Map.copyOf(props);
    }

    @Override
    public Class<? extends Task> taskClass() {
        return CanarySourceTask.class;
    }

    @Override
    public List<Map<String, String>> taskConfigs(int maxTasks) {
        return List.of(settings); // one sequence cannot be counted by two
    }

    @Override
    public void stop() {}

    @Override
    public ConfigDef config() {
        return CONFIG;
    }

    @Override
    public String version() {
        return CanarySinkConnector.VERSION;
    }
}
