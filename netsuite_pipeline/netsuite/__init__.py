"""SOURCE: NetSuite over SuiteTalk REST. Authentication, client, queries, measuring and reading."""
