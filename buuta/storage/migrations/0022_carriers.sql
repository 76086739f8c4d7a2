-- The register of carriers: what a ministry asks for, and which of them are posts. Posts hand S10 items over to each
-- other, so a number of theirs is one parcel under the key s10:NUMBER, and each scan says who reported it.
alter table carriers
  add column legal_name     text,
  add column licence        text,
  add column contact_role   text,
  add column time_zone      text not null default 'Asia/Ho_Chi_Minh',
  add column service_levels text[] not null default '{}',
  add column is_post        boolean not null default false,
  add column status         text not null default 'active' check (status in ('active', 'suspended', 'ended'));

alter table scans
  add column reporter text;
alter table parcels
  add column credited text;
alter table past_parcels
  add column credited text;
