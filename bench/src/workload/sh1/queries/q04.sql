-- What was corrected between two beliefs.
SELECT a.id, a.cost AS cost_a, b.cost AS cost_b, a.qty AS qty_a, b.qty AS qty_b
FROM contracts FOR SYSTEM_TIME AS OF DATE '2024-06-29' FOR VALID_TIME AS OF DATE '2024-06-15' AS a
JOIN contracts FOR SYSTEM_TIME AS OF DATE '2024-12-26' FOR VALID_TIME AS OF DATE '2024-06-15' AS b
  ON a.id = b.id
WHERE a.cost <> b.cost OR a.qty <> b.qty
ORDER BY a.id
