import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** What {@link DriveSource} does to consumer groups. */
final class GroupOrders {
  private static final long PATIENCE_SECS = 90;
  private static final int GROUPS_AT_A_TIME = 50;
  private final String bootstrap;
  private final Admin admin;
  private final Map<String, GroupMember> members = new HashMap<>();

  GroupOrders(String bootstrap, Admin admin) {
    this.bootstrap = bootstrap;
    this.admin = admin;
  }

  /** Commits as an administrator does, for a group without members: topic, partition, offset, metadata. */
  void commit(String group, String topic, int partition, long offset, String metadata) throws Exception {
    Map<TopicPartition, OffsetAndMetadata> offsets =
        Map.of(new TopicPartition(topic, partition), new OffsetAndMetadata(offset, metadata));
    admin.alterConsumerGroupOffsets(group, offsets).all().get(PATIENCE_SECS, TimeUnit.SECONDS);
  }

  /** So many groups, each with the same offset in every partition of a topic. */
  void plant(String prefix, int groups, String topic, int partitions, long offset) throws Exception {
    Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
    for (int partition = 0; partition < partitions; partition++) {
      offsets.put(new TopicPartition(topic, partition), new OffsetAndMetadata(offset));
    }
    for (int at = 0; at < groups; at += GROUPS_AT_A_TIME) {
      Map<String, org.apache.kafka.common.KafkaFuture<Void>> planting = new HashMap<>();
      for (int number = at; number < Math.min(at + GROUPS_AT_A_TIME, groups); number++) {
        String group = prefix + number;
        planting.put(group, admin.alterConsumerGroupOffsets(group, offsets).all());
      }
      for (var done : planting.values()) done.get(PATIENCE_SECS, TimeUnit.SECONDS);
    }
  }

  /** Takes the offsets of one topic from a group, which stays. */
  void forgetOffsets(String group, String topic, int partition) throws Exception {
    admin.deleteConsumerGroupOffsets(group, java.util.Set.of(new TopicPartition(topic, partition))).all()
        .get(PATIENCE_SECS, TimeUnit.SECONDS);
  }

  void delete(String group) throws Exception {
    admin.deleteConsumerGroups(List.of(group)).all().get(PATIENCE_SECS, TimeUnit.SECONDS);
  }

  /** A consumer that stays a member of the group, reads nothing of the records, and commits where it is told to: `classic` or `consumer`. */
  void join(String group, String topic, String protocol) throws Exception {
    GroupMember member = new GroupMember(bootstrap, group, topic, protocol);
    members.put(group, member);
    member.begin();
  }

  void leave(String group) throws Exception {
    members.remove(group).end();
  }
}

/** One consumer with a thread of its own, which keeps it in its group. */
final class GroupMember {
  private final KafkaConsumer<byte[], byte[]> consumer;
  private final AtomicBoolean isAssigned = new AtomicBoolean();
  private final AtomicBoolean isOver = new AtomicBoolean();
  private final Thread thread;

  GroupMember(String bootstrap, String group, String topic, String protocol) {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", bootstrap);
    properties.put("group.id", group);
    properties.put("group.protocol", protocol);
    properties.put("auto.offset.reset", "earliest");
    properties.put("enable.auto.commit", "true");
    properties.put("auto.commit.interval.ms", "200");
    properties.put("key.deserializer", ByteArrayDeserializer.class.getName());
    properties.put("value.deserializer", ByteArrayDeserializer.class.getName());
    consumer = new KafkaConsumer<>(properties);
    consumer.subscribe(List.of(topic));
    thread = new Thread(this::follow);
    thread.setDaemon(true);
  }

  void begin() throws Exception {
    thread.start();
    for (int tries = 0; !isAssigned.get(); tries++) {
      if (tries > 600 || !thread.isAlive()) throw new IllegalStateException("nothing was assigned to it");
      Thread.sleep(100);
    }
  }

  void end() throws Exception {
    isOver.set(true);
    thread.join(30_000);
  }

  private void follow() {
    while (!isOver.get()) {
      consumer.poll(Duration.ofMillis(100));
      if (!consumer.assignment().isEmpty()) isAssigned.set(true);
    }
    consumer.close();
  }
}
