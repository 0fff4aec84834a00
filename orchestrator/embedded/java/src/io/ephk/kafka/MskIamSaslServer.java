package io.ephk.kafka;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.Security;
import java.util.Map;
import java.util.UUID;
import javax.security.auth.callback.Callback;
import javax.security.auth.callback.CallbackHandler;
import javax.security.auth.callback.UnsupportedCallbackException;
import javax.security.sasl.SaslException;
import javax.security.sasl.SaslServer;
import javax.security.sasl.SaslServerFactory;
import org.apache.kafka.common.errors.SaslAuthenticationException;
import org.apache.kafka.common.security.authenticator.SaslInternalConfigs;

/**
 * The broker's side of AWS_MSK_IAM, which aws-msk-iam-auth speaks in Java.
 *
 * <p>One message and one answer: the client sends the parts of a presigned request as JSON, the server answers with the
 * version and an id of its own. Who refuses says no more than MSK does; the reason is in the broker's log.
 */
public final class MskIamSaslServer implements SaslServer {
    static final String MECHANISM = "AWS_MSK_IAM";

    private final CallbackHandler handler;
    private ValidatorCallback session;

    MskIamSaslServer(CallbackHandler handler) {
        this.handler = handler;
    }

    @Override
    public String getMechanismName() {
        return MECHANISM;
    }

    @Override
    public byte[] evaluateResponse(byte[] response) throws SaslException {
        if (session != null) {
            throw new SaslException("the client went on after it was authenticated");
        }
        String requestId = UUID.randomUUID().toString();
        ValidatorCallback callback = new ValidatorCallback(response, requestId);
        try {
            handler.handle(new Callback[] {callback});
        } catch (IOException | UnsupportedCallbackException e) {
            throw new SaslException("the payload could not be verified", e);
        }
        if (callback.principal == null) {
            throw new SaslAuthenticationException("[" + requestId + "]: Access denied");
        }
        session = callback;
        String answer = "{\"version\":\"" + IamToken.PAYLOAD_VERSION + "\",\"request-id\":\"" + requestId + "\"}";
        return answer.getBytes(StandardCharsets.UTF_8);
    }

    @Override
    public boolean isComplete() {
        return session != null;
    }

    @Override
    public String getAuthorizationID() {
        return authenticated().principal;
    }

    @Override
    public byte[] unwrap(byte[] incoming, int offset, int length) {
        throw new IllegalStateException("this mechanism protects no messages; TLS does");
    }

    @Override
    public byte[] wrap(byte[] outgoing, int offset, int length) {
        throw new IllegalStateException("this mechanism protects no messages; TLS does");
    }

    @Override
    public Object getNegotiatedProperty(String name) {
        ValidatorCallback known = authenticated();
        // The session ends with the signature, so that connections.max.reauth.ms makes clients sign anew.
        return SaslInternalConfigs.CREDENTIAL_LIFETIME_MS_SASL_NEGOTIATED_PROPERTY_KEY.equals(name)
                ? known.expiresAtMs
                : null;
    }

    private ValidatorCallback authenticated() {
        if (session == null) {
            throw new IllegalStateException("nobody is authenticated yet");
        }
        return session;
    }

    @Override
    public void dispose() {
        session = null;
    }

    /** Asks who signed a payload; stays without a principal when that is nobody. */
    static final class ValidatorCallback implements Callback {
        private final byte[] payload;
        private final String requestId;
        private String principal;
        private long expiresAtMs;

        private ValidatorCallback(byte[] payload, String requestId) {
            this.payload = payload;
            this.requestId = requestId;
        }

        byte[] payload() {
            return payload;
        }

        String requestId() {
            return requestId;
        }

        void verified(String arn, long endsAtMs) {
            principal = arn;
            expiresAtMs = endsAtMs;
        }
    }

    /** Makes servers of this mechanism; public because the JVM instantiates it by its name. */
    public static final class Factory implements SaslServerFactory {
        @Override
        public SaslServer createSaslServer(
                String mechanism, String protocol, String serverName, Map<String, ?> props, CallbackHandler handler) {
            return MECHANISM.equals(mechanism) ? new MskIamSaslServer(handler) : null;
        }

        @Override
        public String[] getMechanismNames(Map<String, ?> props) {
            return new String[] {MECHANISM};
        }
    }

    /** The security provider that offers the factory. */
    static final class Provider extends java.security.Provider {
        private static final long serialVersionUID = 1L;

        private Provider() {
            super("ephk SASL/" + MECHANISM, "1.0", "SASL/" + MECHANISM + " servers for Kafka");
            put("SaslServerFactory." + MECHANISM, Factory.class.getName());
        }

        static void register() {
            Security.addProvider(new Provider());
        }
    }
}
