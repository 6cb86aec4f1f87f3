//! Live lines where somebody watches; plain lines where the output goes into a file.

use std::io::IsTerminal as _;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

pub(super) struct Console {
    lines: MultiProgress,
    is_live: bool,
}

impl Console {
    pub(super) fn new() -> Console {
        Console { lines: MultiProgress::new(), is_live: std::io::stderr().is_terminal() }
    }

    pub(super) fn line(&self) -> anyhow::Result<ProgressBar> {
        let style = ProgressStyle::with_template("{prefix:12} {bar:20} {msg}")?;
        Ok(self.lines.add(ProgressBar::new(0).with_style(style)))
    }

    pub(super) fn say(&self, text: &str) {
        if self.is_live {
            let _ = self.lines.println(text);
        } else {
            println!("{text}");
        }
    }

    /// A line reached something worth a line of its own.
    pub(super) fn milestone(&self, name: &str, text: &str) {
        if !self.is_live {
            println!("{name:12} {text}");
        }
    }
}
