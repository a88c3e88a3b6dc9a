//! What users see, tested from outside.

mod yaml;
