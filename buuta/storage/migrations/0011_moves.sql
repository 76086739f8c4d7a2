-- How far a log was copied to another one, with another number of partitions: buuta/audit/move.py.
create table moves (
  topic     text not null,
  target    text not null,
  partition integer not null,
  position  bigint not null,
  primary key (topic, target, partition)
);
