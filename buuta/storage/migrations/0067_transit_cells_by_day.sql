-- not transactional
create index concurrently if not exists transit_cells_by_day on transit_cells (day);
