package io.ephk.connect;

import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.source.SourceRecord;
import org.apache.kafka.connect.source.SourceTask;

/** Counts. */
public final class CanarySourceTask extends SourceTask {
    private static final String NUMBER = "number";

    private final CountDownLatch stopped = new CountDownLatch(1);
    private AbstractConfig config;
    private String stream;
    private long next;

    @Override
    public void start(Map<String, String> props) {
        config = new AbstractConfig(CanarySourceConnector.CONFIG, props, false);
        stream = config.getString(CanarySourceConnector.STREAM);
        Map<String, Object> committed = context.offsetStorageReader().offset(partition());
        next = committed == null ? 0 : ((Number) committed.get(NUMBER)).longValue() + 1;
    }

    private Map<String, String> partition() {
        return Map.of("stream", stream);
    }

    @Override
    public List<SourceRecord> poll() throws InterruptedException {
        if (stopped.await(config.getLong(CanarySourceConnector.INTERVAL), TimeUnit.MILLISECONDS)) {
            return null;
        }
        long count = config.getLong(CanarySourceConnector.COUNT);
        if (count > 0 && next >= count) {
            return null;
        }
        long number = next++;
        return List.of(new SourceRecord(partition(), Map.of(NUMBER, number),
                config.getString(CanarySourceConnector.TOPIC), Schema.STRING_SCHEMA, stream,
                Schema.STRING_SCHEMA, Long.toString(number)));
    }

    @Override
    public void stop() {
        stopped.countDown();
    }

    @Override
    public String version() {
        return CanarySinkConnector.VERSION;
    }
}
