import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.HexFormat;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;

/** For each line "partitions key-in-hex", prints the partition that the producer of this Kafka gives the key. */
public final class HashKeys {
  public static void main(String[] args) throws Exception {
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      String[] fields = line.split(" ", -1);
      byte[] key = HexFormat.of().parseHex(fields[1]);
      System.out.println(BuiltInPartitioner.partitionForKey(key, Integer.parseInt(fields[0])));
    }
  }
}
