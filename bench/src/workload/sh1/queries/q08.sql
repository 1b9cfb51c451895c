-- The book as of an earlier belief, in many groups.
SELECT sid, grade, count(*), min(cost), max(cost)
FROM contracts FOR SYSTEM_TIME AS OF DATE '2024-06-29' FOR VALID_TIME AS OF DATE '2024-06-15'
GROUP BY sid, grade
ORDER BY sid, grade
