"""MirrorMaker 2 between two environments: records and offsets compared, moving over and back rehearsed."""
