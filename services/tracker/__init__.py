"""The tracker: parcel events in; every parcel's state, milestones and rate cells out."""
