-- Elements of background loops that fail alone: buuta/storage/set_aside.py. What is to be sent in an order has its
-- key and number, and is kept here itself; of others only the name is noted. Whose `next_at` is null waits for hands.
create table set_aside (
  loop    text not null,
  element text collate "C" not null,
  number  bigint not null default 0,
  place   text not null default '',
  key     bytea,
  payload bytea,
  reason  text not null,
  tries   integer not null default 0,
  since   timestamptz not null default now(),
  next_at timestamptz default now(),
  primary key (loop, element)
);
create index set_aside_by_key on set_aside (loop, place, key, number) where key is not null;
create index set_aside_due on set_aside (loop, next_at);
