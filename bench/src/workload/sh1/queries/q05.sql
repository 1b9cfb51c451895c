-- Contract 1 as it was believed at every epoch: its versions, laid over the epochs.
WITH epochs AS (
  SELECT CAST(row_number() OVER (ORDER BY value) AS BIGINT) - 1 AS epoch, value AS instant
  FROM generate_series(TIMESTAMP '2024-01-01', TIMESTAMP '2024-12-26', INTERVAL '15' DAY)
)
SELECT e.epoch, c.cost, c.qty
FROM epochs AS e
JOIN contracts FOR SYSTEM_TIME ALL FOR VALID_TIME AS OF DATE '2024-06-15' AS c
  ON c._system_from <= e.instant AND (c._system_to > e.instant OR c._system_to IS NULL)
WHERE c.id = 1
ORDER BY e.epoch
