//! Systems the console reads: wire types, map to domain, requests. The contract lives here.
