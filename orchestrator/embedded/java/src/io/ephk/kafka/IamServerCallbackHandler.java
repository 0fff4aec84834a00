package io.ephk.kafka;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.ephk.kafka.IamAuthority.RefusedException;
import io.ephk.kafka.IamToken.InvalidTokenException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;
import javax.security.auth.callback.Callback;
import javax.security.auth.callback.UnsupportedCallbackException;
import javax.security.auth.login.AppConfigurationEntry;
import org.apache.kafka.common.security.auth.AuthenticateCallbackHandler;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerExtensionsValidatorCallback;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerToken;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallback;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Authenticates IAM identities: tokens of SASL/OAUTHBEARER, and payloads of SASL/AWS_MSK_IAM.
 *
 * <p>Both are one thing in two forms, a presigned request. The claims are checked here, the signature by the authority.
 * The session ends with the signature, so that {@code connections.max.reauth.ms} makes clients show a fresh one.
 */
public final class IamServerCallbackHandler implements AuthenticateCallbackHandler {
    private static final Logger LOG = LoggerFactory.getLogger(IamServerCallbackHandler.class);

    private IamAuthority authority;
    private String region;

    @Override
    public void configure(Map<String, ?> configs, String mechanism, List<AppConfigurationEntry> jaas) {
        authority = new IamAuthority(configs);
        region = IamAuthority.required(configs, IamAuthority.REGION_CONFIG);
    }

    @Override
    public void handle(Callback[] callbacks) throws UnsupportedCallbackException {
        for (Callback callback : callbacks) {
            if (callback instanceof OAuthBearerValidatorCallback validator) {
                validate(validator);
            } else if (callback instanceof MskIamSaslServer.ValidatorCallback payload) {
                validate(payload);
            } else if (!(callback instanceof OAuthBearerExtensionsValidatorCallback)) {
                throw new UnsupportedCallbackException(callback);
            } // extensions carry nothing that is used: neither valid nor invalid
        }
    }

    private void validate(OAuthBearerValidatorCallback callback) {
        try {
            callback.token(authenticate(callback.tokenValue()));
        } catch (InvalidTokenException | RefusedException e) {
            LOG.info("IAM authentication refused: {}", e.getMessage());
            callback.error("invalid_token", null, null);
        } catch (IOException e) {
            LOG.warn("IAM authentication refused, because the authority gave no answer: {}", e.toString());
            callback.error("temporarily_unavailable", null, null);
        }
    }

    private void validate(MskIamSaslServer.ValidatorCallback callback) {
        try {
            IamToken claims = IamToken.parsePayload(callback.payload(), region, Instant.now());
            String payload = new String(callback.payload(), StandardCharsets.UTF_8);
            Session session = ask(claims, authority.newRequest().put("payload", payload));
            callback.verified(session.arn, session.expiresAtMs);
        } catch (InvalidTokenException | RefusedException e) {
            LOG.info("IAM authentication refused: {} [{}]", e.getMessage(), callback.requestId());
        } catch (IOException e) {
            LOG.warn("IAM authentication refused, because the authority gave no answer: {} [{}]", e.toString(),
                    callback.requestId());
        }
    }

    private Token authenticate(String value) throws InvalidTokenException, IOException {
        IamToken claims = IamToken.parse(value, region, Instant.now());
        Session session = ask(claims, authority.newRequest().put("token", value));
        return new Token(value, session.arn, claims.signedAt().toEpochMilli(), session.expiresAtMs);
    }

    /** Asks the authority who signed; the session ends with the claims or when the authority says so, if that is sooner. */
    private Session ask(IamToken claims, ObjectNode request) throws IOException {
        JsonNode answer = authority.post("/authenticate", request);
        String arn = answer.path("principal_arn").asText();
        if (!arn.startsWith(IamAuthorizer.ARN_PREFIX)) {
            throw new IOException("the authority named no principal");
        }
        long expires = claims.expiresAt().toEpochMilli();
        if (answer.path("expires_at_ms").canConvertToLong()) {
            expires = Math.min(expires, answer.path("expires_at_ms").asLong());
        }
        return new Session(arn, expires);
    }

    @Override
    public void close() {}

    private record Session(String arn, long expiresAtMs) {}

    /** A token whose signature was verified. */
    private record Token(String value, String principalName, Long startTimeMs, long lifetimeMs)
            implements OAuthBearerToken {
        @Override
        public Set<String> scope() {
            return Set.of();
        }

        @Override
        public String toString() {
            return "Token[" + principalName + "]"; // the value is a credential
        }
    }
}
