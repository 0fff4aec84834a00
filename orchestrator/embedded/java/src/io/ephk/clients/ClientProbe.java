package io.ephk.clients;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.utils.AppInfoParser;

/**
 * Produces and consumes with whichever version of Apache's Java client is on the class path, once for each case (a way
 * to authenticate), all cases side by side in one JVM: a start of the JVM costs more than a case.
 *
 * <p>Standard input has lines of {@code case TAB key TAB base64(value)}, since an argument would show passwords to
 * every user of the machine. The case {@code system} sets system properties. Keys that begin with {@code ephk.} are
 * ours: {@code ephk.topic}, {@code ephk.group}, {@code ephk.records}, {@code ephk.deadline.ms}. Standard output gets one
 * line for each case: {@code case TAB version TAB acked TAB consumed TAB produce_ms TAB consume_ms TAB
 * base64(class) TAB base64(message)}; the last two are empty when all went well.
 *
 * <p>Only methods that every version since 2.0 has are used.
 */
public final class ClientProbe {
    private ClientProbe() {}

    public static void main(String[] arguments) throws Exception {
        Map<String, Properties> cases = new LinkedHashMap<>();
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            String[] parts = line.split("\t", -1);
            String value = new String(Base64.getDecoder().decode(parts[2]), StandardCharsets.UTF_8);
            if (parts[0].equals("system")) {
                System.setProperty(parts[1], value);
            } else {
                cases.computeIfAbsent(parts[0], name -> new Properties()).setProperty(parts[1], value);
            }
        }
        PrintStream output = System.out;
        System.setOut(System.err); // a library that prints must not be mistaken for a result
        List<Thread> threads = new ArrayList<>();
        cases.forEach((name, settings) -> {
            Thread thread = new Thread(() -> {
                String line = new Case(name, settings).run();
                synchronized (output) {
                    output.println(line);
                    output.flush();
                }
            }, name);
            threads.add(thread);
            thread.start();
        });
        for (Thread thread : threads) {
            thread.join();
        }
        Runtime.getRuntime().halt(0); // what has not closed in time must not keep anybody waiting
    }

    /** One way to authenticate. */
    private static final class Case {
        private final String name;
        private final Properties settings = new Properties();
        private final String topic;
        private final String group;
        private final int records;
        private final long deadline;
        private int acked;
        private int consumed;
        private long producedMs;
        private long consumedMs;

        Case(String name, Properties given) {
            this.name = name;
            this.topic = given.getProperty("ephk.topic");
            this.group = given.getProperty("ephk.group");
            this.records = Integer.parseInt(given.getProperty("ephk.records"));
            this.deadline = System.nanoTime() + Long.parseLong(given.getProperty("ephk.deadline.ms")) * 1_000_000;
            for (String key : given.stringPropertyNames()) {
                if (!key.startsWith("ephk.")) {
                    settings.setProperty(key, given.getProperty(key));
                }
            }
        }

        String run() {
            Throwable problem = null;
            try {
                Set<String> sent = produce();
                consume(sent);
            } catch (Throwable error) {
                problem = error;
            }
            String cause = "";
            String message = "";
            if (problem != null) {
                while (problem.getCause() != null && problem.getCause() != problem) {
                    problem = problem.getCause();
                }
                cause = problem.getClass().getName();
                message = String.valueOf(problem.getMessage());
            }
            return String.join("\t", name, AppInfoParser.getVersion(), "" + acked, "" + consumed, "" + producedMs,
                    "" + consumedMs, encode(cause), encode(message));
        }

        private Set<String> produce() throws Exception {
            long begun = System.nanoTime();
            Properties config = new Properties();
            config.putAll(settings);
            config.put("acks", "all");
            config.put("max.block.ms", "" + left());
            config.put("delivery.timeout.ms", "" + Math.max(left(), 1_001));
            config.put("request.timeout.ms", "" + Math.max(1_000, Math.min(left() - 1, 15_000)));
            config.put("linger.ms", "0");
            Set<String> sent = new HashSet<>();
            KafkaProducer<byte[], byte[]> producer =
                    new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer());
            // Not closed when something fails: closing waits for what cannot be delivered, and the JVM ends anyway.
            List<Future<RecordMetadata>> answers = new ArrayList<>();
            for (int number = 0; number < records; number++) {
                String value = name + "-" + number;
                answers.add(producer.send(new ProducerRecord<>(topic, value.getBytes(StandardCharsets.UTF_8))));
                sent.add(value);
            }
            for (Future<RecordMetadata> answer : answers) {
                answer.get(left(), TimeUnit.MILLISECONDS);
                acked++;
            }
            producer.close();
            producedMs = (System.nanoTime() - begun) / 1_000_000;
            return sent;
        }

        private void consume(Set<String> expected) {
            long begun = System.nanoTime();
            Properties config = new Properties();
            config.putAll(settings);
            config.put("group.id", group);
            config.put("auto.offset.reset", "earliest");
            config.put("enable.auto.commit", "false");
            Set<String> missing = new HashSet<>(expected);
            KafkaConsumer<byte[], byte[]> consumer =
                    new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer());
            try {
                consumer.subscribe(List.of(topic));
                while (!missing.isEmpty() && left() > 1) {
                    for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(200))) {
                        if (missing.remove(new String(record.value(), StandardCharsets.UTF_8))) {
                            consumed++;
                        }
                    }
                }
                consumer.commitSync(Duration.ofMillis(left()));
            } finally {
                consumer.close(Duration.ofMillis(500));
            }
            consumedMs = (System.nanoTime() - begun) / 1_000_000;
        }

        private long left() {
            return Math.max(1, (deadline - System.nanoTime()) / 1_000_000);
        }

        private static String encode(String text) {
            return Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.UTF_8));
        }
    }
}
