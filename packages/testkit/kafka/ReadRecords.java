import java.io.BufferedWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Writes down every record of whole topics as Kafka's own consumer sees it. It shares no code with the program under test.
 *
 * Arguments: bootstrap servers, isolation level, output file, topics. One line a record, fields separated by tabs: topic,
 * partition, offset, name of the timestamp type, timestamp, key, value, headers (name:value, in order, separated by commas).
 * Byte strings: "null", or "=" and hex, or for long ones "#", their length, ":" and hex of their SHA-256.
 */
public final class ReadRecords {
  private static final int LONG_BYTES = 64;
  private static final String HEX = "0123456789abcdef";

  public static void main(String[] args) throws Exception {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", args[0]);
    properties.put("isolation.level", args[1]);
    properties.put("enable.auto.commit", "false");
    properties.put("fetch.max.bytes", "16777216");
    properties.put("max.partition.fetch.bytes", "4194304");
    properties.put("max.poll.records", "5000");
    try (KafkaConsumer<byte[], byte[]> consumer =
            new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        BufferedWriter out = Files.newBufferedWriter(Path.of(args[2]))) {
      List<TopicPartition> partitions = new ArrayList<>();
      for (int at = 3; at < args.length; at++) {
        String topic = args[at];
        consumer.partitionsFor(topic)
            .forEach(info -> partitions.add(new TopicPartition(topic, info.partition())));
      }
      read(consumer, partitions, out);
    }
  }

  private static void read(KafkaConsumer<byte[], byte[]> consumer, List<TopicPartition> partitions,
      BufferedWriter out) throws Exception {
    consumer.assign(partitions);
    consumer.seekToBeginning(partitions);
    // With read_committed these are the last stable offsets.
    Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
    List<TopicPartition> live = new ArrayList<>(partitions);
    StringBuilder line = new StringBuilder();
    while (true) {
      live.removeIf(partition -> consumer.position(partition) >= ends.get(partition));
      if (live.isEmpty()) return;
      for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(500))) {
        if (record.offset() >= ends.get(new TopicPartition(record.topic(), record.partition()))) continue;
        line.setLength(0);
        append(line, record);
        out.append(line);
      }
    }
  }

  private static void append(StringBuilder line, ConsumerRecord<byte[], byte[]> record) throws Exception {
    line.append(record.topic()).append('\t').append(record.partition()).append('\t').append(record.offset());
    line.append('\t').append(record.timestampType().name).append('\t').append(record.timestamp()).append('\t');
    appendBytes(line, record.key());
    line.append('\t');
    appendBytes(line, record.value());
    line.append('\t');
    String separator = "";
    for (Header header : record.headers()) {
      line.append(separator);
      appendBytes(line, header.key().getBytes(StandardCharsets.UTF_8));
      line.append(':');
      appendBytes(line, header.value());
      separator = ",";
    }
    line.append('\n');
  }

  private static void appendBytes(StringBuilder line, byte[] bytes) throws Exception {
    if (bytes == null) {
      line.append("null");
    } else if (bytes.length > LONG_BYTES) {
      line.append('#').append(bytes.length).append(':');
      appendHex(line, MessageDigest.getInstance("SHA-256").digest(bytes));
    } else {
      line.append('=');
      appendHex(line, bytes);
    }
  }

  private static void appendHex(StringBuilder line, byte[] bytes) {
    for (byte value : bytes) line.append(HEX.charAt((value >> 4) & 15)).append(HEX.charAt(value & 15));
  }
}
