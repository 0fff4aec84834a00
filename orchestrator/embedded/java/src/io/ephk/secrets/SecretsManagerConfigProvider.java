package io.ephk.secrets;

import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.apache.kafka.common.config.ConfigData;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.config.provider.ConfigProvider;

/**
 * Resolves {@code ${secretsmanager:NAME:FIELD}} (KIP-297) with the worker's own AWS credentials.
 *
 * <p>The secret is a JSON object; a field of it takes the reference's place when a connector or task starts, so that
 * neither the control plane nor the workers' REST interface ever holds the value. It needs no library: it shares a
 * class loader with the plugin that it is packed with, which may bring another version of the AWS SDK.
 */
public final class SecretsManagerConfigProvider implements ConfigProvider {
    /** Parameter: the region of the secrets; by default the worker's. */
    static final String REGION = "region";

    private SecretsManager manager;

    @Override
    public void configure(Map<String, ?> configs) {
        Object region = configs.get(REGION);
        manager = new SecretsManager(region == null ? null : region.toString());
    }

    @Override
    public ConfigData get(String path) {
        return new ConfigData(new HashMap<>(fields(path)));
    }

    @Override
    public ConfigData get(String path, Set<String> keys) {
        Map<String, String> fields = fields(path);
        Map<String, String> chosen = new HashMap<>();
        for (String key : keys) {
            String value = fields.get(key);
            if (value == null) {
                // Left alone, Kafka would take the reference itself for the value.
                throw new ConfigException("Secrets Manager: the secret " + path + " has no field " + key
                        + "; its fields: " + String.join(", ", new TreeSet<>(fields.keySet())));
            }
            chosen.put(key, value);
        }
        return new ConfigData(chosen);
    }

    private Map<String, String> fields(String name) {
        String text;
        try {
            text = manager.value(name);
        } catch (IOException e) {
            throw new ConfigException("Secrets Manager: " + name + ": " + e.getMessage());
        }
        try {
            return FlatJson.parse(text);
        } catch (IllegalArgumentException e) { // its message must not quote the secret
            throw new ConfigException("Secrets Manager: the secret " + name + " is no JSON object of plain values");
        }
    }

    @Override
    public void close() {}
}
