//! What is logged where. docs/logging.md lists the fields.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt};

/// How a person sets it.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// How log lines are written to standard error.
    #[arg(long, env = "ROLLCALL_LOG_FORMAT", value_enum, default_value_t, global = true, value_name = "FORMAT")]
    pub log_format: LogFormat,
}

/// How log lines are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// Starts logging to standard error. `RUST_LOG` chooses what; from `level` upwards when it is not set. Starting twice
/// changes nothing.
pub fn start(format: LogFormat, level: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let lines = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Whoever started logging before, a test for instance, keeps it.
    let _ = match format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).with_target(false).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).try_init(),
    };
}
