//! What databases are opened with: object storage beside the file system, if the build has it.

use annals_engine::Options;

/// The options that every command starts from.
pub(crate) fn options() -> Options {
    #[cfg(feature = "object-store")]
    {
        use annals_engine::disk::RealDisk;
        use annals_objects::ObjectDisk;
        let disk = ObjectDisk::over(std::sync::Arc::new(RealDisk::default()));
        Options::default().disk(std::sync::Arc::new(disk))
    }
    #[cfg(not(feature = "object-store"))]
    Options::default()
}
