-- What was received when: rows come in the order of their receipt, so a few bytes a megabyte lead to a minute.
create index scans_by_receipt on scans using brin (received_at) with (pages_per_range = 32);
