-- The book on every day of a window. Versions valid over the same days of it are added up first, and
-- only then laid over the days.
WITH days AS (
  SELECT CAST(row_number() OVER (ORDER BY value) AS BIGINT) + 149 AS day, value AS instant
  FROM generate_series(TIMESTAMP '2024-05-30', TIMESTAMP '2024-07-28', INTERVAL '1' DAY)
),
periods AS (
  SELECT grade,
         greatest(_valid_from, TIMESTAMP '2024-05-30') AS valid_from,
         least(_valid_to, TIMESTAMP '2024-07-29') AS valid_to,
         count(*) AS row_count, sum(cost * qty) AS exposure
  FROM contracts FOR SYSTEM_TIME AS OF DATE '2024-12-26'
                 FOR VALID_TIME FROM DATE '2024-05-30' TO DATE '2024-07-29'
  GROUP BY 1, 2, 3
)
SELECT d.day, p.grade, sum(p.row_count), sum(p.exposure)
FROM days AS d
JOIN periods AS p ON p.valid_from <= d.instant AND p.valid_to > d.instant
GROUP BY d.day, p.grade
ORDER BY d.day, p.grade
