"""What can be done to the core records, for every API family: read what a change rests on, decide, stage the writes."""
