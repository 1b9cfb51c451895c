//! An index changes no answer, makes scans touch less, survives power cuts while it is made and dropped, and is listed with its use.
//!
//! Answers are compared with those of a database that has no index. How much a scan touches is counted. The power is cut, and calls fail,
//! at every call of the disk that the making and the dropping of an index make.

mod answers;
mod beside;
mod catalogue;
mod crash;
mod damage;
mod goods;
mod partitions;
mod pruning;
mod types;
