"""Queries on the database, by subject; `transaction.Transaction` has them all. No rules here."""
