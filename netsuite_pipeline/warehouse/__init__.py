"""The destination: tables, engine and the loader that makes a batch of them equal to NetSuite's."""
