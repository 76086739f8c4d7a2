-- Service points, hubs and lockers: a scan's facility gives it its place. Units are those since 1 July 2025.
create table facilities (
  carrier       text not null references carriers,
  code          text not null,
  kind          text not null check (kind in ('service_point', 'hub', 'locker')),
  name          text not null,
  province      text not null,
  commune       text not null,
  latitude      double precision,
  longitude     double precision,
  connected     boolean not null,
  opening_hours text,
  units         text not null,
  updated_at    timestamptz not null default now(),
  primary key (carrier, code)
);
