-- The truth about a parcel: corrections, findings, and how well the delivery mode is known.

alter table parcels
  add column mode_evidence text,
  add column findings      text not null default '',
  add column corrected     boolean not null default false,
  add column province      text,
  add column invited_at    bigint,
  add column invited_twice boolean not null default false,
  add column scans         integer not null default 0,
  add column full_at       bigint;
