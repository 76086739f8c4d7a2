-- Of a parcel that has more scans than steer: whose scan was the first that does not.
alter table parcels
  add column full_by text;
alter table past_parcels
  add column full_by text;
