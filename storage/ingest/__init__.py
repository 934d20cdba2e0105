"""From raw tables to integer ids, splits and a catalogue."""
