CREATE OR REPLACE VIEW otel_logs AS
SELECT
    Timestamp,
    TraceId,
    SpanId,
    TraceFlags,
    SeverityText,
    SeverityNumber,
    ServiceName,
    Body,
    '' AS ResourceSchemaUrl,
    map('service.name', toString(ServiceName), 'service.version', ServiceVersion, 'deployment.environment', Environment) AS ResourceAttributes,
    '' AS ScopeSchemaUrl,
    '' AS ScopeName,
    '' AS ScopeVersion,
    CAST(map(), 'Map(String, String)') AS ScopeAttributes,
    LogAttributes
FROM logs
