//! Plans as the server itself logs them (auto_explain): of the very statements that the program and its SQL functions run, under the
//! application's role and its row-level security. No statement is copied here, so none can drift.

use std::path::{Path, PathBuf};

use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::Result;

/// One statement's plan.
pub(crate) struct Plan {
    pub(crate) query: String,
    plan: Value,
    pub(crate) millis: f64,
}

impl Plan {
    /// Each way a table is read, with its index: `Index Scan job_ready, Seq Scan connection`.
    pub(crate) fn reads(&self) -> String {
        let mut reads = Vec::new();
        collect(&self.plan, &mut reads);
        let mut seen = Vec::new();
        for read in reads {
            if !seen.contains(&read) {
                seen.push(read);
            }
        }
        if seen.is_empty() { "no table".into() } else { seen.join(", ") }
    }

    /// Rows that the filters of scans threw away: work that an index could have saved.
    pub(crate) fn filtered(&self) -> f64 {
        sum(&self.plan, "Rows Removed by Filter")
    }
}

fn collect(node: &Value, reads: &mut Vec<String>) {
    // A node that was never run tells nothing.
    if node["Actual Loops"].as_f64() == Some(0.0) {
        return;
    }
    if let Some(kind) = node["Node Type"].as_str().filter(|kind| kind.contains("Scan")) {
        let name = node["Index Name"].as_str().or_else(|| node["Relation Name"].as_str());
        if let Some(name) = name {
            reads.push(format!("{kind} `{name}`"));
        }
    }
    for child in node["Plans"].as_array().into_iter().flatten() {
        collect(child, reads);
    }
}

fn sum(node: &Value, what: &str) -> f64 {
    let loops = node["Actual Loops"].as_f64().unwrap_or(1.0);
    let own = node[what].as_f64().unwrap_or(0.0) * loops;
    own + node["Plans"].as_array().into_iter().flatten().map(|child| sum(child, what)).sum::<f64>()
}

/// Makes the server log the plan of everything the application's role runs from its next connection on.
pub(crate) async fn log_plans(superuser_url: &str, on: bool) -> Result<()> {
    let mut superuser = PgConnection::connect(superuser_url).await?;
    let settings = [
        ("session_preload_libraries", "auto_explain"),
        ("auto_explain.log_min_duration", "0"),
        ("auto_explain.log_analyze", "on"),
        ("auto_explain.log_nested_statements", "on"),
        ("auto_explain.log_format", "json"),
        // Statements that were bound to values could hold anything; here they are our own.
        ("auto_explain.log_timing", "on"),
    ];
    sqlx::query("load 'auto_explain'").execute(&mut superuser).await?;
    for (name, value) in settings {
        let change = if on { format!("set {name} = '{value}'") } else { format!("reset {name}") };
        sqlx::query(AssertSqlSafe(format!("alter role salon_app {change}"))).execute(&mut superuser).await?;
    }
    Ok(())
}

/// Reads what the server has logged since the last look.
pub(crate) struct ServerLog {
    path: PathBuf,
    read: usize,
}

impl ServerLog {
    pub(crate) fn new(path: &Path) -> Result<Self> {
        Ok(Self { path: path.to_owned(), read: std::fs::read(path)?.len() })
    }

    /// The plans that came since the last look.
    pub(crate) fn plans(&mut self) -> Result<Vec<Plan>> {
        let bytes = std::fs::read(&self.path)?;
        let text = String::from_utf8_lossy(bytes.get(self.read..).unwrap_or_default()).into_owned();
        self.read = bytes.len();
        let (mut plans, mut lines) = (Vec::new(), text.lines().peekable());
        while let Some(line) = lines.next() {
            let Some((_, duration)) = line.split_once("LOG:  duration: ") else { continue };
            let Some(millis) = duration.strip_suffix(" ms  plan:") else { continue };
            let mut json = String::new();
            while let Some(more) = lines.next_if(|line| line.starts_with('\t')) {
                json.push_str(more);
                json.push('\n');
            }
            let logged: Value = serde_json::from_str(&json)?;
            let query = logged["Query Text"].as_str().unwrap_or_default().to_owned();
            plans.push(Plan { query, plan: logged["Plan"].clone(), millis: millis.parse()? });
        }
        Ok(plans)
    }
}
