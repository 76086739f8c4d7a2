import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.avro.Schema;
import org.apache.avro.SchemaNormalization;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * Kafka Streams doing the tracker's work as its users write it: decode Avro, keep state per parcel in a
 * persistent store with its changelog, forward a milestone for each change of status that is worth one.
 *
 * <p>Arguments: bootstrap servers, topic, topic of milestones, guarantee, records, folder of the Avro
 * schemas, folder for state. Prints {@code SPEED n}: records a second from the first record to the commit
 * of the last.
 */
public final class ParcelPeer {
    private static final Set<String> TOLD =
            Set.of("accepted", "in_transit", "out_for_delivery", "attempt_failed", "delivered");
    private static final Set<String> ONCE = Set.of("accepted", "in_transit", "delivered");
    private static final AtomicLong STARTED = new AtomicLong();
    private static final AtomicLong SEEN = new AtomicLong();
    private static final CountDownLatch DONE = new CountDownLatch(1);

    public static void main(String[] arguments) throws Exception {
        long count = Long.parseLong(arguments[4]);
        Schema scan = schema(arguments[5], "ScanEvent");
        Schema milestone = schema(arguments[5], "ParcelMilestone");
        Properties config = new Properties();
        config.put(StreamsConfig.APPLICATION_ID_CONFIG, "peer-" + arguments[2]);
        config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, arguments[0]);
        config.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, arguments[3]);
        config.put(StreamsConfig.STATE_DIR_CONFIG, arguments[6]);
        config.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, Runtime.getRuntime().availableProcessors());
        config.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.ByteArraySerde.class);
        config.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.ByteArraySerde.class);
        config.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
        Topology topology = new Topology();
        topology.addSource("scans", arguments[1]);
        topology.addProcessor("fold", () -> new Fold(scan, milestone, count), "scans");
        topology.addStateStore(
                Stores.keyValueStoreBuilder(
                                Stores.persistentKeyValueStore("parcels"), Serdes.ByteArray(), Serdes.ByteArray())
                        .withCachingEnabled(),
                "fold");
        topology.addSink("milestones", arguments[2], "fold");
        KafkaStreams streams = new KafkaStreams(topology, config);
        streams.setUncaughtExceptionHandler(
                failure -> {
                    failure.printStackTrace();
                    Runtime.getRuntime().halt(1);
                    return null;
                });
        streams.start();
        DONE.await();
        streams.close(Duration.ofSeconds(60));
        double seconds = (System.nanoTime() - STARTED.get()) / 1e9;
        System.out.println("SPEED " + count / seconds);
    }

    private static Schema schema(String folder, String name) throws IOException {
        return new Schema.Parser().parse(Files.readString(Path.of(folder, name + ".avsc")));
    }

    /** What is kept of a parcel: last status, counter of milestones, and how often each kind was told. */
    private record State(String status, int sequence, String told) {
        static State of(byte[] stored) {
            if (stored == null) {
                return new State("", 0, "");
            }
            String[] parts = new String(stored, StandardCharsets.UTF_8).split("\\|", -1);
            return new State(parts[0], Integer.parseInt(parts[1]), parts[2]);
        }

        byte[] bytes() {
            return (status + "|" + sequence + "|" + told).getBytes(StandardCharsets.UTF_8);
        }
    }

    private static final class Fold implements Processor<byte[], byte[], byte[], byte[]> {
        private final Schema milestone;
        private final long count;
        private final GenericDatumReader<GenericRecord> reader;
        private final GenericDatumWriter<GenericRecord> writer;
        private final byte[] header;
        private final ByteArrayOutputStream out = new ByteArrayOutputStream(512);
        private ProcessorContext<byte[], byte[]> context;
        private KeyValueStore<byte[], byte[]> parcels;
        private BinaryDecoder decoder;
        private BinaryEncoder encoder;
        private GenericRecord scan;

        Fold(Schema scan, Schema milestone, long count) {
            this.milestone = milestone;
            this.count = count;
            this.reader = new GenericDatumReader<>(scan);
            this.writer = new GenericDatumWriter<>(milestone);
            this.header =
                    ByteBuffer.allocate(10)
                            .order(ByteOrder.LITTLE_ENDIAN)
                            .put((byte) 0xC3)
                            .put((byte) 1)
                            .putLong(SchemaNormalization.parsingFingerprint64(milestone))
                            .array();
        }

        @Override
        public void init(ProcessorContext<byte[], byte[]> context) {
            this.context = context;
            this.parcels = context.getStateStore("parcels");
        }

        @Override
        public void process(Record<byte[], byte[]> record) {
            STARTED.compareAndSet(0, System.nanoTime());
            scan = decoded(record.value());
            State state = State.of(parcels.get(record.key()));
            String status = scan.get("status").toString();
            boolean tells =
                    TOLD.contains(status)
                            && !status.equals(state.status())
                            && !(ONCE.contains(status) && state.told().contains(status));
            if (tells) {
                int sequence = state.sequence() + 1;
                context.forward(record.withValue(encoded(status, sequence, ordinal(state.told(), status))));
                parcels.put(record.key(), new State(status, sequence, state.told() + "," + status).bytes());
            } else {
                parcels.put(record.key(), new State(status, state.sequence(), state.told()).bytes());
            }
            if (SEEN.incrementAndGet() == count) {
                DONE.countDown();
            }
        }

        private static int ordinal(String told, String status) {
            int ordinal = 1;
            for (int at = told.indexOf(status); at >= 0; at = told.indexOf(status, at + 1)) {
                ordinal++;
            }
            return ordinal;
        }

        private GenericRecord decoded(byte[] value) {
            try {
                decoder = DecoderFactory.get().binaryDecoder(value, 10, value.length - 10, decoder);
                return reader.read(scan, decoder);
            } catch (IOException failure) {
                throw new UncheckedIOException(failure);
            }
        }

        private byte[] encoded(String status, int sequence, int ordinal) {
            GenericRecord told = new GenericData.Record(milestone);
            String carrier = scan.get("carrier").toString();
            String number = scan.get("number").toString();
            told.put("milestone_id", carrier + ":" + number + "#" + sequence);
            told.put("sequence", sequence);
            told.put("ordinal", ordinal);
            told.put("epoch", 1);
            told.put("action", symbol("action", "joined"));
            told.put("kind", symbol("kind", status));
            for (Schema.Field field : milestone.getFields()) {
                if (told.get(field.pos()) != null) {
                    continue;
                }
                if (scan.getSchema().getField(field.name()) != null) {
                    told.put(field.pos(), scan.get(field.name()));
                } else if (field.hasDefaultValue()) {
                    told.put(field.pos(), GenericData.get().getDefaultValue(field));
                }
            }
            try {
                out.reset();
                out.writeBytes(header);
                encoder = EncoderFactory.get().binaryEncoder(out, encoder);
                writer.write(told, encoder);
                encoder.flush();
                return out.toByteArray();
            } catch (IOException failure) {
                throw new UncheckedIOException(failure);
            }
        }

        private Object symbol(String field, String value) {
            return new GenericData.EnumSymbol(milestone.getField(field).schema(), value);
        }
    }
}
