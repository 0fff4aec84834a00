package io.ephk.kafka;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.Proxy;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/**
 * Client of the authority that knows IAM identities and policies.
 *
 * <p>A broker holds no AWS secret and no policy; it asks. The authority listens on loopback, and both time-outs are
 * short, because a request handler thread waits for the answer.
 */
final class IamAuthority {
    static final String URL_CONFIG = "ephk.authority.url";
    static final String TOKEN_FILE_CONFIG = "ephk.authority.token.file";
    static final String CLUSTER_ARN_CONFIG = "ephk.cluster.arn";
    static final String REGION_CONFIG = "ephk.region";

    private static final int TIMEOUT_MS = 2000;
    private static final ObjectMapper JSON = new ObjectMapper();

    private final String url;
    private final String token;
    private final String clusterArn;

    /** Reads its settings from the broker's configuration; the token comes from a file that only its owner reads. */
    IamAuthority(Map<String, ?> configs) {
        url = required(configs, URL_CONFIG);
        clusterArn = required(configs, CLUSTER_ARN_CONFIG);
        Path file = Path.of(required(configs, TOKEN_FILE_CONFIG));
        try {
            token = Files.readString(file).strip();
        } catch (IOException e) {
            throw new IllegalArgumentException("cannot read " + TOKEN_FILE_CONFIG + " " + file, e);
        }
    }

    static String required(Map<String, ?> configs, String key) {
        Object value = configs.get(key);
        if (value == null || value.toString().isEmpty()) {
            throw new IllegalArgumentException("missing broker configuration " + key);
        }
        return value.toString();
    }

    /** A document that already names the cluster. */
    ObjectNode newRequest() {
        return JSON.createObjectNode().put("cluster_arn", clusterArn);
    }

    /**
     * Posts a document.
     *
     * @throws RefusedException the authority answered 403; the message is its reason
     * @throws IOException      there was no usable answer, which callers must take for a refusal, too
     */
    JsonNode post(String path, ObjectNode request) throws IOException {
        HttpURLConnection connection =
                (HttpURLConnection) URI.create(url + path).toURL().openConnection(Proxy.NO_PROXY);
        connection.setConnectTimeout(TIMEOUT_MS);
        connection.setReadTimeout(TIMEOUT_MS);
        connection.setInstanceFollowRedirects(false);
        connection.setRequestMethod("POST");
        connection.setRequestProperty("Content-Type", "application/json");
        connection.setRequestProperty("X-Ephk-Authority-Token", token);
        connection.setDoOutput(true);
        byte[] body = JSON.writeValueAsBytes(request);
        connection.setFixedLengthStreamingMode(body.length);
        try (OutputStream out = connection.getOutputStream()) {
            out.write(body);
        }
        int status = connection.getResponseCode();
        try (InputStream in = status == 200 ? connection.getInputStream() : connection.getErrorStream()) {
            JsonNode answer = in == null ? null : JSON.readTree(in);
            if (status == 403) {
                String reason = answer == null ? "" : answer.path("reason").asText();
                throw new RefusedException(reason.isEmpty() ? "refused by the authority" : reason);
            }
            if (status != 200 || answer == null) {
                throw new IOException("the authority answered " + status);
            }
            return answer;
        }
    }

    /** The authority knows the answer, and it is no. */
    static final class RefusedException extends IOException {
        private static final long serialVersionUID = 1L;

        RefusedException(String reason) {
            super(reason);
        }
    }
}
