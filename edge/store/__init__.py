"""What is kept: ledger, station, evidence (SQLite) and model packages (folders). The only importer of sqlite3."""
