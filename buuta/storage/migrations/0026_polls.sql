-- Carriers that only answer questions: where they are asked, how often, and up to where their answers were taken.
create table polls (
  carrier       text primary key references carriers,
  url           text not null,
  secret        bytea,
  every_seconds integer not null check (every_seconds >= 1),
  position      text not null default '',
  next_at       timestamptz not null default now(),
  leased_until  timestamptz not null default now(),
  failures      integer not null default 0,
  last_at       timestamptz,
  last_error    text
);
