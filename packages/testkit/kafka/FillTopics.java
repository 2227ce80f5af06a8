import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Fills topics through Kafka's own producer. Argument: the bootstrap servers. Standard input: one job a line,
 * `name=value` pairs separated by tabs. Standard output: one `name=value` line for each finished job.
 */
public final class FillTopics {
  public static void main(String[] args) throws Exception {
    BufferedReader plan = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = plan.readLine(); line != null; line = plan.readLine()) {
      if (!line.isEmpty()) new Filling(args[0], new Job(line)).run();
    }
    // A transaction that was left open on purpose must stay open: no orderly close of anything.
    Runtime.getRuntime().halt(0);
  }
}

/** One line of the plan. */
final class Job {
  private final Map<String, String> fields = new HashMap<>();

  Job(String line) {
    for (String pair : line.split("\t")) {
      int at = pair.indexOf('=');
      fields.put(pair.substring(0, at), pair.substring(at + 1));
    }
  }

  String text(String name) {
    String value = fields.get(name);
    if (value == null) throw new IllegalArgumentException("no field " + name + " in the job");
    return value;
  }

  long number(String name) {
    return Long.parseLong(text(name));
  }
}

/** Runs one job. */
final class Filling {
  private final Job job;
  private final KafkaProducer<byte[], byte[]> producer;
  private final EventSource events;
  private final long recordsPerTransaction;
  private final AtomicLong acknowledged = new AtomicLong();
  private final AtomicReference<Exception> failure = new AtomicReference<>();
  private long aborted;
  private long open;

  Filling(String bootstrap, Job job) {
    this.job = job;
    events = new EventSource(job.number("seed"), (int) job.number("valueBytes"));
    recordsPerTransaction = job.number("recordsPerTransaction");
    Properties properties = new Properties();
    properties.put("bootstrap.servers", bootstrap);
    properties.put("key.serializer", ByteArraySerializer.class.getName());
    properties.put("value.serializer", ByteArraySerializer.class.getName());
    properties.put("acks", "all");
    properties.put("enable.idempotence", "true");
    // A topic that was just created may not have all its leaders yet; with more requests under way, the producer gets its numbers out of
    // order then, and never out of it again (tried on 4.2.1 with 100 partitions).
    properties.put("max.in.flight.requests.per.connection", "1");
    properties.put("compression.type", job.text("compression"));
    properties.put("batch.size", job.text("batchBytes"));
    properties.put("linger.ms", job.text("lingerMs"));
    properties.put("max.request.size", String.valueOf(64 * 1024 * 1024));
    properties.put("buffer.memory", String.valueOf(64 * 1024 * 1024));
    if (recordsPerTransaction > 0) {
      properties.put("transactional.id", job.text("transactionalId"));
      properties.put("transaction.timeout.ms", job.text("transactionTimeoutMs"));
    }
    producer = new KafkaProducer<>(properties);
  }

  void run() throws Exception {
    long beginNanos = System.nanoTime();
    long records = job.number("records");
    if (recordsPerTransaction > 0) fillInTransactions(records);
    else for (long index = 0; index < records; index++) send(index);
    producer.flush();
    if (failure.get() != null) throw failure.get();
    // Without patience, so that an open transaction is not aborted.
    producer.close(open > 0 ? Duration.ZERO : Duration.ofSeconds(60));
    System.out.println("acknowledged=" + acknowledged + "\taborted=" + aborted + "\topen=" + open
        + "\telapsedMs=" + (System.nanoTime() - beginNanos) / 1_000_000);
    System.out.flush();
  }

  private void fillInTransactions(long records) throws Exception {
    long abortEvery = job.number("abortEvery");
    boolean leavesLastOpen = job.text("leaveLastOpen").equals("true");
    producer.initTransactions();
    for (long begin = 0, number = 1; begin < records; begin += recordsPerTransaction, number++) {
      long end = Math.min(begin + recordsPerTransaction, records);
      producer.beginTransaction();
      for (long index = begin; index < end; index++) send(index);
      // Aborted and open records must reach the log too: unsent ones would just be dropped.
      producer.flush();
      if (failure.get() != null) throw failure.get();
      if (leavesLastOpen && end == records) {
        open = end - begin;
      } else if (abortEvery > 0 && number % abortEvery == 0) {
        producer.abortTransaction();
        aborted += end - begin;
      } else {
        producer.commitTransaction();
      }
    }
  }

  private void send(long index) {
    if (failure.get() != null) return;
    long timestamp = timestamp(index);
    byte[] value = isEvery("tombstoneEvery", index) ? null : events.next(timestamp);
    int partition = (int) job.number("partition");
    ProducerRecord<byte[], byte[]> record = new ProducerRecord<>(
        job.text("topic"), partition < 0 ? null : partition, timestamp, key(index), value);
    addHeaders(record.headers());
    producer.send(record, (metadata, error) -> {
      if (error == null) acknowledged.incrementAndGet();
      else failure.compareAndSet(null, error);
    });
  }

  private byte[] key(long index) {
    if (isEvery("nullKeyEvery", index)) return null;
    long number = index % job.number("distinctKeys");
    return ("key-" + number).getBytes(StandardCharsets.US_ASCII);
  }

  private long timestamp(long index) {
    long timestamp = job.number("beginTimestampMs") + index * job.number("timestampStepMs");
    if (!isEvery("outOfOrderEvery", index)) return timestamp;
    return Math.max(0, timestamp - 1 - events.below(60_000));
  }

  /** Names repeat on purpose; every value is text, empty or null. */
  private void addHeaders(Headers headers) {
    int max = (int) job.number("maxHeaders");
    if (max == 0) return;
    int count = events.below(max + 1);
    for (int number = 0; number < count; number++) {
      String name = events.below(2) == 0 ? "trace-id" : "source";
      int kind = events.below(8);
      headers.add(name, kind == 0 ? null : kind == 1 ? new byte[0] : events.word());
    }
  }

  private boolean isEvery(String field, long index) {
    long every = job.number(field);
    return every > 0 && (index + 1) % every == 0;
  }
}

/** JSON events about orders, plain ASCII, made fast; the same shape as json-event.ts writes. */
final class EventSource {
  private static final String[] ONSETS = {"ba", "ce", "di", "fo", "gu", "ha", "je", "lo", "mu", "ri", "so", "ta"};
  private static final String[] ENDINGS = {"lan", "ster", "mont", "ver", "ding", "ral", "nic", "tor", "gard"};
  private static final byte[][] WORDS = new byte[ONSETS.length * ENDINGS.length][];
  private static final byte[][] REGIONS = all("eu-west", "eu-north", "us-east", "us-west", "ap-south");
  private static final byte[][] STATUSES =
      all("created", "settled", "packed", "shipped", "delivered", "returned");
  private static final byte[][] TYPES =
      all("order.updated", "order.created", "order.closed", "payment.received");
  private static final byte[][] CURRENCIES = all("EUR", "USD", "GBP", "SEK");
  private static final byte[] HEX = ascii("0123456789abcdef");
  // Shorter events have no room for the order with its items.
  private static final int ORDER_MIN_BYTES = 420;
  // Room behind the end, so that a word can be written before the length is looked at.
  private static final int SLACK_BYTES = 512;

  static {
    for (int i = 0; i < WORDS.length; i++) {
      WORDS[i] = ascii(ONSETS[i / ENDINGS.length] + ENDINGS[i % ENDINGS.length]);
    }
  }

  private static final byte[][] ORDER = all("{\"id\":\"", "\",\"type\":\"", "\",\"ts\":", ",\"customer\":\"c-",
      "\",\"region\":\"", "\",\"currency\":\"", "\",\"amount\":", ",\"items\":[", "],\"status\":\"", "\",\"note\":\"");
  private static final byte[][] ITEM =
      all("{\"sku\":\"SKU-", "\",\"quantity\":", ",\"price\":", ",\"title\":\"", "\"}");
  private static final byte[][] CLICK =
      all("{\"ts\":", ",\"id\":\"", "\",\"user\":\"u-", "\",\"amount\":", ",\"note\":\"");

  private final int valueBytes;
  private final byte[] buffer;
  private long state;
  private int at;

  EventSource(long seed, int valueBytes) {
    this.valueBytes = valueBytes;
    this.buffer = new byte[valueBytes + ORDER_MIN_BYTES + SLACK_BYTES];
    this.state = seed;
  }

  /** A number in [0, bound), by splitmix64. */
  int below(int bound) {
    return (int) ((random() >>> 33) % bound);
  }

  byte[] word() {
    return WORDS[below(WORDS.length)];
  }

  byte[] next(long timestamp) {
    at = 0;
    if (valueBytes < ORDER_MIN_BYTES) click(timestamp);
    else order(timestamp);
    int end = Math.max(at, valueBytes - 2);
    while (at < end) {
      put(word());
      buffer[at++] = ' ';
    }
    at = end;
    buffer[at++] = '"';
    buffer[at++] = '}';
    byte[] event = new byte[at];
    System.arraycopy(buffer, 0, event, 0, at);
    return event;
  }

  private void order(long timestamp) {
    put(ORDER[0]);
    for (int digit = 0; digit < 36; digit++) {
      if (digit == 8 || digit == 13 || digit == 18 || digit == 23) buffer[at++] = '-';
      else buffer[at++] = HEX[below(16)];
    }
    put(ORDER[1], TYPES[below(TYPES.length)], ORDER[2]);
    put(timestamp);
    put(ORDER[3]);
    put(100_000 + below(50_000));
    put(ORDER[4], REGIONS[below(REGIONS.length)], ORDER[5], CURRENCIES[below(CURRENCIES.length)], ORDER[6]);
    amount(2_000);
    put(ORDER[7]);
    for (int number = 0; number < 3; number++) {
      if (number > 0) buffer[at++] = ',';
      item();
    }
    put(ORDER[8], STATUSES[below(STATUSES.length)], ORDER[9]);
  }

  private void item() {
    put(ITEM[0]);
    put(10_000 + below(2_000));
    put(ITEM[1]);
    put(1 + below(5));
    put(ITEM[2]);
    amount(100);
    put(ITEM[3], word());
    buffer[at++] = ' ';
    put(word(), ITEM[4]);
  }

  private void click(long timestamp) {
    put(CLICK[0]);
    put(timestamp);
    put(CLICK[1]);
    for (int digit = 0; digit < 4; digit++) buffer[at++] = HEX[below(16)];
    put(CLICK[2]);
    put(100_000 + below(50_000));
    put(CLICK[3]);
    amount(100);
    put(CLICK[4]);
  }

  private void amount(int bound) {
    put(below(bound));
    buffer[at++] = '.';
    put(10 + below(90));
  }

  private void put(byte[]... parts) {
    for (byte[] part : parts) {
      System.arraycopy(part, 0, buffer, at, part.length);
      at += part.length;
    }
  }

  private void put(long number) {
    int end = at + (number < 0 ? 1 : digits(number));
    long rest = Math.max(number, 0);
    for (int place = end - 1; place >= at; place--, rest /= 10) buffer[place] = (byte) ('0' + rest % 10);
    at = end;
  }

  private static int digits(long number) {
    int digits = 1;
    for (long rest = number / 10; rest > 0; rest /= 10) digits++;
    return digits;
  }

  private long random() {
    state += 0x9E3779B97F4A7C15L;
    long z = state;
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }

  private static byte[][] all(String... texts) {
    return List.of(texts).stream().map(EventSource::ascii).toArray(byte[][]::new);
  }
}
