CREATE OR REPLACE VIEW otel_traces AS
SELECT
    Timestamp,
    TraceId,
    SpanId,
    ParentSpanId,
    TraceState,
    SpanName,
    SpanKind,
    ServiceName,
    mapConcat(
        map('service.name', toString(ServiceName), 'service.version', ServiceVersion, 'deployment.environment', Environment),
        ProcessAttributes, OsAttributes, TelemetryAttributes
    ) AS ResourceAttributes,
    '' AS ScopeName,
    '' AS ScopeVersion,
    mapConcat(TraceAttributes, HttpAttributes, DbAttributes) AS SpanAttributes,
    toUInt64(Duration) AS Duration,
    StatusCode,
    StatusMessage,
    `Events.Timestamp`,
    `Events.Name`,
    `Events.Attributes`,
    `Links.TraceId`,
    `Links.SpanId`,
    `Links.TraceState`,
    `Links.Attributes`
FROM traces
