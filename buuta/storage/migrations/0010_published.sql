-- What changed and is not in the compacted topics yet, written in the transaction that changed it.
create table unpublished_cells (
  id       bigint generated always as identity primary key,
  carrier  text not null,
  service  text not null,
  province text not null,
  commune  text not null,
  day      date not null
);
create table unpublished_parcels (
  id         bigint generated always as identity primary key,
  parcel_key text collate "C" not null
);
