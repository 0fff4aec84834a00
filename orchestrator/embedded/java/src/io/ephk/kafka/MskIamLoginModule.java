package io.ephk.kafka;

import java.util.Map;
import javax.security.auth.Subject;
import javax.security.auth.callback.CallbackHandler;
import javax.security.auth.spi.LoginModule;

/**
 * Makes the SASL mechanism AWS_MSK_IAM known to a broker that names this module in its JAAS configuration.
 *
 * <p>A broker does not log in anywhere with it; that is how Kafka's own mechanisms are made known, too.
 */
public final class MskIamLoginModule implements LoginModule {
    static {
        MskIamSaslServer.Provider.register();
    }

    @Override
    public void initialize(
            Subject subject, CallbackHandler callbackHandler, Map<String, ?> sharedState, Map<String, ?> options) {}

    @Override
    public boolean login() {
        return true;
    }

    @Override
    public boolean commit() {
        return true;
    }

    @Override
    public boolean abort() {
        return false;
    }

    @Override
    public boolean logout() {
        return true;
    }
}
