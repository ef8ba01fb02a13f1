CREATE TABLE IF NOT EXISTS metrics_sum
(
    ProjectId              UInt32,
    ServiceName            LowCardinality(String),
    MetricName             String CODEC(ZSTD(1)),
    MetricDescription      String CODEC(ZSTD(1)),
    MetricUnit             String CODEC(ZSTD(1)),
    Attributes             Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    StartTimestamp         DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    Timestamp              DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    MetricType             LowCardinality(String),
    Flags                  UInt32,
    Exemplars              Nested(Attributes Map(LowCardinality(String), String), Timestamp DateTime64(9), Value Float64, SpanID String, TraceID String, SecureSessionID String),
    Value                  Float64 CODEC(ZSTD(1)),
    AggregationTemporality Int32,
    IsMonotonic            Bool,
    INDEX idx_key mapKeys(Attributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_value mapValues(Attributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_session `Exemplars.SecureSessionID` TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toDate(Timestamp)
ORDER BY (ProjectId, MetricName, Timestamp)
TTL toDateTime(Timestamp) + INTERVAL 30 DAY
