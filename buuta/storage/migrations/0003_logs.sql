-- How many partitions each log had when its first record was applied: the key leads to one of them.
create table logs (
  topic      text primary key,
  partitions integer not null
);
