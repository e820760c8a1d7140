//! Message corpora that the benchmarks share.
