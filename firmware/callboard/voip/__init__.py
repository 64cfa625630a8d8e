"""Calls between this device and a phone: the device's side of documents 000 and 003."""
