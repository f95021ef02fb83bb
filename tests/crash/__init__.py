"""Kills servers and workers, injects disk faults, and checks that no record is lost."""
