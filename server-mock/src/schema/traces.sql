CREATE TABLE IF NOT EXISTS traces
(
    Timestamp           DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    UUID                UUID,
    TraceId             String CODEC(ZSTD(1)),
    SpanId              String CODEC(ZSTD(1)),
    ParentSpanId        String CODEC(ZSTD(1)),
    ProjectId           UInt32,
    SecureSessionId     String CODEC(ZSTD(1)),
    TraceState          String,
    SpanName            LowCardinality(String),
    SpanKind            LowCardinality(String),
    Duration            Int64,
    ServiceName         LowCardinality(String),
    ServiceVersion      String,
    TraceAttributes     Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    StatusCode          LowCardinality(String),
    StatusMessage       String,
    Events              Nested(Timestamp DateTime64(9), Name LowCardinality(String), Attributes Map(LowCardinality(String), String)),
    Links               Nested(TraceId String, SpanId String, TraceState String, Attributes Map(LowCardinality(String), String)),
    Environment         String,
    HasErrors           Bool,
    HttpAttributes      Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ProcessAttributes   Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    OsAttributes        Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    TelemetryAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    DbAttributes        Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_session SecureSessionId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_key mapKeys(TraceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_value mapValues(TraceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_http_key mapKeys(HttpAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_http_value mapValues(HttpAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_duration Duration TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toDate(Timestamp)
ORDER BY (ProjectId, Timestamp, UUID)
TTL toDateTime(Timestamp) + INTERVAL 30 DAY
