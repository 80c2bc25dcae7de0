//! Where settings come from.

use std::{
    io::{self, Read},
    path::Path,
};

/// A place that settings are read from, once.
pub trait Source {
    /// The value of a variable, if it is set.
    fn variable(&self, name: &str) -> Option<String>;

    /// The text of a file that a `*_FILE` variable names.
    ///
    /// # Errors
    /// As from the file system.
    fn file(&self, path: &Path) -> io::Result<String>;
}

/// In bytes.
const LARGEST_FILE: u64 = 1024 * 1024;

/// This process's environment variables and file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProcessEnvironment;

impl Source for ProcessEnvironment {
    #[allow(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn file(&self, path: &Path) -> io::Result<String> {
        let mut text = String::new();
        // No secret and no certificate is larger, whatever the path leads to.
        std::fs::File::open(path)?.take(LARGEST_FILE).read_to_string(&mut text)?;
        Ok(text)
    }
}
