//! What a server tells on standard error: a line of text or a JSON object for each event.
//!
//! What Annals tells is told from the configured level on, what libraries tell from `warn` on.

use tracing::level_filters::LevelFilter;
use tracing::{Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, Registry};

use crate::config::{LogConfig, LogFormat, LogLevel};
use crate::error::{Failure, Result};

/// Our crates; a target that begins so is ours.
const OURS: &str = "annals";

/// Has all events told on standard error from now on. Once in a process.
pub(crate) fn set_up(config: &LogConfig) -> Result<()> {
    tracing::subscriber::set_global_default(subscriber(config, std::io::stderr))
        .map_err(|error| Failure::new(format!("logging: {error}")))
}

fn subscriber<W>(config: &LogConfig, writer: W) -> impl Subscriber + Send + Sync + use<W>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let layer = fmt::layer().with_writer(writer);
    let layer: Box<dyn Layer<Registry> + Send + Sync> = match config.format {
        LogFormat::Text => Box::new(layer.with_filter(filter(config.level))),
        LogFormat::Json => Box::new(layer.json().with_filter(filter(config.level))),
    };
    Registry::default().with(layer)
}

fn filter(level: LogLevel) -> Targets {
    let level = match level {
        LogLevel::Error => Level::ERROR,
        LogLevel::Warn => Level::WARN,
        LogLevel::Info => Level::INFO,
        LogLevel::Debug => Level::DEBUG,
        LogLevel::Trace => Level::TRACE,
    };
    let of_others = LevelFilter::from_level(level).min(LevelFilter::WARN);
    Targets::new().with_default(of_others).with_target(OURS, level)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// What is told of a few events.
    fn told(format: LogFormat, level: LogLevel) -> Vec<String> {
        let lines = Lines::default();
        let writer = lines.clone();
        let config = LogConfig { format, level };
        tracing::subscriber::with_default(subscriber(&config, move || writer.clone()), || {
            tracing::error!(target: "hyper::proto", "theirs failed");
            tracing::info!(target: "hyper::proto", "theirs went on");
            tracing::warn!(target: "annals_engine::wal", "ours is slow");
            tracing::debug!(target: "annals_server::http", query = "a\nb", "ours began");
        });
        let text = String::from_utf8(lines.0.lock().clone()).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[track_caller]
    fn check(level: LogLevel, expect: &[&str]) {
        let lines = told(LogFormat::Text, level);
        assert_eq!(lines.len(), expect.len(), "{lines:?}");
        for (line, expect) in lines.iter().zip(expect) {
            assert!(line.contains(expect), "{line}");
        }
    }

    #[test]
    fn ours_are_told_from_the_level_on_and_theirs_from_warnings_on() {
        check(LogLevel::Error, &["theirs failed"]);
        check(LogLevel::Info, &["theirs failed", "ours is slow"]);
        check(LogLevel::Debug, &["theirs failed", "ours is slow", "ours began"]);
        check(LogLevel::Trace, &["theirs failed", "ours is slow", "ours began"]);
    }

    #[test]
    fn json_is_an_object_a_line() {
        let lines = told(LogFormat::Json, LogLevel::Debug);
        let last: serde_json::Value = serde_json::from_str(&lines[2]).unwrap();
        assert_eq!(last["level"], "DEBUG");
        assert_eq!(last["target"], "annals_server::http");
        assert_eq!(last["fields"]["message"], "ours began");
        assert_eq!(last["fields"]["query"], "a\nb");
    }
}
