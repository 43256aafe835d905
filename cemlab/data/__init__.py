"""Getting data in and counted: contract, engine, company, counts and public data sets."""
