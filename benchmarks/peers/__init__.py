"""Other systems doing the same work: decode Avro, keep state per parcel, tell milestones."""
