-- The book as of one instant on both axes.
SELECT grade, count(*), sum(qty), sum(cost * qty)
FROM contracts FOR SYSTEM_TIME AS OF DATE '2024-12-26' FOR VALID_TIME AS OF DATE '2024-06-15'
GROUP BY grade
ORDER BY grade
