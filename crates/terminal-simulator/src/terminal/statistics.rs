//! What a terminal counts of itself.

/// What a terminal counted since it was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Statistics {
    pub requests: u64,
    /// Handshakes that were answered.
    pub handshakes: u64,
    /// Polls that were answered.
    pub polls: u64,
    pub polls_with_commands: u64,
    pub commands_executed: u64,
    /// Commands executed again under an id that was executed before.
    pub duplicates: u64,
    /// Commands handed out that this family does not even look at.
    pub commands_ignored: u64,
    /// Terminated lines in a poll's reply that are no commands.
    pub strange_lines: u64,
    /// Commands that ended with a negative code.
    pub refusals: u64,
    pub results_accepted: u64,
    pub uploads_acknowledged: u64,
    pub punches_acknowledged: u64,
    /// Updates that were stored.
    pub users_written: u64,
    pub users_removed: u64,
    /// Commands that removed everybody.
    pub wipes_by_command: u64,
    /// Updates that made somebody without a PIN (SF-repo).
    pub users_without_pin: u64,
    /// Updates with control characters in a value.
    pub control_characters: u64,
    /// Exchanges that failed.
    pub failures: u64,
    pub reboots: u64,
}
