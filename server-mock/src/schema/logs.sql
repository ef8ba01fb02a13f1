CREATE TABLE IF NOT EXISTS logs
(
    Timestamp       DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    UUID            UUID,
    TraceId         String CODEC(ZSTD(1)),
    SpanId          String CODEC(ZSTD(1)),
    TraceFlags      UInt32,
    SeverityText    LowCardinality(String),
    SeverityNumber  Int32,
    ServiceName     LowCardinality(String),
    Body            String CODEC(ZSTD(1)),
    LogAttributes   Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ProjectId       UInt32,
    SecureSessionId String CODEC(ZSTD(1)),
    Source          String,
    ServiceVersion  String,
    Environment     String,
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_session SecureSessionId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_key mapKeys(LogAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_value mapValues(LogAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_body Body TYPE tokenbf_v1(32768, 3, 0) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toDate(Timestamp)
ORDER BY (ProjectId, Timestamp, UUID)
TTL toDateTime(Timestamp) + INTERVAL 30 DAY
