-- How much a carrier reported in each hour, by whatever door, and when last: its habit, and whether it is silent.
create table report_hours (
  carrier  text not null,
  hour     timestamptz not null,
  reports  bigint not null,
  unmapped bigint not null,
  refused  bigint not null,
  last_at  timestamptz not null,
  primary key (carrier, hour)
);
create index on report_hours (hour);

-- Nobody is told of what happened before: parcels that were under way when a carrier began to report.
alter table carriers
  add column tells_from timestamptz;

-- What a carrier says that it handed over or reported, to be held against what was seen.
create table manifests (
  carrier     text not null references carriers,
  manifest    text not null,
  pieces      integer not null,
  code        text,
  since       bigint not null,
  until       bigint not null,
  numbers     text[] not null,
  seen        integer,
  checked_at  timestamptz,
  declared_at timestamptz not null default now(),
  primary key (carrier, manifest)
);
create index on manifests (declared_at);
