package io.ephk.connect;

import java.nio.charset.StandardCharsets;
import org.apache.kafka.connect.sink.SinkRecord;

/** Records as lines of JSON (RFC 8259), without a library: a plugin cannot rely on the worker having one. */
final class Lines {
    private Lines() {}

    static String of(SinkRecord record) {
        return "{\"topic\":" + quote(record.topic())
                + ",\"partition\":" + record.kafkaPartition()
                + ",\"offset\":" + record.kafkaOffset()
                + ",\"key\":" + quote(record.key())
                + ",\"value\":" + quote(record.value()) + "}";
    }

    /** Any value as a JSON text; bytes are taken for UTF-8. */
    static String quote(Object value) {
        if (value == null) {
            return "null";
        }
        String text = value instanceof byte[] bytes ? new String(bytes, StandardCharsets.UTF_8) : value.toString();
        StringBuilder quoted = new StringBuilder(text.length() + 2).append('"');
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '"' || c == '\\') {
                quoted.append('\\').append(c);
            } else if (c < ' ' || Character.isSurrogate(c)) {
                quoted.append(String.format("\\u%04x", (int) c));
            } else {
                quoted.append(c);
            }
        }
        return quoted.append('"').toString();
    }
}
