package io.ephk.kafka;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeParseException;
import java.util.Base64;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * What a presigned request for {@code kafka-cluster:Connect} claims, before its signature is verified.
 *
 * <p>It comes in two forms. AWS's signers make the SASL/OAUTHBEARER token so: the URL of {@code GET https://kafka.REGION.amazonaws.com/
 * ?Action=kafka-cluster:Connect}, presigned with Signature Version 4 for the service {@code kafka-cluster}, in
 * base64url without padding. Some append a {@code User-Agent} parameter after they have signed. aws-msk-iam-auth makes
 * the SASL/AWS_MSK_IAM payload so: the same parameters in a JSON object, in lower case, signed for the broker's host.
 *
 * @param signedAt  when it was signed
 * @param expiresAt when it stops being valid
 */
record IamToken(Instant signedAt, Instant expiresAt) {
    /** AWS signers ask for 900 seconds; a longer life would outlast the session that it stands for. */
    private static final long MAX_EXPIRES_S = 900;

    /** The clock difference that Signature Version 4 tolerates. */
    private static final Duration MAX_SKEW = Duration.ofMinutes(5);

    /** The one version of the payload that there is. */
    static final String PAYLOAD_VERSION = "2020_10_22";

    private static final ObjectMapper JSON = new ObjectMapper(
            JsonFactory.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build());
    private static final int MAX_LENGTH = 16 * 1024;
    private static final DateTimeFormatter AMZ_DATE = DateTimeFormatter.ofPattern("uuuuMMdd'T'HHmmss'Z'");
    private static final Set<String> REQUIRED = Set.of(
            "Action", "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders",
            "X-Amz-Signature");

    /**
     * Parses a token and checks everything but the signature.
     *
     * @throws InvalidTokenException it is not such a URL, is for another region or action, or is out of its time
     */
    static IamToken parse(String token, String region, Instant now) throws InvalidTokenException {
        URI url = decode(token);
        String host = "kafka." + region + ".amazonaws.com" + (region.startsWith("cn-") ? ".cn" : "");
        boolean signersHost = ("kafka." + region + ".amazonaws.com").equalsIgnoreCase(url.getHost());
        if (!"https".equals(url.getScheme()) || !(signersHost || host.equalsIgnoreCase(url.getHost()))) {
            throw new InvalidTokenException("the token is not for https://" + host);
        }
        if (url.getPort() != -1 || url.getRawUserInfo() != null || !Set.of("", "/").contains(url.getRawPath())) {
            throw new InvalidTokenException("the token's URL has a port, a user or a path");
        }
        return check(parameters(url.getRawQuery()), region, now);
    }

    /**
     * Parses a payload of AWS_MSK_IAM and checks everything but the signature and the host, which it covers.
     *
     * @throws InvalidTokenException it is no such payload, is for another region or action, or is out of its time
     */
    static IamToken parsePayload(byte[] payload, String region, Instant now) throws InvalidTokenException {
        if (payload.length > MAX_LENGTH) {
            throw new InvalidTokenException("the payload is too long");
        }
        JsonNode document;
        try {
            document = JSON.readTree(payload);
        } catch (IOException e) {
            throw new InvalidTokenException("the payload is not JSON");
        }
        if (document == null || !document.isObject()) {
            throw new InvalidTokenException("the payload is not a JSON object");
        }
        if (!PAYLOAD_VERSION.equals(document.path("version").asText())) {
            throw new InvalidTokenException("the payload's version is not " + PAYLOAD_VERSION);
        }
        Map<String, String> query = new HashMap<>();
        for (String name : REQUIRED) {
            JsonNode value = document.path(name.toLowerCase(Locale.ROOT));
            if (value.isTextual()) {
                query.put(name, value.asText());
            }
        }
        return check(query, region, now);
    }

    private static IamToken check(Map<String, String> query, String region, Instant now) throws InvalidTokenException {
        for (String name : REQUIRED) {
            if (query.getOrDefault(name, "").isEmpty()) {
                throw new InvalidTokenException("the token has no " + name);
            }
        }
        if (!"kafka-cluster:Connect".equals(query.get("Action"))) {
            throw new InvalidTokenException("the token is not for kafka-cluster:Connect");
        }
        if (!"AWS4-HMAC-SHA256".equals(query.get("X-Amz-Algorithm"))) {
            throw new InvalidTokenException("the token is not signed with AWS4-HMAC-SHA256");
        }
        if (!"host".equals(query.get("X-Amz-SignedHeaders"))) {
            throw new InvalidTokenException("the token's signature does not cover exactly the host header");
        }
        checkScope(query.get("X-Amz-Credential"), query.get("X-Amz-Date"), region);
        return lifetime(query.get("X-Amz-Date"), query.get("X-Amz-Expires"), now);
    }

    private static URI decode(String token) throws InvalidTokenException {
        if (token.length() > MAX_LENGTH) {
            throw new InvalidTokenException("the token is too long");
        }
        try {
            byte[] bytes = Base64.getUrlDecoder().decode(token);
            return new URI(new String(bytes, StandardCharsets.UTF_8));
        } catch (IllegalArgumentException | URISyntaxException e) {
            throw new InvalidTokenException("the token is not a URL in base64url");
        }
    }

    private static Map<String, String> parameters(String query) throws InvalidTokenException {
        Map<String, String> parameters = new HashMap<>();
        for (String pair : query == null ? new String[0] : query.split("&")) {
            String[] parts = pair.split("=", 2);
            try {
                String name = URLDecoder.decode(parts[0], StandardCharsets.UTF_8);
                String value = parts.length == 2 ? URLDecoder.decode(parts[1], StandardCharsets.UTF_8) : "";
                if (parameters.put(name, value) != null) {
                    throw new InvalidTokenException("the token has a parameter twice");
                }
            } catch (IllegalArgumentException e) {
                throw new InvalidTokenException("the token's query is malformed");
            }
        }
        return parameters;
    }

    private static void checkScope(String credential, String date, String region) throws InvalidTokenException {
        String[] scope = credential.split("/");
        if (scope.length != 5 || !scope[4].equals("aws4_request") || !date.startsWith(scope[1] + "T")) {
            throw new InvalidTokenException("the token's credential scope is malformed");
        }
        if (!scope[2].equals(region)) {
            throw new InvalidTokenException("the token is signed for another region than " + region);
        }
        if (!scope[3].equals("kafka-cluster")) {
            throw new InvalidTokenException("the token is signed for another service than kafka-cluster");
        }
    }

    private static IamToken lifetime(String date, String expires, Instant now) throws InvalidTokenException {
        Instant signedAt;
        long seconds;
        try {
            signedAt = LocalDateTime.parse(date, AMZ_DATE).toInstant(ZoneOffset.UTC);
            seconds = Long.parseLong(expires);
        } catch (DateTimeParseException | NumberFormatException e) {
            throw new InvalidTokenException("the token's X-Amz-Date or X-Amz-Expires is malformed");
        }
        if (seconds < 1 || seconds > MAX_EXPIRES_S) {
            throw new InvalidTokenException("the token's X-Amz-Expires is not between 1 and " + MAX_EXPIRES_S);
        }
        if (signedAt.isAfter(now.plus(MAX_SKEW))) {
            throw new InvalidTokenException("the token is signed in the future");
        }
        Instant expiresAt = signedAt.plusSeconds(seconds);
        if (!expiresAt.isAfter(now)) {
            throw new InvalidTokenException("the token has expired");
        }
        return new IamToken(signedAt, expiresAt);
    }

    /** The token is refused; the message says why and repeats nothing of it. */
    static final class InvalidTokenException extends Exception {
        private static final long serialVersionUID = 1L;

        InvalidTokenException(String message) {
            super(message);
        }
    }
}
