-- The truth about a parcel: corrections, findings, and how well the delivery mode is known.

alter table parcels
  add column mode_evidence text,
  add column findings      text not null default '',
  add column awaits_scan   boolean not null default false,
  add column province      text,
  add column invited_at    bigint,
  add column invited_twice boolean not null default false,
  add column scans         integer not null default 0,
  add column full_at       bigint,
  add column deadlines     boolean not null default false,
  add column overdue       text not null default '',
  add column service       text,
  add column delivered_at  bigint;

-- Deadlines that were seen to pass: records of the log, few.
create table deadlines (
  parcel_key  text collate "C" not null,
  kind        text not null,
  deadline_at bigint not null,
  observed_at bigint not null,
  primary key (parcel_key, kind, deadline_at)
);

alter table registrations add column service text;
