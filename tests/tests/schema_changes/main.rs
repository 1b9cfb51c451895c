//! The columns of a table can be changed while it is read and written: rows from before are read through the entry of now, from memory,
//! log and segments alike, and no power cut leaves anything between before and after.

mod between;
mod crash;
mod stored;
mod types;
mod world;
