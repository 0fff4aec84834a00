package io.ephk.kafka;

import io.ephk.kafka.IamToken.InvalidTokenException;
import java.io.IOException;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.Proxy;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;
import javax.security.auth.callback.Callback;
import javax.security.auth.callback.UnsupportedCallbackException;
import javax.security.auth.login.AppConfigurationEntry;
import org.apache.kafka.common.security.auth.AuthenticateCallbackHandler;
import org.apache.kafka.common.security.auth.SaslExtensionsCallback;
import org.apache.kafka.common.security.authenticator.AbstractLogin;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerToken;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerTokenCallback;

/**
 * Gives a Connect worker the MSK token of its service execution role.
 *
 * <p>The worker holds no AWS key: the control plane assumes the role, signs the token, and hands it out for the
 * worker's own authorization, which is in a file that only the worker's owner reads. Kafka's login thread comes back
 * before the token expires.
 */
public final class RoleTokenLoginCallbackHandler implements AuthenticateCallbackHandler {
    static final String URL_OPTION = "ephk.token.url";
    static final String AUTHORIZATION_FILE_OPTION = "ephk.token.authorization.file";
    static final String REGION_OPTION = "ephk.region";

    private static final int TIMEOUT_MS = 5000;

    private String url;
    private Path authorization;
    private String region;
    private AuthenticateCallbackHandler other;

    @Override
    public void configure(Map<String, ?> configs, String mechanism, List<AppConfigurationEntry> jaas) {
        if (!OAuthBearerLoginModule.OAUTHBEARER_MECHANISM.equals(mechanism)) {
            // A connector's own client may override the mechanism, and would not think of this class.
            other = new AbstractLogin.DefaultLoginCallbackHandler();
            other.configure(configs, mechanism, jaas);
            return;
        }
        Map<String, ?> options = jaas.get(0).getOptions();
        url = IamAuthority.required(options, URL_OPTION);
        authorization = Path.of(IamAuthority.required(options, AUTHORIZATION_FILE_OPTION));
        region = IamAuthority.required(options, REGION_OPTION);
    }

    @Override
    public void handle(Callback[] callbacks) throws IOException, UnsupportedCallbackException {
        if (other != null) {
            other.handle(callbacks);
            return;
        }
        for (Callback callback : callbacks) {
            if (callback instanceof OAuthBearerTokenCallback wanted) {
                wanted.token(token());
            } else if (!(callback instanceof SaslExtensionsCallback)) {
                throw new UnsupportedCallbackException(callback);
            } // MSK's mechanism has no extensions
        }
    }

    private OAuthBearerToken token() throws IOException {
        HttpURLConnection connection =
                (HttpURLConnection) URI.create(url).toURL().openConnection(Proxy.NO_PROXY);
        connection.setConnectTimeout(TIMEOUT_MS);
        connection.setReadTimeout(TIMEOUT_MS);
        connection.setInstanceFollowRedirects(false);
        connection.setRequestProperty("Authorization", Files.readString(authorization).strip());
        int status = connection.getResponseCode();
        try (InputStream in = status == 200 ? connection.getInputStream() : connection.getErrorStream()) {
            String text = in == null ? "" : new String(in.readAllBytes(), StandardCharsets.UTF_8).strip();
            if (status != 200) {
                throw new IOException("no credentials of the service execution role: " + text);
            }
            IamToken claims = IamToken.parse(text, region, Instant.now());
            return new Token(text, claims.signedAt().toEpochMilli(), claims.expiresAt().toEpochMilli());
        } catch (InvalidTokenException e) {
            throw new IOException("the control plane's token is not valid: " + e.getMessage(), e);
        }
    }

    @Override
    public void close() {
        if (other != null) {
            other.close();
        }
    }

    private record Token(String value, Long startTimeMs, long lifetimeMs) implements OAuthBearerToken {
        @Override
        public String principalName() {
            return "service-execution-role"; // the broker takes the name from the token, never from here
        }

        @Override
        public Set<String> scope() {
            return Set.of();
        }

        @Override
        public String toString() {
            return "Token[service-execution-role]"; // the value is a credential
        }
    }
}
