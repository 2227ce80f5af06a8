import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionInfo;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Does to a cluster what happens to one in real life, order by order, without a JVM for each. Argument: the bootstrap servers.
 * Standard input: one order a line, words separated by tabs. Standard output: one line for each, `ok` or `error`, a tab, and
 * the answer.
 */
public final class DriveSource {
  public static void main(String[] args) throws Exception {
    BufferedReader orders = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    SourceOrders source = new SourceOrders(args[0]);
    for (String line = orders.readLine(); line != null; line = orders.readLine()) {
      String answer;
      try {
        answer = "ok\t" + source.run(line.split("\t", -1));
      } catch (Exception failure) {
        Throwable cause = failure.getCause() == null ? failure : failure.getCause();
        answer = "error\t" + String.valueOf(cause).replaceAll("\\s+", " ");
      }
      System.out.println(answer);
      System.out.flush();
    }
    // Transactions that are open must stay open: no orderly close of anything.
    Runtime.getRuntime().halt(0);
  }
}

/** Runs orders; the first word of each says which. */
final class SourceOrders {
  private static final long PATIENCE_SECS = 90;
  private final String bootstrap;
  private final Admin admin;
  private final SourceWriter writer;
  private final GroupOrders groups;
  private final Map<String, SourceWriter> transactional = new HashMap<>();

  SourceOrders(String bootstrap) {
    this.bootstrap = bootstrap;
    admin = newAdmin();
    writer = new SourceWriter(bootstrap, null, 0);
    groups = new GroupOrders(bootstrap, admin);
  }

  private Admin newAdmin() {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", bootstrap);
    properties.put("default.api.timeout.ms", String.valueOf(PATIENCE_SECS * 1_000));
    // Brokers that are paused take requests and do not answer.
    properties.put("request.timeout.ms", "3000");
    properties.put("metadata.max.age.ms", "1000");
    return Admin.create(properties);
  }

  String run(String[] order) throws Exception {
    switch (order[0]) {
      case "create":
        return create(order[1], order[2], order[3]);
      case "delete":
        return done(admin.deleteTopics(List.of(order[1])).all());
      case "exists":
        return String.valueOf(admin.listTopics().names().get(PATIENCE_SECS, TimeUnit.SECONDS).contains(order[1]));
      case "partitions":
        return done(admin.createPartitions(
            Map.of(order[1], NewPartitions.increaseTo(Integer.parseInt(order[2])))).all());
      case "configure":
        return configure(order[1], order[2], order[3]);
      case "delete-records":
        return deleteRecords(order[1], order[2]);
      case "ends":
        return offsets(order[1], OffsetSpec.latest());
      case "begins":
        return offsets(order[1], OffsetSpec.earliest());
      case "leaders":
        return leaders(order[1]);
      case "in-sync":
        return inSync(order[1]);
      case "deny-read":
        return denyRead(order[1], order[2]);
      case "write":
        return String.valueOf(writer.write(new Writing(order, 1)));
      case "begin-transaction":
        transactional.put(order[1], new SourceWriter(bootstrap, order[1], Integer.parseInt(order[2])));
        transactional.get(order[1]).begin();
        return "";
      case "write-in-transaction":
        return String.valueOf(transactional.get(order[1]).write(new Writing(order, 2)));
      case "end-transaction":
        transactional.remove(order[1]).end(order[2].equals("commit"));
        return "";
      case "forsake-transaction":
        transactional.remove(order[1]).forsake();
        return "";
      case "commit-group":
        groups.commit(order[1], order[2], Integer.parseInt(order[3]), Long.parseLong(order[4]), order[5]);
        return "";
      case "plant-groups":
        groups.plant(order[1], Integer.parseInt(order[2]), order[3], Integer.parseInt(order[4]), Long.parseLong(order[5]));
        return "";
      case "forget-offsets":
        groups.forgetOffsets(order[1], order[2], Integer.parseInt(order[3]));
        return "";
      case "delete-group":
        groups.delete(order[1]);
        return "";
      case "join-group":
        groups.join(order[1], order[2], order[3]);
        return "";
      case "leave-group":
        groups.leave(order[1]);
        return "";
      default:
        throw new IllegalArgumentException("no order " + order[0]);
    }
  }

  /** `replicas`: broker ids of each partition, such as 1,2;1,2 or a count of partitions. */
  private String create(String name, String replicas, String configs) throws Exception {
    NewTopic topic;
    if (replicas.contains(",") || replicas.contains(";")) {
      Map<Integer, List<Integer>> assignments = new TreeMap<>();
      for (String entry : replicas.split(";")) {
        assignments.put(assignments.size(), Arrays.stream(entry.split(",")).map(Integer::valueOf).toList());
      }
      topic = new NewTopic(name, assignments);
    } else {
      topic = new NewTopic(name, Integer.parseInt(replicas), (short) -1);
    }
    Map<String, String> values = new HashMap<>();
    for (String pair : configs.split(";")) {
      if (!pair.isEmpty()) values.put(pair.substring(0, pair.indexOf('=')), pair.substring(pair.indexOf('=') + 1));
    }
    return done(admin.createTopics(List.of(topic.configs(values))).all());
  }

  private String configure(String topic, String name, String value) throws Exception {
    ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
    AlterConfigOp set = new AlterConfigOp(new ConfigEntry(name, value), AlterConfigOp.OpType.SET);
    return done(admin.incrementalAlterConfigs(Map.of(resource, List.of(set))).all());
  }

  /** `before`: partition:offset, separated by semicolons. */
  private String deleteRecords(String topic, String before) throws Exception {
    Map<TopicPartition, RecordsToDelete> wanted = new HashMap<>();
    for (String entry : before.split(";")) {
      String[] words = entry.split(":");
      wanted.put(new TopicPartition(topic, Integer.parseInt(words[0])),
          RecordsToDelete.beforeOffset(Long.parseLong(words[1])));
    }
    return done(admin.deleteRecords(wanted).all());
  }

  private String offsets(String topic, OffsetSpec which) throws Exception {
    Map<TopicPartition, OffsetSpec> wanted = new HashMap<>();
    for (TopicPartitionInfo info : describe(topic).partitions()) {
      wanted.put(new TopicPartition(topic, info.partition()), which);
    }
    Map<Integer, Long> found = new TreeMap<>();
    // A client that has asked before goes on asking a leader that is dead.
    try (Admin fresh = newAdmin()) {
      fresh.listOffsets(wanted).all().get(PATIENCE_SECS, TimeUnit.SECONDS)
          .forEach((partition, answer) -> found.put(partition.partition(), answer.offset()));
    }
    return joined(found);
  }

  private String leaders(String topic) throws Exception {
    Map<Integer, Long> found = new TreeMap<>();
    for (TopicPartitionInfo info : describe(topic).partitions()) {
      found.put(info.partition(), info.leader() == null ? -1L : (long) info.leader().id());
    }
    return joined(found);
  }

  private String inSync(String topic) throws Exception {
    Map<Integer, Long> found = new TreeMap<>();
    for (TopicPartitionInfo info : describe(topic).partitions()) found.put(info.partition(), (long) info.isr().size());
    return joined(found);
  }

  /** Everything but reading: the topic can still be seen. */
  private String denyRead(String principal, String topic) throws Exception {
    ResourcePattern pattern = new ResourcePattern(ResourceType.TOPIC, topic, PatternType.LITERAL);
    AccessControlEntry all = new AccessControlEntry(principal, "*", AclOperation.ALL, AclPermissionType.ALLOW);
    AccessControlEntry read = new AccessControlEntry(principal, "*", AclOperation.READ, AclPermissionType.DENY);
    return done(admin.createAcls(Set.of(new AclBinding(pattern, all), new AclBinding(pattern, read))).all());
  }

  private TopicDescription describe(String topic) throws Exception {
    return admin.describeTopics(List.of(topic)).allTopicNames().get(PATIENCE_SECS, TimeUnit.SECONDS).get(topic);
  }

  private static String done(KafkaFuture<?> future) throws Exception {
    future.get(PATIENCE_SECS, TimeUnit.SECONDS);
    return "";
  }

  /** Values in order of partition, which count from 0 without a hole. */
  private static String joined(Map<Integer, Long> byPartition) {
    List<String> words = new ArrayList<>();
    byPartition.forEach((partition, value) -> words.add(String.valueOf(value)));
    return String.join(" ", words);
  }
}

/** Records to write: topic, partition, label, records, records of each batch, bytes of each value. */
final class Writing {
  final String topic;
  final int partition;
  final String label;
  final int records;
  final int recordsPerBatch;
  final int valueBytes;

  Writing(String[] order, int at) {
    topic = order[at];
    partition = Integer.parseInt(order[at + 1]);
    label = order[at + 2];
    records = Integer.parseInt(order[at + 3]);
    recordsPerBatch = Integer.parseInt(order[at + 4]);
    valueBytes = Integer.parseInt(order[at + 5]);
  }

  /** Text that differs from record to record and from label to label. */
  byte[] value(int number) {
    StringBuilder text = new StringBuilder(label).append(' ').append(number);
    long state = label.hashCode() * 31L + number;
    while (text.length() < valueBytes) {
      state = state * 6364136223846793005L + 1442695040888963407L;
      text.append(Long.toString(state >>> 8, 36));
    }
    return text.substring(0, valueBytes).getBytes(StandardCharsets.US_ASCII);
  }
}

/** A producer that waits for the leader only, and decides itself where batches end. */
final class SourceWriter {
  private final KafkaProducer<byte[], byte[]> producer;

  /** Without `transactionalId` it is not even idempotent: a log that was cut must not make it stumble. */
  SourceWriter(String bootstrap, String transactionalId, int timeoutMs) {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", bootstrap);
    properties.put("key.serializer", ByteArraySerializer.class.getName());
    properties.put("value.serializer", ByteArraySerializer.class.getName());
    properties.put("linger.ms", "60000");
    properties.put("delivery.timeout.ms", "120000");
    properties.put("batch.size", String.valueOf(4 * 1024 * 1024));
    properties.put("metadata.max.age.ms", "1000");
    properties.put("reconnect.backoff.max.ms", "200");
    if (transactionalId == null) {
      properties.put("acks", "1");
      properties.put("enable.idempotence", "false");
    } else {
      properties.put("transactional.id", transactionalId);
      properties.put("transaction.timeout.ms", String.valueOf(timeoutMs));
    }
    producer = new KafkaProducer<>(properties);
    if (transactionalId != null) producer.initTransactions();
  }

  /** Returns the offset behind the last record. */
  long write(Writing writing) throws Exception {
    AtomicLong end = new AtomicLong(-1);
    AtomicReference<Exception> failure = new AtomicReference<>();
    for (int number = 0; number < writing.records; number++) {
      byte[] key = (writing.label + "-" + number).getBytes(StandardCharsets.US_ASCII);
      producer.send(new ProducerRecord<>(writing.topic, writing.partition, key, writing.value(number)),
          (metadata, error) -> {
            if (error != null) failure.compareAndSet(null, error);
            else end.accumulateAndGet(metadata.offset() + 1, Math::max);
          });
      if ((number + 1) % writing.recordsPerBatch == 0) producer.flush();
    }
    producer.flush();
    if (failure.get() != null) throw failure.get();
    return end.get();
  }

  void begin() {
    producer.beginTransaction();
  }

  void end(boolean isCommit) {
    if (isCommit) producer.commitTransaction();
    else producer.abortTransaction();
    producer.close();
  }

  /** Gone without a word to the coordinator, as after a crash. */
  void forsake() {
    producer.close(Duration.ZERO);
  }
}
