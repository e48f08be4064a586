"""What a job writes: the tracks of a clip, their packs, and where an interrupted job goes on."""
