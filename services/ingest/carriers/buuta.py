"""Buuta's own format: the codes are the canonical statuses."""

from buuta.model.statuses import Status
from services.ingest.domain.item import read_item
from services.ingest.domain.recipe import CodeRow, Recipe

RECIPE = Recipe(
    format="buuta",
    version="1",
    codes={status.value: CodeRow(status) for status in Status},
    parse=read_item,
)
