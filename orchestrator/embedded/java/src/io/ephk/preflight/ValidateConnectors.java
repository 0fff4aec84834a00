package io.ephk.preflight;

import java.io.Reader;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.stream.Stream;
import org.apache.kafka.common.config.ConfigValue;
import org.apache.kafka.connect.connector.Connector;
import org.apache.kafka.connect.runtime.isolation.PluginClassLoader;
import org.apache.kafka.connect.sink.SinkConnector;

/**
 * Loads connectors as a worker would and lets their definitions judge configurations, without Kafka and a network.
 *
 * <p>Arguments come in threes: a name, the directory with the plugin's jars, a properties file. One line is written for
 * each finding: name, kind, subject and message, separated by tabs. {@link Connector#validate} is not called, since
 * connectors use it to call the system behind them.
 */
public final class ValidateConnectors {
    private ValidateConnectors() {}

    public static void main(String[] args) throws Exception {
        for (int at = 0; at + 2 < args.length; at += 3) {
            String name = args[at];
            try {
                Properties properties = new Properties();
                try (Reader reader = Files.newBufferedReader(Path.of(args[at + 2]), StandardCharsets.UTF_8)) {
                    properties.load(reader);
                }
                Map<String, String> config = new HashMap<>();
                properties.forEach((key, value) -> config.put((String) key, (String) value));
                validate(name, Path.of(args[at + 1]), config);
            } catch (ClassNotFoundException | LinkageError e) {
                say(name, "class", missing(e), first(e));
            } catch (Exception e) {
                say(name, "unknown", "", first(e));
            }
        }
        System.out.flush();
        System.exit(0); // a plugin's own threads do not keep this process
    }

    private static void validate(String name, Path directory, Map<String, String> config) throws Exception {
        List<URL> jars = new ArrayList<>();
        try (Stream<Path> files = Files.list(directory)) {
            for (Path file : files.sorted().toList()) {
                jars.add(file.toUri().toURL());
            }
        }
        ClassLoader parent = ValidateConnectors.class.getClassLoader();
        PluginClassLoader loader = new PluginClassLoader(directory.toUri().toURL(), jars.toArray(new URL[0]), parent);
        Thread.currentThread().setContextClassLoader(loader);
        Class<?> kind = Class.forName(config.get("connector.class"), true, loader);
        if (!Connector.class.isAssignableFrom(kind)) {
            say(name, "class", kind.getName(), "is no Kafka Connect connector: it does not extend Connector");
            return;
        }
        Connector connector = (Connector) kind.getDeclaredConstructor().newInstance();
        for (ConfigValue value : connector.config().validate(config)) {
            for (String message : value.errorMessages()) {
                say(name, "field", value.name(), message);
            }
        }
        say(name, "type", kind.getName(), connector instanceof SinkConnector ? "sink" : "source");
        say(name, "version", kind.getName(), String.valueOf(connector.version()));
    }

    private static String missing(Throwable e) {
        return e instanceof ClassNotFoundException || e instanceof NoClassDefFoundError ? e.getMessage() : "";
    }

    private static String first(Throwable e) {
        Throwable cause = e;
        while (cause.getCause() != null && cause.getCause() != cause) {
            cause = cause.getCause();
        }
        return cause.getClass().getSimpleName() + ": " + cause.getMessage();
    }

    private static void say(String name, String kind, String subject, String message) {
        System.out.println(String.join("\t", name, kind, subject, String.valueOf(message).replaceAll("\\s+", " ")));
    }
}
