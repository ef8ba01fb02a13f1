CREATE OR REPLACE VIEW sessions AS
SELECT
    ProjectId,
    SecureSessionId,
    min(Timestamp) AS FirstSeen,
    max(Timestamp) AS LastSeen,
    countIf(Kind = 'log') AS Logs,
    countIf(Kind = 'span') AS Spans,
    countIf(Kind = 'error') AS Errors,
    arraySort(groupUniqArrayIf(ServiceName, ServiceName != '')) AS Services
FROM
(
    SELECT ProjectId, SecureSessionId, Timestamp, toString(ServiceName) AS ServiceName, 'log' AS Kind FROM logs
    UNION ALL
    SELECT ProjectId, SecureSessionId, Timestamp, toString(ServiceName) AS ServiceName, 'span' AS Kind FROM traces
    UNION ALL
    SELECT ProjectId, SecureSessionId, Timestamp, toString(ServiceName) AS ServiceName, 'error' AS Kind FROM errors
)
WHERE SecureSessionId != ''
GROUP BY ProjectId, SecureSessionId
