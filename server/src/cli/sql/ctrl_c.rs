//! Ctrl-C, heard from a moment that is known.
//!
//! `tokio::signal::ctrl_c` hears from when it is first polled, so that whatever was told before can be answered by a Ctrl-C that
//! still ends the process.

use crate::error::Result;

#[cfg(unix)]
type Source = tokio::signal::unix::Signal;
#[cfg(windows)]
type Source = tokio::signal::windows::CtrlC;

/// Hears each Ctrl-C, which from then on no longer ends the process.
#[derive(Debug)]
pub(super) struct CtrlC(Source);

impl CtrlC {
    /// Hears from now on. Must be called on a runtime.
    pub(super) fn hear() -> Result<CtrlC> {
        #[cfg(unix)]
        let source = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())?;
        #[cfg(windows)]
        let source = tokio::signal::windows::ctrl_c()?;
        Ok(CtrlC(source))
    }

    /// Waits for one, or for several that came close together; `false` if there can be none any more.
    pub(super) async fn next(&mut self) -> bool {
        self.0.recv().await.is_some()
    }
}
