//! Numbers into what is printed.

use std::time::Duration;

/// The middle one of a few figures.
pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Times of many requests.
#[derive(Debug, Default)]
pub(crate) struct Latencies(Vec<Duration>);

impl Latencies {
    pub(crate) fn of(mut all: Vec<Duration>) -> Self {
        all.sort_unstable();
        Self(all)
    }

    /// In milliseconds; `share` of 0.99 is the 99th percentile, 1 the largest.
    pub(crate) fn at(&self, share: f64) -> f64 {
        let last = self.0.len().saturating_sub(1);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "an index")]
        let index = (last as f64 * share).round() as usize;
        self.0.get(index).map_or(f64::NAN, |time| time.as_secs_f64() * 1000.0)
    }

    /// `p50 1.2, p99 3.4, max 5.6`.
    pub(crate) fn summary(&self, shares: &[(&str, f64)]) -> String {
        shares.iter().map(|(name, share)| format!("{name} {:.1}", self.at(*share))).collect::<Vec<_>>().join(", ")
    }
}

/// One line of the table.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) ours: String,
    pub(crate) ceiling: String,
    pub(crate) ratio: String,
}

impl Row {
    /// A rate beside the ceiling that was measured in the same run.
    pub(crate) fn rate(what: impl Into<String>, unit: &str, ours: f64, ceiling: f64) -> Self {
        Self {
            what: what.into(),
            ours: format!("{ours:.0} {unit}"),
            ceiling: format!("{ceiling:.0} {unit}"),
            ratio: format!("{:.0} %", ours / ceiling * 100.0),
        }
    }

    /// A figure that has no ceiling.
    pub(crate) fn alone(what: impl Into<String>, ours: impl Into<String>) -> Self {
        Self { what: what.into(), ours: ours.into(), ceiling: "-".into(), ratio: "-".into() }
    }
}

/// Markdown, for docs/performance.md.
pub(crate) fn table(rows: &[Row]) -> String {
    let mut text = String::from("| what | salon-core | pgbench | ratio |\n|---|---|---|---|\n");
    for row in rows {
        text.push_str(&format!("| {} | {} | {} | {} |\n", row.what, row.ours, row.ceiling, row.ratio));
    }
    text
}

/// Load average of the last minute, where the system tells.
pub(crate) fn load_average() -> Option<f64> {
    std::fs::read_to_string("/proc/loadavg").ok()?.split(' ').next()?.parse().ok()
}

#[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
pub(crate) fn per_second(count: usize, elapsed: Duration) -> f64 {
    count as f64 / elapsed.as_secs_f64()
}
