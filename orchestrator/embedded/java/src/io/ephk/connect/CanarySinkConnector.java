package io.ephk.connect;

import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigDef.Importance;
import org.apache.kafka.common.config.ConfigDef.NonEmptyString;
import org.apache.kafka.common.config.ConfigDef.Type;
import org.apache.kafka.connect.connector.Task;
import org.apache.kafka.connect.sink.SinkConnector;

/** Writes every record that it gets to a bucket: the shortest way to show that a whole path works. */
public final class CanarySinkConnector extends SinkConnector {
    static final String VERSION = "1.0.0";
    static final String BUCKET = "canary.bucket";
    static final String PREFIX = "canary.prefix";
    static final String REGION = "canary.region";

    static final ConfigDef CONFIG = new ConfigDef()
            .define(BUCKET, Type.STRING, ConfigDef.NO_DEFAULT_VALUE, new NonEmptyString(), Importance.HIGH,
                    "The bucket that records are written to.")
            .define(PREFIX, Type.STRING, "", Importance.MEDIUM, "What every object's key begins with.")
            .define(REGION, Type.STRING, "", Importance.MEDIUM,
                    "The bucket's region; empty takes the worker's (AWS_REGION).");

    private Map<String, String> settings = Map.of();

    @Override
    public void start(Map<String, String> props) {
        settings = Map.copyOf(props);
    }

    @Override
    public Class<? extends Task> taskClass() {
        return CanarySinkTask.class;
    }

    @Override
    public List<Map<String, String>> taskConfigs(int maxTasks) {
        return Collections.nCopies(maxTasks, settings);
    }

    @Override
    public void stop() {}

    @Override
    public ConfigDef config() {
        return CONFIG;
    }

    @Override
    public String version() {
        return VERSION;
    }
}
