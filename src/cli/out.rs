//! Where a command writes. Whoever reads may go away (`salon-core tenant apply … | head -1`): the command then finishes its work and
//! exits as if all had been read. `println!` would panic at the next line, since Rust ignores SIGPIPE, and letting the signal kill
//! the process would leave `tenant apply --register` halfway.

use std::{
    fmt,
    io::{self, ErrorKind, Write},
    process::ExitCode,
    sync::OnceLock,
};

/// Why standard output could not be written, if it could not and somebody still reads it: a full disk, for example.
static LOST: OnceLock<ErrorKind> = OnceLock::new();

/// `println!` for commands.
macro_rules! say {
    ($($text:tt)*) => { $crate::cli::out::line(format_args!($($text)*)) };
}

pub(super) use say;

pub(super) fn line(text: fmt::Arguments<'_>) {
    note(writeln!(io::stdout(), "{text}"));
}

/// For what went wrong. If nobody reads that either, the exit code says it.
pub(super) fn complain(text: impl fmt::Display) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// The exit code of a command that ended with `code`: 1 if what it was asked for could not be written.
pub(super) fn finish(code: ExitCode) -> ExitCode {
    note(io::stdout().flush());
    match LOST.get() {
        None => code,
        Some(why) => {
            complain(format_args!("standard output: {why}"));
            ExitCode::FAILURE
        }
    }
}

fn note(written: io::Result<()>) {
    if let Err(error) = written
        && error.kind() != ErrorKind::BrokenPipe
    {
        let _ = LOST.set(error.kind());
    }
}
