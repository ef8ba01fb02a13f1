CREATE TABLE IF NOT EXISTS errors
(
    Timestamp       DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    UUID            UUID,
    ProjectId       UInt32,
    SecureSessionId String CODEC(ZSTD(1)),
    TraceId         String CODEC(ZSTD(1)),
    SpanId          String CODEC(ZSTD(1)),
    LogUUID         UUID,
    Type            LowCardinality(String),
    Message         String CODEC(ZSTD(1)),
    Stacktrace      String CODEC(ZSTD(1)),
    Frames          String CODEC(ZSTD(1)),
    Fingerprint     String,
    Payload         String CODEC(ZSTD(1)),
    ServiceName     LowCardinality(String),
    ServiceVersion  String,
    Environment     String,
    Url             String,
    Source          String,
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_session SecureSessionId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_fingerprint Fingerprint TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_message Message TYPE tokenbf_v1(32768, 3, 0) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toDate(Timestamp)
ORDER BY (ProjectId, Timestamp, UUID)
TTL toDateTime(Timestamp) + INTERVAL 30 DAY
