"""NetSuite row -> typed row, or a rejection with its reason. Pure: no input, no output, no clock."""
