package io.ephk.secrets;

import java.io.IOException;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.Proxy;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/** HTTP without a library. */
final class Http {
    private static final int TIMEOUT_MS = 5_000;

    private Http() {}

    /** Returns the body of an answer, whatever its status. */
    static String text(HttpURLConnection connection, int status) throws IOException {
        try (InputStream in = status < 400 ? connection.getInputStream() : connection.getErrorStream()) {
            return in == null ? "" : new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    /** Asks a metadata service, which no proxy stands in front of; every status but 200 is an error. */
    static String metadata(String method, String url, Map<String, String> headers) throws IOException {
        HttpURLConnection connection = (HttpURLConnection) URI.create(url).toURL().openConnection(Proxy.NO_PROXY);
        connection.setConnectTimeout(TIMEOUT_MS);
        connection.setReadTimeout(TIMEOUT_MS);
        connection.setInstanceFollowRedirects(false);
        connection.setRequestMethod(method);
        headers.forEach(connection::setRequestProperty);
        int status = connection.getResponseCode();
        String text = text(connection, status);
        if (status != 200) {
            throw new SecretsManager.RefusedException("no credentials: " + url + " answered with " + status);
        }
        return text;
    }
}
