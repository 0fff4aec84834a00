package io.ephk.connect;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.errors.RetriableException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.sink.SinkTask;
import software.amazon.awssdk.core.exception.SdkClientException;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.http.urlconnection.UrlConnectionHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.S3ClientBuilder;
import software.amazon.awssdk.services.s3.model.S3Exception;

/**
 * Puts each batch of a partition into one object, before the batch's offsets are committed: at least once.
 *
 * <p>An object's key names the offsets that are in it, so a batch that is delivered again writes the same object.
 */
public final class CanarySinkTask extends SinkTask {
    private S3Client s3;
    private String bucket;
    private String prefix;

    @Override
    public void start(Map<String, String> props) {
        AbstractConfig config = new AbstractConfig(CanarySinkConnector.CONFIG, props, false);
        bucket = config.getString(CanarySinkConnector.BUCKET);
        prefix = config.getString(CanarySinkConnector.PREFIX);
        S3ClientBuilder builder = S3Client.builder().httpClientBuilder(UrlConnectionHttpClient.builder());
        String region = config.getString(CanarySinkConnector.REGION);
        if (!region.isEmpty()) {
            builder.region(Region.of(region));
        }
        s3 = builder.build();
    }

    @Override
    public void put(Collection<SinkRecord> records) {
        Map<TopicPartition, List<SinkRecord>> batches = new LinkedHashMap<>();
        for (SinkRecord record : records) {
            TopicPartition partition = new TopicPartition(record.topic(), record.kafkaPartition());
            batches.computeIfAbsent(partition, any -> new ArrayList<>()).add(record);
        }
        batches.forEach(this::store);
    }

    private void store(TopicPartition partition, List<SinkRecord> batch) {
        StringBuilder lines = new StringBuilder();
        for (SinkRecord record : batch) {
            lines.append(Lines.of(record)).append('\n');
        }
        String key = String.format("%s%s/%d/%020d-%020d.jsonl", prefix, partition.topic(), partition.partition(),
                batch.get(0).kafkaOffset(), batch.get(batch.size() - 1).kafkaOffset());
        byte[] body = lines.toString().getBytes(StandardCharsets.UTF_8);
        try {
            s3.putObject(request -> request.bucket(bucket).key(key).contentType("application/x-ndjson"),
                    RequestBody.fromBytes(body));
        } catch (S3Exception e) {
            String what = "s3:PutObject " + bucket + "/" + key + ": " + e.statusCode() + " "
                    + e.awsErrorDetails().errorCode() + ": " + e.awsErrorDetails().errorMessage();
            throw e.statusCode() >= 500 || e.isThrottlingException()
                    ? new RetriableException(what, e)
                    : new ConnectException(what, e);
        } catch (SdkClientException e) { // no connection, no credentials
            throw new RetriableException("s3:PutObject " + bucket + "/" + key + ": " + e.getMessage(), e);
        }
    }

    @Override
    public void stop() {
        if (s3 != null) {
            s3.close();
        }
    }

    @Override
    public String version() {
        return CanarySinkConnector.VERSION;
    }
}
