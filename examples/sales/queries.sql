-- all-changes: every change that landed, oldest first within an order
SELECT orderid,
       cdc_event,
       cdc_sequence,
       from_unixtime(cdc_time) AS changed_at,
       product_name,
       quantity,
       price
FROM orders
ORDER BY orderid, length(cdc_sequence), cdc_sequence;

-- current-orders: the newest state of each order, deleted ones left out
SELECT orderid, product_name, quantity, price
FROM (
  SELECT *,
         row_number() OVER (
           PARTITION BY orderid
           ORDER BY length(cdc_sequence) DESC, cdc_sequence DESC
         ) AS newest
  FROM orders
) AS history
WHERE newest = 1 AND cdc_event <> 'REMOVE'
ORDER BY orderid;

-- sales-by-product: what the current orders are worth
SELECT product_name,
       count(*) AS orders,
       sum(quantity) AS units,
       CAST(sum(quantity * price) AS decimal(18, 2)) AS revenue
FROM (
  SELECT *,
         row_number() OVER (
           PARTITION BY orderid
           ORDER BY length(cdc_sequence) DESC, cdc_sequence DESC
         ) AS newest
  FROM orders
) AS history
WHERE newest = 1 AND cdc_event <> 'REMOVE'
GROUP BY product_name
ORDER BY revenue DESC, product_name;
