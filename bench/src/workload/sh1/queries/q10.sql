-- Two tables over a window, on the days on which both are valid. Each version overlaps the window;
-- periods that overlap pairwise have a day in common, so no bound of the window is named again.
SELECT p.category, count(DISTINCT c.id), min(p.retail - c.cost), max(p.retail - c.cost)
FROM contracts FOR SYSTEM_TIME AS OF DATE '2024-12-26'
               FOR VALID_TIME FROM DATE '2024-05-30' TO DATE '2024-07-29' AS c
JOIN products FOR SYSTEM_TIME AS OF DATE '2024-12-26'
              FOR VALID_TIME FROM DATE '2024-05-30' TO DATE '2024-07-29' AS p
  ON p.id = c.pid
 AND (p._valid_to > c._valid_from OR p._valid_to IS NULL)
 AND (c._valid_to > p._valid_from OR c._valid_to IS NULL)
GROUP BY p.category
ORDER BY p.category
