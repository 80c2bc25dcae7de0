//! How logs are written.

use tracing_subscriber::EnvFilter;

use super::{
    reader::Reader,
    settings::{SALON_LOG, SALON_LOG_FORMAT},
};

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object per line, for machines.
    Json,
    /// For people.
    Text,
}

/// How logs are written.
#[derive(Debug, Clone)]
pub struct Log {
    /// What is written: directives of `tracing_subscriber::EnvFilter`.
    pub filter: String,
    /// In which form.
    pub format: LogFormat,
}

impl Log {
    pub(super) fn read(from: &mut Reader<'_>) -> Option<Self> {
        let filter = from.required(&SALON_LOG, |text| EnvFilter::try_new(text).is_ok().then(|| text.to_owned()));
        let format = from.required(&SALON_LOG_FORMAT, |text| match text {
            "json" => Some(LogFormat::Json),
            "text" => Some(LogFormat::Text),
            _ => None,
        });
        Some(Self { filter: filter?, format: format? })
    }
}
