package io.ephk.secrets;

import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Map;

/** The one call of AWS Secrets Manager that is needed: GetSecretValue (AWS Secrets Manager API Reference). */
final class SecretsManager {
    private static final String SERVICE = "secretsmanager";
    private static final int TIMEOUT_MS = 10_000;
    private static final int ATTEMPTS = 3;

    private final String region;

    SecretsManager(String region) {
        this.region = region != null ? region : Environment.first("AWS_REGION", "AWS_DEFAULT_REGION");
    }

    /** Returns a secret's text; what goes wrong says which call it was, with AWS's code. */
    String value(String secretId) throws IOException {
        if (region == null) {
            throw new IOException("no region: set config.providers.secretsmanager.param.region");
        }
        byte[] body = ("{\"SecretId\":" + FlatJson.quote(secretId) + "}").getBytes(StandardCharsets.UTF_8);
        IOException problem = null;
        for (int attempt = 1; attempt <= ATTEMPTS; attempt++) {
            try {
                return ask(body);
            } catch (RefusedException e) {
                throw e;
            } catch (IOException e) {
                problem = e;
            }
        }
        throw new IOException("cannot reach " + endpoint() + ": " + problem, problem);
    }

    private String ask(byte[] body) throws IOException {
        URI endpoint = endpoint();
        Map<String, String> headers = Signature.headers(
                AwsCredentials.find(), region, SERVICE, endpoint, "secretsmanager.GetSecretValue", body, Instant.now());
        HttpURLConnection connection = (HttpURLConnection) endpoint.toURL().openConnection();
        connection.setConnectTimeout(TIMEOUT_MS);
        connection.setReadTimeout(TIMEOUT_MS);
        connection.setInstanceFollowRedirects(false);
        connection.setRequestMethod("POST");
        connection.setDoOutput(true);
        headers.forEach(connection::setRequestProperty);
        connection.getOutputStream().write(body);
        int status = connection.getResponseCode();
        String answer = Http.text(connection, status);
        if (status >= 500) {
            throw new IOException("GetSecretValue was answered with " + status);
        }
        Map<String, String> fields;
        try {
            fields = FlatJson.parse(answer);
        } catch (IllegalArgumentException e) {
            throw new RefusedException("GetSecretValue was answered with " + status + " and no JSON");
        }
        if (status != 200) {
            String kind = fields.getOrDefault("__type", "status " + status);
            String message = fields.getOrDefault("message", fields.getOrDefault("Message", ""));
            throw new RefusedException(
                    "GetSecretValue: " + status + " " + kind.substring(kind.lastIndexOf('#') + 1) + ": " + message);
        }
        String secret = fields.get("SecretString");
        if (secret == null) {
            throw new RefusedException("the secret is binary, not text");
        }
        return secret;
    }

    private URI endpoint() {
        String given = Environment.first("AWS_ENDPOINT_URL_SECRETS_MANAGER", "AWS_ENDPOINT_URL");
        String suffix = region.startsWith("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
        URI base = URI.create(given != null ? given : "https://secretsmanager." + region + "." + suffix);
        return base.resolve("/");
    }

    /** An answer that another attempt would not change. */
    static final class RefusedException extends IOException {
        private static final long serialVersionUID = 1L;

        RefusedException(String message) {
            super(message);
        }
    }
}
