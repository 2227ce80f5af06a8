import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Many transactional producers at once, through Kafka's own client: most transactions are committed, some aborted, some left
 * open until the broker aborts them; plain producers write in between. What each did is written down.
 *
 * Argument: bootstrap servers. Standard input: one line of `name=value` pairs separated by tabs. Standard output, the history,
 * one line a transaction when its outcome is certain: producer, number, outcome (committed, aborted, hanging, or plain), and
 * what it sent as topic/partition:first-last, separated by spaces; first and last are counters of the producer in that
 * partition. Keys are producer/counter/number.
 */
public final class TransactionWorkload {
  private final String bootstrap;
  private final Map<String, String> settings = new HashMap<>();
  private final List<TopicPartition> partitions = new ArrayList<>();
  private final AtomicInteger begun = new AtomicInteger();
  private final AtomicReference<Throwable> failure = new AtomicReference<>();
  private final PrintStream history = new PrintStream(System.out, false, StandardCharsets.UTF_8);
  private volatile boolean isOver;

  private TransactionWorkload(String bootstrap, String line) {
    this.bootstrap = bootstrap;
    for (String pair : line.split("\t")) {
      int at = pair.indexOf('=');
      settings.put(pair.substring(0, at), pair.substring(at + 1));
    }
    for (String topic : settings.get("topics").split(",")) {
      int at = topic.lastIndexOf(':');
      int count = Integer.parseInt(topic.substring(at + 1));
      for (int index = 0; index < count; index++) {
        partitions.add(new TopicPartition(topic.substring(0, at), index));
      }
    }
  }

  public static void main(String[] args) throws Exception {
    BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    new TransactionWorkload(args[0], input.readLine()).run();
    // Transactions that hang must not be ended by an orderly close.
    Runtime.getRuntime().halt(0);
  }

  private void run() throws Exception {
    List<Thread> writers = new ArrayList<>();
    for (int id = 0; id < number("producers"); id++) start(writers, new Writer(id)::runTransactions);
    List<Thread> others = new ArrayList<>();
    int hanging = number("hangingProducers");
    for (int index = 0; index < hanging; index++) {
      // Spread over the first nine tenths, so that others write while they hang.
      int after = number("transactions") * 9 / 10 * index / hanging;
      Writer writer = new Writer(2_000 + index);
      start(others, () -> writer.hangAfter(after));
    }
    for (int index = 0; index < number("plainProducers"); index++) {
      start(others, new Writer(1_000 + index)::runPlain);
    }
    for (Thread thread : writers) thread.join();
    isOver = true;
    for (Thread thread : others) thread.join();
    history.flush();
    if (failure.get() == null) return;
    failure.get().printStackTrace();
    Runtime.getRuntime().halt(1);
  }

  private interface Work {
    void run() throws Exception;
  }

  private void start(List<Thread> threads, Work work) {
    Thread thread = new Thread(() -> {
      try {
        work.run();
      } catch (Throwable error) {
        failure.compareAndSet(null, error);
        isOver = true;
      }
    });
    threads.add(thread);
    thread.start();
  }

  private int number(String name) {
    return Integer.parseInt(settings.get(name));
  }

  /** One producer and what it has sent. */
  private final class Writer {
    private final int id;
    private final Random random;
    private final long[] counters = new long[partitions.size()];
    private final Map<Integer, Long> firstOf = new TreeMap<>();
    private KafkaProducer<byte[], byte[]> producer;

    Writer(int id) {
      this.id = id;
      random = new Random(Long.parseLong(settings.get("seed")) * 10_000 + id);
    }

    void runTransactions() throws Exception {
      open(true, 60_000);
      producer.initTransactions();
      int total = number("transactions");
      for (int one = begun.getAndIncrement(); one < total && !isOver; one = begun.getAndIncrement()) {
        producer.beginTransaction();
        // An abort without a flush drops records or not, and often leaves a marker without data.
        boolean isHasty = chance(5);
        send(one);
        boolean isAborted = isHasty || chance(26);
        if (isHasty) {
          producer.abortTransaction();
        } else if (isAborted) {
          // What was never sent would make no aborted records.
          producer.flush();
          producer.abortTransaction();
        } else {
          producer.commitTransaction();
        }
        check();
        record(one, isAborted ? "aborted" : "committed");
      }
      producer.close();
    }

    void hangAfter(int count) throws Exception {
      while (begun.get() < count && !isOver) Thread.sleep(5);
      open(true, number("hangingTimeoutMs"));
      producer.initTransactions();
      producer.beginTransaction();
      sendTo(random.nextInt(partitions.size()), 1 + random.nextInt(20), -1);
      sendTo(random.nextInt(partitions.size()), 1 + random.nextInt(20), -1);
      producer.flush();
      check();
      record(-1, "hanging");
    }

    void runPlain() throws Exception {
      open(false, 0);
      while (!isOver) {
        sendTo(random.nextInt(partitions.size()), 1 + random.nextInt(30), -1);
        producer.flush();
        check();
        Thread.sleep(20);
      }
      producer.close();
      record(-1, "plain");
    }

    private void send(int transaction) throws Exception {
      if (chance(4)) return;
      int kind = random.nextInt(100);
      if (kind < 25) {
        sendTo(random.nextInt(partitions.size()), 1, transaction);
      } else if (kind < 90) {
        for (int times = 1 + random.nextInt(3); times > 0; times--) {
          sendTo(random.nextInt(partitions.size()), 1 + random.nextInt(8), transaction);
          if (chance(4)) dawdle();
        }
      } else if (kind < 97) {
        for (int index = 0; index < partitions.size(); index++) sendTo(index, 1 + random.nextInt(4), transaction);
      } else {
        int index = random.nextInt(partitions.size());
        sendTo(index, 100 + random.nextInt(300), transaction);
        dawdle();
        sendTo(index, 100 + random.nextInt(300), transaction);
      }
    }

    /** Others get their turn in the middle of this transaction. */
    private void dawdle() throws Exception {
      producer.flush();
      Thread.sleep(random.nextInt(150));
    }

    private void sendTo(int index, int count, int transaction) {
      TopicPartition partition = partitions.get(index);
      firstOf.putIfAbsent(index, counters[index]);
      for (int sent = 0; sent < count; sent++) {
        byte[] key = (id + "/" + counters[index]++ + "/" + transaction).getBytes(StandardCharsets.US_ASCII);
        byte[] value = new byte[random.nextInt(200)];
        random.nextBytes(value);
        producer.send(new ProducerRecord<>(partition.topic(), partition.partition(), key, value), (metadata, error) -> {
          // An abort cancels what is waiting; a record that was meant to stay must be acknowledged.
          if (error != null && !isCancelled(error)) failure.compareAndSet(null, error);
        });
      }
    }

    private boolean isCancelled(Exception error) {
      return error.getClass().getSimpleName().equals("TransactionAbortedException");
    }

    private void check() throws Exception {
      if (failure.get() != null) throw new IllegalStateException("a producer failed");
    }

    private void record(int transaction, String outcome) {
      StringBuilder line = new StringBuilder();
      line.append(id).append('\t').append(transaction).append('\t').append(outcome).append('\t');
      String separator = "";
      for (Map.Entry<Integer, Long> entry : firstOf.entrySet()) {
        TopicPartition partition = partitions.get(entry.getKey());
        line.append(separator).append(partition.topic()).append('/').append(partition.partition()).append(':');
        line.append(entry.getValue()).append('-').append(counters[entry.getKey()] - 1);
        separator = " ";
      }
      firstOf.clear();
      history.println(line);
    }

    private boolean chance(int percent) {
      return random.nextInt(100) < percent;
    }

    private void open(boolean isTransactional, int transactionTimeoutMs) {
      String[] codecs = {"none", "lz4", "zstd", "snappy", "gzip"};
      Properties properties = new Properties();
      properties.put("bootstrap.servers", bootstrap);
      properties.put("key.serializer", ByteArraySerializer.class.getName());
      properties.put("value.serializer", ByteArraySerializer.class.getName());
      properties.put("acks", "all");
      properties.put("compression.type", codecs[id % codecs.length]);
      properties.put("batch.size", "8192");
      properties.put("linger.ms", "2");
      properties.put("buffer.memory", "4194304");
      if (isTransactional) {
        properties.put("transactional.id", "workload-" + settings.get("seed") + "-" + id);
        properties.put("transaction.timeout.ms", String.valueOf(transactionTimeoutMs));
      }
      producer = new KafkaProducer<>(properties);
    }
  }
}
