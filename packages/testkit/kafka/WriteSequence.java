import java.util.Properties;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Writes a sequence of records to each partition of a topic until stdin says something, whatever happens to the brokers, then prints how
 * many were acknowledged and how many failed.
 *
 * Arguments: bootstrap servers, topic, partitions, records a second over all of them.
 */
public final class WriteSequence {
  private static final String PADDING = "x".repeat(200);

  public static void main(String[] args) throws Exception {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", args[0]);
    properties.put("acks", "all");
    properties.put("delivery.timeout.ms", "600000");
    properties.put("linger.ms", "20");
    int partitions = Integer.parseInt(args[2]);
    long pauseMs = Math.max(1, 1000L * partitions / Integer.parseInt(args[3]));
    AtomicLong acknowledged = new AtomicLong();
    AtomicLong failed = new AtomicLong();
    StringSerializer serializer = new StringSerializer();
    try (KafkaProducer<String, String> producer = new KafkaProducer<>(properties, serializer, serializer)) {
      for (long sequence = 0; System.in.available() == 0; sequence++) {
        for (int partition = 0; partition < partitions; partition++) {
          String value = partition + ":" + sequence + ":" + PADDING;
          producer.send(new ProducerRecord<>(args[1], partition, Long.toString(sequence), value),
              (metadata, error) -> (error == null ? acknowledged : failed).incrementAndGet());
        }
        Thread.sleep(pauseMs);
      }
    }
    System.out.println(acknowledged + " " + failed);
  }
}
