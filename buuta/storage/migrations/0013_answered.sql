-- What a carrier's Idempotency-Key was answered; a day.
create table answered (
  carrier      text not null,
  key          text not null,
  request_hash bytea not null,
  answer       bytea not null,
  answered_at  timestamptz not null default now(),
  primary key (carrier, key)
);
create index answered_by_age on answered (answered_at);
