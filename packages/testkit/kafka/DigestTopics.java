import java.io.BufferedOutputStream;
import java.io.DataOutputStream;
import java.io.FileOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Reads whole topics through Kafka's own consumer, isolation read_committed, and digests every record: key, value, headers
 * in order, timestamp. It shares no code with the program under test.
 *
 * Arguments: bootstrap servers, output folder, topics. Per partition it writes FOLDER/TOPIC-PARTITION.digests with eight
 * bytes of SHA-256 for each record, and prints one line: topic partition firstOffset records digest, where the digest is
 * over all records in order. Offsets are no part of the digest: they change in a restore.
 */
public class DigestTopics {
    private static final class State {
        long firstOffset = -1;
        long records = 0;
        final MessageDigest all;
        final DataOutputStream out;

        State(String path) throws Exception {
            all = MessageDigest.getInstance("SHA-256");
            out = new DataOutputStream(new BufferedOutputStream(new FileOutputStream(path), 1 << 16));
        }
    }

    public static void main(String[] args) throws Exception {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", args[0]);
        properties.put("isolation.level", "read_committed");
        properties.put("enable.auto.commit", "false");
        properties.put("fetch.max.bytes", "16777216");
        properties.put("max.partition.fetch.bytes", "4194304");
        properties.put("max.poll.records", "5000");
        try (KafkaConsumer<byte[], byte[]> consumer =
                new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            List<TopicPartition> partitions = new ArrayList<>();
            for (int at = 2; at < args.length; at++) {
                String topic = args[at];
                partitions.addAll(consumer.partitionsFor(topic).stream()
                        .map(info -> new TopicPartition(topic, info.partition()))
                        .collect(Collectors.toList()));
            }
            read(consumer, partitions, args[1]);
        }
    }

    private static void read(KafkaConsumer<byte[], byte[]> consumer, List<TopicPartition> partitions, String folder)
            throws Exception {
        Map<TopicPartition, State> states = new HashMap<>();
        for (TopicPartition partition : partitions) {
            states.put(partition, new State(folder + "/" + partition.topic() + "-" + partition.partition() + ".digests"));
        }
        consumer.assign(partitions);
        consumer.seekToBeginning(partitions);
        Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
        List<TopicPartition> live = new ArrayList<>(partitions);
        MessageDigest one = MessageDigest.getInstance("SHA-256");
        while (true) {
            live.removeIf(partition -> consumer.position(partition) >= ends.get(partition));
            if (live.isEmpty()) break;
            for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(500))) {
                State state = states.get(new TopicPartition(record.topic(), record.partition()));
                byte[] digest = digest(one, record);
                if (state.firstOffset < 0) state.firstOffset = record.offset();
                state.records++;
                state.all.update(digest);
                state.out.write(digest, 0, 8);
            }
        }
        for (TopicPartition partition : partitions) {
            State state = states.get(partition);
            state.out.close();
            System.out.println(partition.topic() + " " + partition.partition() + " " + state.firstOffset + " "
                    + state.records + " " + hex(state.all.digest()));
        }
    }

    private static byte[] digest(MessageDigest digest, ConsumerRecord<byte[], byte[]> record) {
        digest.reset();
        digest.update(ByteBuffer.allocate(8).putLong(record.timestamp()).array());
        field(digest, record.key());
        field(digest, record.value());
        for (Header header : record.headers()) {
            field(digest, header.key().getBytes(StandardCharsets.UTF_8));
            field(digest, header.value());
        }
        return digest.digest();
    }

    /** Length first, -1 for null: null and empty must differ, and no field may run into the next. */
    private static void field(MessageDigest digest, byte[] bytes) {
        digest.update(ByteBuffer.allocate(4).putInt(bytes == null ? -1 : bytes.length).array());
        if (bytes != null) digest.update(bytes);
    }

    private static String hex(byte[] bytes) {
        StringBuilder text = new StringBuilder();
        for (byte value : bytes) text.append(String.format("%02x", value));
        return text.toString();
    }
}
