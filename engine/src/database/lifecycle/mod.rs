//! The life of partitions: they are taken out of the database and come back, by hand or as their table's retention says, unless a hold
//! forbids it. One of these operations runs at a time; reads, writes, flushes and compactions go on.

mod attach;
mod audit;
mod change;
mod depart;
mod departure;
mod found;
mod handle;
mod hold;
mod list;
mod relocate;
mod retention;
mod seal;

pub use audit::AuditRecord;
pub(super) use audit::Auditor;
pub use change::PartitionChange;
pub use hold::Hold;
pub use list::PartitionInfo;
pub use retention::Retention;
