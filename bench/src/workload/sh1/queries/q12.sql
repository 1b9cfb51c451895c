-- What was there in one belief and is gone in a later one.
SELECT a.grade, count(*), sum(a.cost * a.qty)
FROM contracts FOR SYSTEM_TIME AS OF DATE '2024-06-29' FOR VALID_TIME AS OF DATE '2024-06-15' AS a
WHERE NOT EXISTS (
  SELECT 1
  FROM contracts FOR SYSTEM_TIME AS OF DATE '2024-09-27' FOR VALID_TIME AS OF DATE '2024-06-15' AS d
  WHERE d.id = a.id
)
GROUP BY a.grade
ORDER BY a.grade
