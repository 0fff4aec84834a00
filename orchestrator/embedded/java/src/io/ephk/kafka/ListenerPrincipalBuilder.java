package io.ephk.kafka;

import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.common.Configurable;
import org.apache.kafka.common.config.internals.BrokerSecurityConfigs;
import org.apache.kafka.common.security.auth.AuthenticationContext;
import org.apache.kafka.common.security.auth.KafkaPrincipal;
import org.apache.kafka.common.security.auth.KafkaPrincipalBuilder;
import org.apache.kafka.common.security.auth.KafkaPrincipalSerde;
import org.apache.kafka.common.security.auth.SaslAuthenticationContext;
import org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule;
import org.apache.kafka.common.security.ssl.SslPrincipalMapper;

/**
 * Names principals so that no listener can lend another one's names.
 *
 * <p>The authorizer goes by the name alone: one that begins with {@code arn:} is an IAM identity, and one is the super
 * user. A SCRAM user or a client certificate may be called anything, so a name of the first kind is believed only from
 * the IAM listener and the second only from the brokers' own listeners. Elsewhere such a name makes its bearer
 * {@code User:ANONYMOUS}.
 */
public final class ListenerPrincipalBuilder implements KafkaPrincipalBuilder, KafkaPrincipalSerde, Configurable {
    static final String INTERNAL_PRINCIPAL_CONFIG = "ephk.internal.principal";
    private static final Set<String> INTERNAL_LISTENERS = Set.of("INTERNAL", "CONTROLLER");
    private static final Set<String> IAM_MECHANISMS =
            Set.of(OAuthBearerLoginModule.OAUTHBEARER_MECHANISM, MskIamSaslServer.MECHANISM);

    private DefaultKafkaPrincipalBuilder delegate;
    private String internalPrincipal;

    @Override
    public void configure(Map<String, ?> configs) {
        internalPrincipal = IamAuthority.required(configs, INTERNAL_PRINCIPAL_CONFIG);
        Object rules = configs.get(BrokerSecurityConfigs.SSL_PRINCIPAL_MAPPING_RULES_CONFIG);
        String joined = rules instanceof List<?> list
                ? String.join(",", list.stream().map(Object::toString).toList())
                : rules == null ? BrokerSecurityConfigs.DEFAULT_SSL_PRINCIPAL_MAPPING_RULES : rules.toString();
        delegate = new DefaultKafkaPrincipalBuilder(null, SslPrincipalMapper.fromRules(joined));
    }

    @Override
    public KafkaPrincipal build(AuthenticationContext context) {
        KafkaPrincipal principal = delegate.build(context);
        boolean iam = context instanceof SaslAuthenticationContext sasl
                && IAM_MECHANISMS.contains(sasl.server().getMechanismName());
        boolean internal = INTERNAL_LISTENERS.contains(context.listenerName());
        if (principal.getName().startsWith(IamAuthorizer.ARN_PREFIX) != iam) {
            return KafkaPrincipal.ANONYMOUS;
        }
        if (principal.getName().equals(internalPrincipal) && !internal) {
            return KafkaPrincipal.ANONYMOUS;
        }
        return principal;
    }

    @Override
    public byte[] serialize(KafkaPrincipal principal) {
        return delegate.serialize(principal);
    }

    @Override
    public KafkaPrincipal deserialize(byte[] bytes) {
        return delegate.deserialize(bytes);
    }
}
