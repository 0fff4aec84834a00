package io.ephk.streams;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.Record;

/**
 * Counts words: records are split, regrouped by word (a repartition topic) and counted (a state store with its
 * changelog), and every new count is written to the output.
 *
 * <p>Standard input has lines of {@code key TAB base64(value)} and an empty line behind them, since an argument would
 * show passwords to every user of the machine; its end afterwards ends the program, so that it never outlives whoever
 * started it. Keys that begin with {@code ephk.} are ours: {@code ephk.input}, {@code ephk.output}, and {@code
 * ephk.stop.at}, the key of a record behind which the program stands still: its words have been sent on, and nothing
 * of it has been committed. Standard output gets {@code running}, {@code stopped}, and {@code error TAB base64(class)
 * TAB base64(message)} with the innermost cause.
 */
public final class WordCount {
    private static final PrintStream OUTPUT = System.out;

    private WordCount() {}

    public static void main(String[] arguments) throws Exception {
        System.setOut(System.err); // a library that prints must not be mistaken for an answer
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        Properties settings = new Properties();
        Properties ours = new Properties();
        for (String line = input.readLine(); line != null && !line.isEmpty(); line = input.readLine()) {
            String[] parts = line.split("\t", -1);
            String value = new String(Base64.getDecoder().decode(parts[1]), StandardCharsets.UTF_8);
            (parts[0].startsWith("ephk.") ? ours : settings).setProperty(parts[0], value);
        }
        Thread watch = new Thread(() -> endWith(input), "standard input");
        watch.setDaemon(true);
        watch.start();
        try {
            KafkaStreams streams = new KafkaStreams(topology(ours).build(), settings);
            streams.setUncaughtExceptionHandler(problem -> {
                fail(problem);
                return null; // not reached: the program has ended
            });
            streams.setStateListener((now, before) -> {
                if (now == KafkaStreams.State.RUNNING) {
                    say("running");
                }
            });
            streams.start();
        } catch (Throwable problem) {
            fail(problem);
        }
    }

    private static StreamsBuilder topology(Properties ours) {
        StreamsBuilder builder = new StreamsBuilder();
        String stopAt = ours.getProperty("ephk.stop.at");
        builder.stream(ours.getProperty("ephk.input"), Consumed.with(Serdes.String(), Serdes.String()))
                .process(() -> new Splitter(stopAt))
                .groupBy((key, word) -> word, Grouped.with("words", Serdes.String(), Serdes.String()))
                .count(Materialized.as("counts"))
                .toStream()
                .mapValues(count -> Long.toString(count))
                .to(ours.getProperty("ephk.output"), Produced.with(Serdes.String(), Serdes.String()));
        return builder;
    }

    /** Sends each word of a record on, and stands still behind the one that it was told. */
    private static final class Splitter extends ContextualProcessor<String, String, String, String> {
        private final String stopAt;

        Splitter(String stopAt) {
            this.stopAt = stopAt;
        }

        @Override
        public void process(Record<String, String> record) {
            for (String word : record.value().split(" ")) {
                context().forward(record.withValue(word));
            }
            if (stopAt != null && stopAt.equals(record.key())) {
                say("stopped");
                while (true) { // until somebody kills the process
                    try {
                        Thread.sleep(Long.MAX_VALUE);
                    } catch (InterruptedException e) {
                        Thread.currentThread().interrupt();
                        return;
                    }
                }
            }
        }
    }

    private static void endWith(BufferedReader input) {
        try {
            while (input.readLine() != null) {
                continue;
            }
        } catch (IOException e) {
            // whoever started this is gone
        }
        Runtime.getRuntime().halt(0);
    }

    private static void fail(Throwable problem) {
        Throwable cause = problem;
        while (cause.getCause() != null && cause.getCause() != cause) {
            cause = cause.getCause();
        }
        say("error\t" + encode(cause.getClass().getName()) + "\t" + encode(String.valueOf(cause.getMessage())));
        Runtime.getRuntime().halt(1);
    }

    private static String encode(String text) {
        return Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.UTF_8));
    }

    private static void say(String line) {
        synchronized (OUTPUT) {
            OUTPUT.println(line);
            OUTPUT.flush();
        }
    }
}
