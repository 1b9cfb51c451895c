-- Contract 1 as of today's belief.
SELECT id, cost, qty, grade
FROM contracts FOR SYSTEM_TIME AS OF DATE '2024-12-26' FOR VALID_TIME AS OF DATE '2024-06-15'
WHERE id = 1
