"""Modwarden: the guard in the conduit between zones, for Modbus."""
