-- All contracts as believed at every epoch. Versions believed over the same period are added up
-- first: there are few such periods, and only they are laid over the epochs.
WITH epochs AS (
  SELECT CAST(row_number() OVER (ORDER BY value) AS BIGINT) - 1 AS epoch, value AS instant
  FROM generate_series(TIMESTAMP '2024-01-01', TIMESTAMP '2024-12-26', INTERVAL '15' DAY)
),
periods AS (
  SELECT grade, _system_from, _system_to, count(*) AS row_count, sum(qty) AS qty
  FROM contracts FOR SYSTEM_TIME ALL FOR VALID_TIME AS OF DATE '2024-06-15'
  GROUP BY grade, _system_from, _system_to
)
SELECT e.epoch, p.grade, sum(p.row_count), sum(p.qty)
FROM epochs AS e
JOIN periods AS p
  ON p._system_from <= e.instant AND (p._system_to > e.instant OR p._system_to IS NULL)
GROUP BY e.epoch, p.grade
ORDER BY e.epoch, p.grade
