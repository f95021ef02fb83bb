"""Kills servers and workers, breaks disks, and looks whether anything was lost."""
