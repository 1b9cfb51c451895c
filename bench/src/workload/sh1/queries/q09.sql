-- Two tables as of one instant on both axes.
SELECT s.region, c.grade, count(*), sum(c.cost * c.qty)
FROM contracts FOR SYSTEM_TIME AS OF DATE '2024-12-26' FOR VALID_TIME AS OF DATE '2024-06-15' AS c
JOIN suppliers FOR SYSTEM_TIME AS OF DATE '2024-12-26' FOR VALID_TIME AS OF DATE '2024-06-15' AS s
  ON s.id = c.sid
GROUP BY s.region, c.grade
ORDER BY s.region, c.grade
