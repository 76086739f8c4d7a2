-- EPCIS 2.0. A capture job is finished by the time it is answered, and commits with all that it says.
create table epcis_captures (
  id          uuid primary key,
  carrier     text not null references carriers,
  created_at  timestamptz not null default now(),
  behaviour   text not null check (behaviour in ('rollback', 'proceed')),
  success     boolean not null,
  events      integer not null,
  errors      jsonb not null
);
create index on epcis_captures (carrier, created_at desc);

-- Events of what may hold parcels, so that a packing that comes late still finds them. Each names the things that
-- it happened to; `payload` is the event without anything that was not checked.
create table epcis_events (
  carrier     text not null references carriers,
  event_id    text not null,
  things      text[] not null,
  occurred_at bigint not null,
  payload     jsonb not null,
  retracted   boolean not null default false,
  received_at timestamptz not null default now(),
  primary key (carrier, event_id)
);
create index on epcis_events using gin (things);
create index on epcis_events (received_at);

-- Which thing was put into which, and taken out again; an empty child is all that is in it.
create table epcis_packings (
  carrier  text not null,
  event_id text not null,
  parent   text not null,
  child    text not null,
  at       bigint not null,
  is_in    boolean not null,
  primary key (carrier, event_id, parent, child),
  foreign key (carrier, event_id) references epcis_events on delete cascade
);
create index on epcis_packings (carrier, parent);
create index on epcis_packings (carrier, child);

-- Which parcels an event was told of. What is taken back and holds again takes its next turn, with an id of its own.
create table epcis_effects (
  carrier  text not null,
  event_id text not null,
  thing    text not null,
  turn     integer not null,
  live     boolean not null,
  primary key (carrier, event_id, thing),
  foreign key (carrier, event_id) references epcis_events on delete cascade
);
