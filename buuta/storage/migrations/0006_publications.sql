-- Published figures: versions are added, none is ever changed.
create table publications (
  number       bigint generated always as identity primary key,
  published_at timestamptz not null default now(),
  last_day     date not null,
  rules        text not null,
  positions    jsonb not null
);

create table published_figures (
  carrier                 text not null,
  service                 text not null,
  province                text not null,
  commune                 text not null,
  day                     date not null,
  version                 integer not null,
  publication             bigint not null references publications,
  accepted                bigint not null,
  delivered_to_address    bigint not null,
  delivered_at_point      bigint not null,
  delivered_as_asked      bigint not null,
  delivered_unknown_mode  bigint not null,
  returned                bigint not null,
  lost                    bigint not null,
  delivered_first_attempt bigint not null,
  promised                bigint not null,
  on_time                 bigint not null,
  primary key (carrier, day, service, province, commune, version)
);

create function published_for_good() returns trigger language plpgsql as $$
begin
  raise exception 'what is published is never changed or deleted: publish a new version';
end
$$;
create trigger published_for_good before update or delete or truncate on published_figures
  for each statement execute function published_for_good();
create trigger published_for_good before update or delete or truncate on publications
  for each statement execute function published_for_good();
