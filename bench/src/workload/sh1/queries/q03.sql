-- Contract 1 over a window of valid time.
SELECT min(cost), max(cost), count(DISTINCT cost)
FROM contracts FOR SYSTEM_TIME AS OF DATE '2024-12-26'
               FOR VALID_TIME FROM DATE '2024-05-30' TO DATE '2024-07-29'
WHERE id = 1
