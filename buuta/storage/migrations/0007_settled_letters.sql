-- Dead letters that nobody needs to look at again; the letters themselves stay in their topic.
create table settled_letters (
  number     bigint primary key,
  how        text not null check (how in ('dropped', 'replayed')),
  why        text not null,
  settled_at timestamptz not null default now()
);
