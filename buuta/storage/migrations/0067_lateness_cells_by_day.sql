-- not transactional
create index concurrently if not exists lateness_cells_by_day on lateness_cells (day);
