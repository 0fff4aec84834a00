package io.ephk.kafka;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourceType;
import org.apache.kafka.metadata.authorizer.StandardAuthorizer;
import org.apache.kafka.server.authorizer.Action;
import org.apache.kafka.server.authorizer.AuthorizableRequestContext;
import org.apache.kafka.server.authorizer.AuthorizationResult;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * IAM identities are authorized by IAM policy alone, all others by Kafka's ACLs.
 *
 * <p>That is MSK's rule ("IAM access control", Amazon MSK Developer Guide). An ACL on an ARN has no effect, and
 * whatever the authority does not allow, or cannot be asked, is denied. An answer holds for a second.
 */
public final class IamAuthorizer extends StandardAuthorizer {
    static final String ARN_PREFIX = "arn:";

    private static final Logger AUDIT = LoggerFactory.getLogger("kafka.authorizer.logger");
    private static final Logger LOG = LoggerFactory.getLogger(IamAuthorizer.class);
    private static final long CACHE_NANOS = TimeUnit.SECONDS.toNanos(1);
    private static final int CACHE_ENTRIES = 4096;

    private final Map<Key, Answer> cache = new LinkedHashMap<>() {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<Key, Answer> eldest) {
            return size() > CACHE_ENTRIES;
        }
    };
    private IamAuthority authority;

    @Override
    public void configure(Map<String, ?> configs) {
        super.configure(configs);
        authority = new IamAuthority(configs);
    }

    @Override
    public List<AuthorizationResult> authorize(AuthorizableRequestContext context, List<Action> actions) {
        if (!isIam(context)) {
            return super.authorize(context, actions);
        }
        String principal = context.principal().getName();
        Boolean[] allowed = new Boolean[actions.size()];
        List<Integer> unknown = new ArrayList<>();
        for (int i = 0; i < allowed.length; i++) {
            allowed[i] = cached(Key.of(principal, actions.get(i)));
            if (allowed[i] == null) {
                unknown.add(i);
            }
        }
        if (!unknown.isEmpty()) {
            ask(principal, actions, unknown, allowed);
        }
        List<AuthorizationResult> results = new ArrayList<>(allowed.length);
        for (int i = 0; i < allowed.length; i++) {
            Action action = actions.get(i);
            if (!allowed[i] && action.logIfDenied()) {
                AUDIT.info("Principal = User:{} is Denied operation = {} from host = {} on resource = {}:{} by IAM",
                        principal, action.operation(), context.clientAddress().getHostAddress(),
                        action.resourcePattern().resourceType(), action.resourcePattern().name());
            }
            results.add(allowed[i] ? AuthorizationResult.ALLOWED : AuthorizationResult.DENIED);
        }
        return results;
    }

    /**
     * Tells whether any resource of a type is allowed, which Kafka asks for an idempotent producer.
     *
     * <p>IAM has an action of its own for that (kafka-cluster:WriteDataIdempotently, which arrives at
     * {@link #authorize} as IDEMPOTENT_WRITE); a permission to write some topic does not stand in for it.
     */
    @Override
    public AuthorizationResult authorizeByResourceType(
            AuthorizableRequestContext context, AclOperation operation, ResourceType resourceType) {
        return isIam(context)
                ? AuthorizationResult.DENIED
                : super.authorizeByResourceType(context, operation, resourceType);
    }

    private static boolean isIam(AuthorizableRequestContext context) {
        return context.principal().getName().startsWith(ARN_PREFIX);
    }

    /** Fills {@code allowed} at the indices {@code unknown}; everything stays denied unless the answer is complete. */
    private void ask(String principal, List<Action> actions, List<Integer> unknown, Boolean[] allowed) {
        ObjectNode request = authority.newRequest().put("principal_arn", principal);
        ArrayNode requests = request.putArray("requests");
        for (int i : unknown) {
            Key key = Key.of(principal, actions.get(i));
            requests.addObject()
                    .put("operation", key.operation.name())
                    .put("resource_type", key.type.name())
                    .put("resource_name", key.name)
                    .put("pattern_type", key.pattern.name());
        }
        JsonNode answers = null;
        try {
            JsonNode document = authority.post("/authorize", request).path("allowed");
            if (document.isArray() && document.size() == unknown.size()) {
                answers = document;
            } else {
                LOG.warn("IAM authorization denied, because the authority's answer is incomplete");
            }
        } catch (IOException e) {
            LOG.warn("IAM authorization denied, because the authority gave no answer: {}", e.toString());
        }
        for (int position = 0; position < unknown.size(); position++) {
            int i = unknown.get(position);
            JsonNode answer = answers == null ? null : answers.get(position);
            allowed[i] = answer != null && answer.isBoolean() && answer.asBoolean();
            remember(Key.of(principal, actions.get(i)), allowed[i]);
        }
    }

    private Boolean cached(Key key) {
        synchronized (cache) {
            Answer answer = cache.get(key);
            return answer == null || System.nanoTime() - answer.at > CACHE_NANOS ? null : answer.allowed;
        }
    }

    private void remember(Key key, boolean allowed) {
        synchronized (cache) {
            cache.remove(key); // so that insertion order is the order of age
            cache.put(key, new Answer(allowed, System.nanoTime()));
        }
    }

    private record Answer(boolean allowed, long at) {}

    private record Key(String principal, AclOperation operation, ResourceType type, String name, PatternType pattern) {
        static Key of(String principal, Action action) {
            return new Key(principal, action.operation(), action.resourcePattern().resourceType(),
                    action.resourcePattern().name(), action.resourcePattern().patternType());
        }
    }
}
