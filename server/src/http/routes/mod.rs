//! One file a subject; each handler stands beside its description.

pub(crate) mod health;
pub(crate) mod openapi;
pub(crate) mod partitions;
pub(crate) mod rows;
pub(crate) mod sql;
pub(crate) mod tables;
