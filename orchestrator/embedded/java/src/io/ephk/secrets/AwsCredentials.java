package io.ephk.secrets;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/**
 * Credentials as the AWS SDKs find them on a server: variables, a container's provider, the instance's metadata.
 *
 * <p>("Standardized credential providers", AWS SDKs and Tools Reference Guide.) They are asked for anew at each use:
 * secrets are read when a connector starts, and what was cached might have expired.
 */
record AwsCredentials(String accessKeyId, String secretAccessKey, String sessionToken) {
    private static final String CONTAINER = "http://169.254.170.2";
    private static final String INSTANCE = "http://169.254.169.254/latest/";

    static AwsCredentials find() throws IOException {
        String id = Environment.first("AWS_ACCESS_KEY_ID");
        String secret = Environment.first("AWS_SECRET_ACCESS_KEY");
        if (id != null && secret != null) {
            return new AwsCredentials(id, secret, Environment.first("AWS_SESSION_TOKEN"));
        }
        String relative = Environment.first("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
        String full = Environment.first("AWS_CONTAINER_CREDENTIALS_FULL_URI");
        if (relative != null || full != null) {
            String authorization = authorization();
            Map<String, String> headers = authorization == null ? Map.of() : Map.of("Authorization", authorization);
            return parsed(Http.metadata("GET", relative != null ? CONTAINER + relative : full, headers));
        }
        if ("true".equalsIgnoreCase(Environment.first("AWS_EC2_METADATA_DISABLED"))) {
            throw new SecretsManager.RefusedException("no AWS credentials are configured for this worker");
        }
        Map<String, String> lifetime = Map.of("X-aws-ec2-metadata-token-ttl-seconds", "60");
        Map<String, String> token =
                Map.of("X-aws-ec2-metadata-token", Http.metadata("PUT", INSTANCE + "api/token", lifetime));
        String roles = INSTANCE + "meta-data/iam/security-credentials/";
        return parsed(Http.metadata("GET", roles + Http.metadata("GET", roles, token).strip(), token));
    }

    private static String authorization() throws IOException {
        String file = Environment.first("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
        return file != null ? Files.readString(Path.of(file)).strip()
                : Environment.first("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    }

    private static AwsCredentials parsed(String document) throws IOException {
        try {
            Map<String, String> fields = FlatJson.parse(document);
            if (fields.get("AccessKeyId") != null && fields.get("SecretAccessKey") != null) {
                return new AwsCredentials(
                        fields.get("AccessKeyId"), fields.get("SecretAccessKey"), fields.get("Token"));
            }
        } catch (IllegalArgumentException e) {
            // told below, without the document
        }
        throw new SecretsManager.RefusedException("the credential provider's answer has no credentials");
    }

    @Override
    public String toString() {
        return "AwsCredentials[" + accessKeyId + "]"; // the rest is secret
    }
}
