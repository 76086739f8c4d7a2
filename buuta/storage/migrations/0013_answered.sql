-- What an API key's Idempotency-Key was answered; a day.
create table answered (
  asker        text not null,
  key          text not null,
  request_hash bytea not null,
  answer       bytea not null,
  answered_at  timestamptz not null default now(),
  primary key (asker, key)
);
create index answered_by_age on answered (answered_at);
