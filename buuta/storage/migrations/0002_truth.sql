-- The truth about a parcel: corrections, findings, and how well the delivery mode is known.

alter table parcels
  add column mode_evidence text,
  add column findings      text not null default '',
  add column corrected     boolean not null default false;
