import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.connect.connector.Task;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.source.SourceConnector;
import org.apache.kafka.connect.source.SourceRecord;
import org.apache.kafka.connect.source.SourceTask;

/**
 * A source connector of Kafka Connect that writes the numbers from 0 up to the one that stands in a file, exclusive. How far it came is
 * its source offset, which the worker keeps in its topic of offsets.
 *
 * Configuration: `topic`, and `limit.file`, which may change at any time.
 */
public final class NumberSource extends SourceConnector {
  private Map<String, String> properties;

  @Override
  public void start(Map<String, String> given) {
    properties = given;
  }

  @Override
  public Class<? extends Task> taskClass() {
    return NumberTask.class;
  }

  @Override
  public List<Map<String, String>> taskConfigs(int maxTasks) {
    return List.of(properties);
  }

  @Override
  public void stop() {}

  @Override
  public ConfigDef config() {
    return new ConfigDef()
        .define("topic", ConfigDef.Type.STRING, ConfigDef.Importance.HIGH, "Where the numbers go.")
        .define("limit.file", ConfigDef.Type.STRING, ConfigDef.Importance.HIGH, "Holds the first number that is not written.");
  }

  @Override
  public String version() {
    return "1";
  }

  /** The only task of the connector. */
  public static final class NumberTask extends SourceTask {
    private static final Map<String, String> PARTITION = Map.of("numbers", "all");
    private static final int RECORDS_AT_ONCE = 10;
    private String topic;
    private Path limitFile;
    private long next;

    @Override
    public void start(Map<String, String> properties) {
      topic = properties.get("topic");
      limitFile = Path.of(properties.get("limit.file"));
      Map<String, Object> offset = context.offsetStorageReader().offset(PARTITION);
      next = offset == null ? 0 : (Long) offset.get("next");
    }

    @Override
    public List<SourceRecord> poll() throws InterruptedException {
      long limit = limit();
      List<SourceRecord> records = new ArrayList<>();
      while (next < limit && records.size() < RECORDS_AT_ONCE) {
        long number = next++;
        records.add(new SourceRecord(PARTITION, Map.of("next", next), topic, Schema.STRING_SCHEMA, "number " + number));
      }
      if (records.isEmpty()) Thread.sleep(100);
      return records;
    }

    private long limit() {
      try {
        return Long.parseLong(Files.readString(limitFile).trim());
      } catch (Exception error) {
        throw new IllegalStateException("no limit in " + limitFile, error);
      }
    }

    @Override
    public void stop() {}

    @Override
    public String version() {
      return "1";
    }
  }
}
