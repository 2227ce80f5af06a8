import java.time.Duration;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;

/**
 * An application of Kafka Streams that counts values by their first word, exactly once: the words go through a repartition topic, the
 * counts are a state store with a changelog, and each count is written to the output topic. It runs until stdin ends.
 *
 * Arguments: bootstrap servers, application id, folder of its state, input topic, output topic.
 */
public final class CountFirstWords {
  public static void main(String[] args) throws Exception {
    StreamsBuilder builder = new StreamsBuilder();
    builder.stream(args[3], Consumed.with(Serdes.String(), Serdes.String()))
        .groupBy((key, value) -> value.split(" ", 2)[0], Grouped.with("words", Serdes.String(), Serdes.String()))
        .count(Materialized.as("counts"))
        .toStream()
        .mapValues(count -> count.toString())
        .to(args[4], Produced.with(Serdes.String(), Serdes.String()));

    Properties properties = new Properties();
    properties.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, args[0]);
    properties.put(StreamsConfig.APPLICATION_ID_CONFIG, args[1]);
    properties.put(StreamsConfig.STATE_DIR_CONFIG, args[2]);
    properties.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    properties.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, "100");
    properties.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, "1");
    properties.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, "1");
    // Each count is written, not only the last one of a commit.
    properties.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, "0");
    // What was processed goes from the repartition topic at once, so that its log begins late.
    properties.put(StreamsConfig.REPARTITION_PURGE_INTERVAL_MS_CONFIG, "200");
    try (KafkaStreams streams = new KafkaStreams(builder.build(), properties)) {
      streams.setUncaughtExceptionHandler(error -> {
        error.printStackTrace();
        return StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
      });
      streams.start();
      while (System.in.read() >= 0) continue;
      streams.close(Duration.ofSeconds(60));
    }
  }
}
